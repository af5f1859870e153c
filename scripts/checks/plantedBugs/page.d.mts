/** docs/plantedBugs.md as it should be now. */
export declare function plantedBugsPage(): string;

/** The page of planted bugs with the score of the random faults as it is now. */
export declare function withSection(page: string): string;

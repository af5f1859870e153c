/** [law, test file, source file, find, replace, further pairs]; `find` is null where the file is new. */
export type PlantedBug = readonly [string, string, string, string | null, string, ...string[]];
export const plantedBugs: readonly PlantedBug[];
/** @throws Error unless each text to find is there once */
export function withBug(bug: PlantedBug, original: string): string;

export const framesFolder: string;
/** The sources of assembly/ by their paths from there. */
export function readSources(): Map<string, string>;
/** The generated files by their names, and their contents. @throws Error for sources that it cannot read */
export function generateFrames(sources: ReadonlyMap<string, string>): Map<string, string>;

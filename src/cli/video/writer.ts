/** What takes the frames of a video. */
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { PixelImage } from "../../formats/index.js";

export interface VideoWriter {
  /** The frame's bytes may be written over once this is done. */
  write(frame: PixelImage): Promise<void>;
  /** Gives the video its name. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): void;
}

/** A hidden name beside `path`, for what is not complete yet. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`);
}

/** What takes the frames of a video. */
import type { PixelImage } from "../../formats/index.js";

export interface VideoWriter {
  /** The frame's bytes may be written over once this is done. */
  write(frame: PixelImage): Promise<void>;
  /** Gives the video its name. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): void;
}

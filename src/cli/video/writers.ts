/** Where the frames of a video go: the ending of the name decides. Nothing of that name appears before it is complete. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { FileWriter, systemError, temporaryPath, writeFile } from "../../files.js";
import {
  type AnimationFormat,
  ApngEncoder,
  encodePixels,
  GifEncoder,
  MAX_GIF_FPS,
  type PixelImage,
} from "../../formats/index.js";
import { makeFolder } from "../files.js";
import { Interrupted, type Terminal, UsageError, watchInterrupt } from "../terminal.js";
import { type FfmpegKind, FfmpegWriter, hasFfmpeg } from "./ffmpeg.js";
import type { VideoWriter } from "./writer.js";

const WITHOUT_FFMPEG = ".png (animated), .gif, or a folder for frames";

/** @throws UsageError for an ending that cannot be written here */
export function checkVideoPath(path: string): void {
  const ending = endingOf(path);
  if (ending === "" && existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new UsageError(`${path} is a file; frames need a folder`);
    if (readdirSync(path).length > 0)
      throw new UsageError(`the folder ${path} is not empty; name one that is, or a new one`);
  }
  if (![".mp4", ".webm", ".png", ".gif", ""].includes(ending)) {
    throw new UsageError(`${path}: expected a name that ends in .mp4, .webm, ${WITHOUT_FFMPEG}`);
  }
  if ((ending === ".mp4" || ending === ".webm") && !hasFfmpeg()) {
    throw new UsageError(`${ending} needs the program ffmpeg, which is not on the PATH; without it: ${WITHOUT_FFMPEG}`);
  }
}

const endingOf = (path: string): string => (/[/\\]$/.test(path) ? "" : extname(path).toLowerCase());

function videoWriter(path: string, format: AnimationFormat, terminal: Terminal): VideoWriter {
  makeFolder(dirname(path));
  switch (endingOf(path)) {
    case ".mp4":
    case ".webm":
      return new FfmpegWriter(path, endingOf(path).slice(1) as FfmpegKind, format);
    case ".png":
      return encodedFile(path, new ApngEncoder(format));
    case ".gif":
      if (format.fps > MAX_GIF_FPS) {
        terminal.err(
          `warning: GIF has at most ${MAX_GIF_FPS} frames a second, so this one plays slower than ${format.fps}\n`,
        );
      }
      return encodedFile(path, new GifEncoder(format));
    default:
      return new FolderWriter(path);
  }
}

/** What turns frames into the pieces of a file. */
interface Encoder {
  header?(): Uint8Array;
  frame(data: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

function encodedFile(path: string, encoder: Encoder): VideoWriter {
  const file = new FileWriter(path);
  if (encoder.header !== undefined) file.write(encoder.header());
  return {
    write: async ({ data }) => file.write(encoder.frame(data)),
    finish: async () => {
      file.write(encoder.end());
      file.finish();
    },
    abandon: () => file.abandon(),
  };
}

/** frame0000.png and on, in a folder that gets its name at the end. */
class FolderWriter implements VideoWriter {
  readonly #path: string;
  readonly #temporary: string;
  #count = 0;

  constructor(path: string) {
    this.#path = path.replace(/[/\\]+$/, "");
    this.#temporary = temporaryPath(this.#path);
    mkdirSync(this.#temporary);
  }

  async write(frame: PixelImage): Promise<void> {
    const name = `frame${String(this.#count++).padStart(4, "0")}.png`;
    writeFile(join(this.#temporary, name), encodePixels(frame));
  }

  async finish(): Promise<void> {
    try {
      if (existsSync(this.#path)) rmdirSync(this.#path); // checked to be empty
      renameSync(this.#temporary, this.#path);
    } catch (error) {
      throw systemError("write", this.#path, error);
    }
  }

  abandon(): void {
    rmSync(this.#temporary, { recursive: true, force: true });
  }
}

/**
 * Writes frames as they are made: one at a time is in memory. Ctrl-C, an error or SIGTERM leave no file of the name and no
 * leftovers; a run that is killed outright leaves a hidden one, which the next one that writes into the folder deletes.
 */
export async function writeVideo(
  path: string,
  format: AnimationFormat,
  terminal: Terminal,
  frames: (write: (frame: PixelImage) => Promise<void>) => Promise<void>,
): Promise<void> {
  const writer = videoWriter(path, format, terminal);
  let count = 0;
  const interrupted = (): Interrupted =>
    new Interrupted(`interrupted after ${count} of ${format.frames} frames; nothing was written`);
  const interrupt = watchInterrupt();
  try {
    // Frames are made without a pause; a turn of the event loop for each lets signals through.
    await frames(async (frame) => {
      await writer.write(frame);
      count++;
      await new Promise((resolve) => setImmediate(resolve));
      if (interrupt.wasCaught()) throw interrupted();
    });
    await writer.finish();
  } catch (error) {
    writer.abandon();
    // In a terminal Ctrl-C stops ffmpeg, too, which would be told as its failure.
    throw interrupt.wasCaught() ? interrupted() : error;
  } finally {
    interrupt.release();
  }
}

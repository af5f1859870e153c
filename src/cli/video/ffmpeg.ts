/** MP4 and WebM by the program ffmpeg, which gets the frames as raw bytes, one after the other. */
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { systemError, temporaryPath } from "../../files.js";
import { type AnimationFormat, type PixelImage, withChannels } from "../../formats/index.js";
import { oneLine } from "../terminal.js";
import type { VideoWriter } from "./writer.js";

export type FfmpegKind = "mp4" | "webm";

/** Whether there is an ffmpeg that runs. */
export function hasFfmpeg(): boolean {
  return spawnSync("ffmpeg", ["-version"], { stdio: "ignore" }).status === 0;
}

const codecs: Readonly<Record<FfmpegKind, readonly string[]>> = {
  mp4: ["-c:v", "libx264", "-crf", "16", "-movflags", "+faststart", "-f", "mp4"],
  webm: ["-c:v", "libvpx-vp9", "-crf", "16", "-b:v", "0", "-row-mt", "1", "-f", "webm"],
};

export class FfmpegWriter implements VideoWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #process: ChildProcessByStdio<Writable, null, Readable>;
  readonly #ended: Promise<number | null>;
  readonly #channels: 1 | 3;
  #said = "";

  constructor(path: string, kind: FfmpegKind, { width, height, channels, fps }: AnimationFormat) {
    this.#path = path;
    this.#temporary = temporaryPath(path);
    this.#channels = channels <= 2 ? 1 : 3;
    const input = ["-f", "rawvideo", "-pix_fmt", this.#channels === 1 ? "gray" : "rgb24", "-s", `${width}x${height}`];
    // yuv420p halves the colours' resolution, so both sides must be even.
    const even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"];
    const args = ["-y", "-loglevel", "error", ...input, "-r", String(fps), "-i", "-", ...even, ...codecs[kind]];
    // With `file:`, since ffmpeg takes what comes before a colon for the name of a protocol.
    this.#process = spawn("ffmpeg", [...args, `file:${this.#temporary}`], { stdio: ["pipe", "ignore", "pipe"] });
    this.#process.stderr.on("data", (text) => {
      this.#said = (this.#said + String(text)).slice(-2000);
    });
    // A broken pipe is told with what ffmpeg said, when it ends.
    this.#process.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => {
        this.#said = error.message;
        resolve(null);
      });
      this.#process.on("close", resolve);
    });
  }

  async write(frame: PixelImage): Promise<void> {
    const { data } = withChannels(frame, this.#channels);
    if (this.#process.exitCode !== null) await this.#check();
    // A copy: the frame's memory is used again for the next one.
    if (!this.#process.stdin.write(data.slice())) {
      await Promise.race([once(this.#process.stdin, "drain"), this.#ended]);
    }
  }

  async finish(): Promise<void> {
    this.#process.stdin.end();
    await this.#check();
    try {
      renameSync(this.#temporary, this.#path);
    } catch (error) {
      throw systemError("write", this.#path, error);
    }
  }

  abandon(): void {
    this.#process.kill("SIGKILL");
    rmSync(this.#temporary, { force: true });
  }

  async #check(): Promise<void> {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`cannot write ${this.#path}: ffmpeg ended with ${code}: ${oneLine(this.#said)}`);
  }
}

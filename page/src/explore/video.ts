/** Films as MP4 or WebM: WebCodecs encodes, mediabunny writes the file. Loaded when somebody asks for one. */
import {
  BufferTarget,
  CanvasSource,
  getFirstEncodableVideoCodec,
  Mp4OutputFormat,
  Output,
  QUALITY_VERY_HIGH,
  WebMOutputFormat,
} from "mediabunny";
import type { Picture } from "../engine/protocol.js";
import { draw } from "../ui/canvas.js";

/** Encoders want at least so many pixels a side; small images are enlarged by whole factors. */
const LEAST_SIDE = 256;

export interface VideoOptions {
  readonly format: "mp4" | "webm";
  readonly fps: number;
  readonly frames: number;
  readonly side: number;
  readonly signal: AbortSignal;
  /** Null when cancelled. */
  readonly frame: (k: number) => Promise<Picture | null>;
}

/** Null when cancelled. Throws Error where the browser encodes no codec of the format. */
export async function encodeVideo({ format, fps, frames, side, signal, frame }: VideoOptions): Promise<Blob | null> {
  const factor = Math.max(1, Math.ceil(LEAST_SIDE / side));
  const size = side * factor;
  const outputFormat = format === "mp4" ? new Mp4OutputFormat() : new WebMOutputFormat();
  const codecs = format === "mp4" ? (["avc", "hevc", "av1", "vp9"] as const) : (["vp9", "vp8", "av1"] as const);
  const codec = await getFirstEncodableVideoCodec([...codecs], { width: size, height: size });
  if (codec === null) {
    throw new Error(
      `This browser cannot encode ${format === "mp4" ? "MP4" : "WebM"} videos; an animated PNG or a GIF works everywhere.`,
    );
  }
  const small = document.createElement("canvas");
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  const target = new BufferTarget();
  const output = new Output({ format: outputFormat, target });
  const source = new CanvasSource(canvas, { codec, bitrate: QUALITY_VERY_HIGH });
  output.addVideoTrack(source, { frameRate: fps });
  await output.start();
  for (let k = 0; k < frames; k++) {
    const picture = await frame(k);
    if (picture === null || signal.aborted) {
      await output.cancel();
      return null;
    }
    draw(small, picture);
    context.drawImage(small, 0, 0, size, size);
    await source.add(k / fps, 1 / fps);
  }
  await output.finalize();
  return new Blob([target.buffer!], { type: `video/${format}` });
}

/** Many images, one file each, and perhaps all of them on a sheet: the loop of `generate` and `mix`. */
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { writeFile } from "../../files.js";
import type { Tensor } from "../../index.js";
import { formatDuration, Progress } from "../progress.js";
import { Interrupted, type Terminal, watchInterrupt } from "../terminal.js";
import { encodeImage, type ImageFormat, type Sheet } from "./pictures.js";

/** An image to make. */
export interface SeriesImage {
  /** Of its file, without the ending. */
  readonly name: string;
  /** Its places on the sheet. */
  readonly places: readonly number[];
  /** What decided it, for --json: {"seed": 85}. */
  readonly from: Readonly<Record<string, number>>;
  /** [1, C, H, W] */
  make(): Tensor;
}

export interface SeriesOptions {
  readonly outdir: string;
  readonly format: ImageFormat;
  readonly sheet: Sheet | null;
  /** Tell what was made as one JSON object instead of in words. */
  readonly json?: boolean;
}

/**
 * Makes and writes `count` images, `imageAt(0)` first. Ctrl-C ends it after the image at hand: what was made stays, on the sheet,
 * too.
 *
 * @throws Interrupted after Ctrl-C, saying how many were written
 */
export async function writeSeries(
  count: number,
  imageAt: (index: number) => SeriesImage,
  { outdir, format, sheet, json = false }: SeriesOptions,
  terminal: Terminal,
): Promise<void> {
  const sheetPath = join(outdir, "grid.png");
  const progress = new Progress(count, terminal);
  const written: object[] = [];
  const interrupt = watchInterrupt();
  try {
    for (let index = 0; index < count && !interrupt.wasCaught(); index++) {
      const { name, places, from, make } = imageAt(index);
      const image = make();
      const path = join(outdir, `${name}.${format}`);
      writeFile(path, encodeImage(image, format));
      for (const place of places) sheet?.put(place, image);
      written.push(json ? { file: path, ...from } : from);
      progress.step(path);
      await setImmediate(); // signals arrive here
    }
    if (sheet !== null && written.length > 0) writeFile(sheetPath, sheet.encode());
  } finally {
    interrupt.release();
    progress.end();
  }
  const { elapsedMs } = progress;
  const also = sheet === null ? "" : `, all of them on ${sheetPath}`;
  if (json) {
    const made = { outdir, images: written, grid: sheet === null ? null : sheetPath, seconds: elapsedMs / 1000 };
    terminal.out(`${JSON.stringify({ ...made, interrupted: interrupt.wasCaught() }, null, 2)}\n`);
  }
  if (interrupt.wasCaught())
    throw new Interrupted(`interrupted: ${written.length} of ${count} images are in ${outdir}${also}`);
  if (json || terminal.isQuiet) return;
  terminal.out(`${count === 1 ? "1 image" : `${count} images`} in ${outdir}${also} (${formatDuration(elapsedMs)})\n`);
}

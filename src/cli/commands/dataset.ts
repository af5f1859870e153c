/** `stylegan dataset`: a folder or archive of any images, as an archive of images that training takes. */
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { isSameFile } from "../../files.js";
import {
  cropCentre,
  decodeImage,
  encodePixels,
  FileError,
  imageHeader,
  type PixelImage,
  resize,
  withChannels,
} from "../../formats/index.js";
import { type ImageFile, labelsByName, readLabels } from "../../stylegan/training/index.js";
import { makeFolder } from "../files.js";
import { mirrored, openImages } from "../images/datasetFiles.js";
import { ZipWriter } from "../images/zipWriter.js";
import { parseCount } from "../options.js";
import { Progress } from "../progress.js";
import { Interrupted, type InterruptWatch, oneLine, type Terminal, UsageError, watchInterrupt } from "../terminal.js";

interface DatasetOptions {
  readonly resolution?: number;
  readonly crop: "center" | "none";
  readonly grey?: true;
  readonly mirror?: true;
  readonly maxImages?: number;
  readonly skipBad?: true;
  readonly ignoreExif?: true;
}

const examples = `
Every image becomes a square PNG: cropped, resized (Lanczos), in RGB, or grey where all of them are. Transparent pixels
are laid on white. Labels in the source's dataset.json are kept: {"labels": [["name.png", 3], ...]}.

Examples:
  $ stylegan dataset photos photos256.zip --resolution 256
  $ stylegan dataset scans.zip scans64.zip --resolution 64 --crop none --grey --skip-bad`;

export function datasetCommand(terminal: Terminal): Command {
  return new Command("dataset")
    .description("Crop, resize and pack images for training.")
    .argument("<source>", "folder (with the folders in it) or zip of PNG and JPEG images")
    .argument("<out>", "archive to write, NAME.zip")
    .addOption(
      new Option("--resolution <pixels>", "of a side, a power of two (default: what fits into the first)").argParser(
        parseResolution,
      ),
    )
    .addOption(
      new Option("--crop <how>", "center: the largest square in the middle; none: images must be square already")
        .choices(["center", "none"])
        .default("center"),
    )
    .option("--grey", "turn colours into grey")
    .option("--mirror", "pack every image mirrored as well (or train with --mirror, which needs no space)")
    .option("--ignore-exif", "leave photos as they are stored, not as the camera was held")
    .addOption(new Option("--max-images <count>", "take only the first so many").argParser(parseCount(1)))
    .option("--skip-bad", "leave out images that cannot be used, and name them; without it the first one stops")
    .addHelpText("after", examples)
    .action((source: string, out: string, options: DatasetOptions) => packDataset(source, out, options, terminal));
}

function parseResolution(text: string): number {
  const value = parseCount(4)(text);
  if (!Number.isInteger(Math.log2(value))) throw new InvalidArgumentError("Expected a power of two, at least 4.");
  return value;
}

async function packDataset(source: string, out: string, options: DatasetOptions, terminal: Terminal): Promise<void> {
  if (!out.endsWith(".zip")) throw new UsageError(`the archive to write must end in .zip, got ${out}`);
  if (isSameFile(source, out)) throw new UsageError(`${out} is the archive to read; name another one to write`);
  const images = openImages(source);
  const interrupt = watchInterrupt(); // from here on: the archive begins as a file that must not be left behind
  try {
    const files = images.files.slice(0, options.maxImages);
    if (files.length === 0) throw new Error(`${source} holds no PNG or JPEG images`);
    if (images.ignored !== null) terminal.err(`warning: ${source}: ${images.ignored}\n`);
    const labels = named(source, () => labelsByName(images.json));
    makeFolder(dirname(out));
    const counts = await pack(source, files, labels, { zip: new ZipWriter(out), interrupt }, options, terminal);
    if (counts.classNames !== null)
      terminal.out(`classes: ${counts.classNames.map((name, k) => `${k} ${name}`).join(", ")}\n`);
    const skipped = counts.bad === 0 ? "" : `, ${counts.bad} left out`;
    const { resolution, channels } = counts;
    terminal.out(`${out}: ${counts.packed} images of ${resolution}x${resolution}x${channels}${skipped}\n`);
    if (counts.enlarged > 0) {
      terminal.err(`warning: ${counts.enlarged} images were smaller than ${resolution}x${resolution} and enlarged\n`);
    }
  } finally {
    interrupt.release();
    images.close();
  }
}

interface Shape {
  readonly resolution: number;
  readonly channels: 1 | 3;
}

/** @throws Interrupted after Ctrl-C: the archive would lack images, so there is none */
async function pack(
  source: string,
  files: readonly ImageFile[],
  labels: ReadonlyMap<string, unknown> | null,
  { zip, interrupt }: { readonly zip: ZipWriter; readonly interrupt: InterruptWatch },
  options: DatasetOptions,
  terminal: Terminal,
) {
  const kept: { readonly name: string; readonly source: string }[] = [];
  const progress = new Progress(files.length, terminal);
  const counts = { packed: 0, bad: 0, enlarged: 0 };
  try {
    const shape = shapeOf(source, files, options);
    const withLabel = labels === null ? files : files.filter(({ name }) => labels.has(name));
    const packed = named(source, () =>
      readLabels(
        { labels: labels && [...labels] },
        withLabel.map(({ name }) => name),
      ),
    );
    const plain = new Map(withLabel.map(({ name }, index) => [name, packed?.plain[index]]));
    for (const [index, file] of files.entries()) {
      await setImmediate(); // signals arrive here
      if (interrupt.wasCaught()) {
        throw new Interrupted(`interrupted after ${index} of ${files.length} images; nothing was written`);
      }
      const original = usable(source, file, labels, options, terminal);
      if (original === null) {
        counts.bad++;
        continue;
      }
      if (Math.min(original.width, original.height) < shape.resolution) counts.enlarged++;
      const image = toShape(original, shape);
      for (const version of options.mirror ? [image, mirrored(image)] : [image]) {
        const name = officialName(counts.packed++);
        zip.add(name, encodePixels(version));
        kept.push({ name, source: file.name });
      }
      if (terminal.isInteractive) progress.step(file.name);
    }
    if (counts.packed === 0) throw new Error(`${source}: not one of ${files.length} images can be used`);
    zip.add(
      "dataset.json",
      new TextEncoder().encode(JSON.stringify(officialJson(kept, packed && plain, packed?.classNames ?? null))),
    );
    zip.finish();
    return { ...counts, ...shape, classNames: packed?.classNames ?? null };
  } catch (error) {
    zip.abandon();
    throw error;
  } finally {
    progress.end();
  }
}

/** The size that all images get, from the first that has one; grey when none has colours. */
function shapeOf(source: string, files: readonly ImageFile[], { resolution, grey, ignoreExif }: DatasetOptions): Shape {
  const exif = { ignoreExif: ignoreExif ?? false };
  const wrong: string[] = [];
  const headers = files.flatMap((file) => {
    try {
      return [imageHeader(file.read(), exif)];
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      wrong.push(`${file.name}: ${oneLine(error)}`);
      return []; // told when it is packed
    }
  });
  const first = headers.at(0);
  if (first === undefined) {
    const others = files.length === 1 ? "" : `; none of the other ${files.length - 1} can be used either`;
    throw new Error(`${source}: ${wrong[0]}${others}`);
  }
  const side = Math.min(first.width, first.height);
  if (resolution === undefined && side < 4) {
    throw new Error(`${source}: images must have at least 4 pixels a side, ${files[0].name} has ${side}`);
  }
  return {
    resolution: resolution ?? 2 ** Math.floor(Math.log2(side)),
    channels: grey === true || headers.every(({ isGrey }) => isGrey) ? 1 : 3,
  };
}

/** The image, cropped; null after it was found bad and --skip-bad is given. */
function usable(
  source: string,
  file: ImageFile,
  labels: ReadonlyMap<string, unknown> | null,
  { crop, skipBad, ignoreExif }: DatasetOptions,
  terminal: Terminal,
): PixelImage | null {
  const exif = { ignoreExif: ignoreExif ?? false };
  try {
    const image = decodeImage(file.read(), exif);
    if (labels !== null && !labels.has(file.name)) throw new FileError("has no label in dataset.json");
    if (crop === "center") return cropCentre(image);
    if (image.width === image.height) return image;
    throw new FileError(`must be square with --crop none, has ${image.width}x${image.height} pixels`);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const message = `${source}: ${file.name}: ${oneLine(error)}`;
    if (!skipBad) throw new Error(`${message}; --skip-bad leaves such images out`, { cause: error });
    terminal.err(`left out: ${message}\n`);
    return null;
  }
}

function toShape(image: PixelImage, { resolution, channels }: Shape): PixelImage {
  return resize(withChannels(image, channels), resolution, resolution);
}

/** `dataset.json` as the official tool writes it; the names of classes, where there are any, beside the labels. */
function officialJson(
  kept: readonly { readonly name: string; readonly source: string }[],
  labels: ReadonlyMap<string, unknown> | null,
  classNames: readonly string[] | null,
) {
  if (labels === null) return { labels: null };
  const rows = kept.map(({ name, source }) => [name, labels.get(source)]);
  return classNames === null ? { labels: rows } : { labels: rows, class_names: classNames };
}

/** Puts the source's name before what is wrong with it. */
function named<T>(source: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new Error(`${source}: ${(error as Error).message}`, { cause: error });
  }
}

/** As the official tool names them: 00000/img00000012.png */
function officialName(index: number): string {
  const number = String(index).padStart(8, "0");
  return `${number.slice(0, 5)}/img${number}.png`;
}

/** Folders and zip archives of images, as named files that are read when their bytes are needed. */
import { readdirSync, statSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { openFile, readFile, systemError } from "../../files.js";
import {
  FileError,
  isImageName,
  isOtherImageName,
  type PixelImage,
  readZipDirectory,
  readZipEntry,
} from "../../formats/index.js";
import { type ImageFile, labelsByName } from "../../stylegan/training/index.js";

export interface ImageFolder {
  /** Images in the order of their names. */
  readonly files: readonly ImageFile[];
  /** What `dataset.json` holds, labels by the whole names of the files; null when there is none. */
  readonly json: unknown;
  /** What was passed over, in words; null where everything counts. */
  readonly ignored: string | null;
  close(): void;
}

const DATASET_JSON = "dataset.json";

/**
 * The images of a folder (and those in it), or of a zip archive.
 *
 * @throws Error naming the file when it cannot be read, is no archive, or its dataset.json is not JSON
 */
export function openImages(path: string): ImageFolder {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw systemError("read", path, error);
  }
  return isFolder ? openFolder(path) : openZip(path);
}

function openFolder(path: string): ImageFolder {
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const read = (name: string): Uint8Array => readFile(join(path, name));
  return { ...sortFiles(path, names, read), close: () => {} };
}

function openZip(path: string): ImageFolder {
  const source = openFile(path);
  try {
    const entries = readZipDirectory(source);
    const read = (name: string): Uint8Array => readZipEntry(source, entries.get(name)!);
    return { ...sortFiles(path, [...entries.keys()], read), close: source.close };
  } catch (error) {
    source.close();
    if (error instanceof FileError) throw new Error(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

function sortFiles(path: string, names: readonly string[], read: (name: string) => Uint8Array) {
  const wanted = names.filter((name) => !isHidden(name));
  const files = wanted
    .filter(isImageName)
    .sort(byCodeUnits)
    .map((name) => ({ name, read: () => read(name) }));
  const labels = labelFile(path, wanted);
  const left = names.filter((name) => !name.endsWith("/") && name !== labels && (isHidden(name) || !isImageName(name)));
  const ignored = describeIgnored(left);
  if (labels === null) return { files, json: null, ignored };
  try {
    const json = JSON.parse(new TextDecoder().decode(read(labels))) as unknown;
    return { files, json: withWholeNames(json, labels, new Set(files.map(({ name }) => name))), ignored };
  } catch (error) {
    const message = (error as Error).message.replace(/^dataset\.json: /, "");
    throw new Error(`${path}: ${labels} cannot be read: ${message}`, { cause: error });
  }
}

/** What systems and programs put beside files: macOS's twins, checkpoints of notebooks, thumbnails, anything with a dot. */
const isHidden = (name: string): boolean =>
  name.split("/").some((part) => part.startsWith(".") || /^(__MACOSX|thumbs\.db|desktop\.ini)$/i.test(part));

/** The dataset.json of the top folder, or else the only one there is. */
function labelFile(path: string, names: readonly string[]): string | null {
  const found = names.filter((name) => basename(name) === DATASET_JSON);
  if (found.length <= 1) return found[0] ?? null;
  if (found.includes(DATASET_JSON)) return DATASET_JSON;
  throw new Error(`${path}: expected one ${DATASET_JSON}, found ${found.join(" and ")}`);
}

/** Names in a dataset.json are relative to its folder. */
function withWholeNames(json: unknown, file: string, names: ReadonlySet<string>): unknown {
  const labels = labelsByName(json);
  if (labels === null) return null;
  const folder = file.slice(0, -DATASET_JSON.length);
  const whole = (name: string): string =>
    names.has(name) ? name : folder + name.replaceAll("\\", "/").replace(/^\.\//, "");
  return { labels: [...labels].map(([name, label]) => [whole(name), label]) };
}

/** How many of which, with a few names of images that might have been expected to count. */
function describeIgnored(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const images = names.filter((name) => !isHidden(name) && isOtherImageName(name));
  const others = names.length - images.length;
  const parts: string[] = [];
  if (images.length > 0) {
    const shown = images.slice(0, 3).join(", ") + (images.length > 3 ? ", ..." : "");
    parts.push(
      `${images.length} ${images.length === 1 ? "image is" : "images are"} no PNG or JPEG and left out: ${shown}`,
    );
  }
  if (others > 0) parts.push(`${others} other ${others === 1 ? "file" : "files"} ignored`);
  return parts.join("; ");
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Left and right exchanged. */
export function mirrored<Image extends Pick<PixelImage, "width" | "height" | "channels" | "data">>(
  image: Image,
): Image {
  const { width, height, channels, data } = image;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * channels;
      out.set(data.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return { ...image, data: out };
}

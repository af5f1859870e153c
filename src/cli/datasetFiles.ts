/** Folders and zip archives of images, as named files that are read when their bytes are needed. */
import { readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { openFile, readFile, systemError } from "../files.js";
import { FileError, isImageName, readZipDirectory, readZipEntry } from "../formats/index.js";
import type { ImageFile } from "../stylegan/training/index.js";

export interface ImageFolder {
  /** Images in the order of their names. */
  readonly files: readonly ImageFile[];
  /** What `dataset.json` holds; null when there is none. */
  readonly json: unknown;
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
  const files = names
    .filter(isImageName)
    .sort(byCodeUnits)
    .map((name) => ({ name, read: () => read(name) }));
  if (!names.includes(DATASET_JSON)) return { files, json: null };
  try {
    return { files, json: JSON.parse(new TextDecoder().decode(read(DATASET_JSON))) as unknown };
  } catch (error) {
    throw new Error(`${path}: ${DATASET_JSON} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Rows of numbers, one an image, that took long to compute: features, distances. They are kept in parts,
 *
 *   CACHE/<hash of all that the rows depend on>/about.json
 *   CACHE/<hash>/<first>-<end>.npy      rows first to end - 1, [rows, width] float32
 *
 * each of which appears whole or not at all. A row depends on its number only, never on those beside it: whatever was
 * killed goes on with what is missing, and any number of processes may fill the same folder.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readFile, writeFile } from "../../files.js";
import { readNpy, writeNpy } from "../../formats/index.js";
import { makeFolder } from "../files.js";

export interface RowSource {
  /** What it is, for people: "network.pkl". */
  readonly label: string;
  /** Everything that the rows depend on. */
  readonly identity: Readonly<Record<string, unknown>>;
  readonly width: number;
  /** Rows begin to end - 1, as [end - begin, width]. */
  compute(begin: number, end: number): Float32Array;
}

export interface Range {
  readonly begin: number;
  readonly end: number;
}

interface Part extends Range {
  readonly read: () => Float32Array;
}

/** Rows of a part: what is lost at most when a run is killed. */
const PART_ROWS = 50;
const PART_NAME = /^(\d+)-(\d+)\.npy$/;

/** The rows of one of several processes. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export function shardRange(rows: number, { index, count }: Shard): Range {
  return { begin: Math.floor((rows * index) / count), end: Math.floor((rows * (index + 1)) / count) };
}

export class RowCache {
  readonly #folder: string | null;
  readonly #inMemory = new Map<string, Part[]>();

  /** @param folder null keeps everything in memory */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** What of the range is not there yet. */
  missing(source: RowSource, { begin, end }: Range): Range[] {
    const gaps: Range[] = [];
    let next = begin;
    for (const part of this.#parts(source)) {
      if (part.end <= next) continue;
      if (part.begin >= end) break;
      if (part.begin > next) gaps.push({ begin: next, end: part.begin });
      next = part.end;
    }
    if (next < end) gaps.push({ begin: next, end });
    return gaps;
  }

  /** How many parts `fill` would compute. */
  partsToDo(source: RowSource, range: Range): number {
    return this.missing(source, range).reduce((sum, gap) => sum + partsOf(gap).length, 0);
  }

  /** Computes what is missing; `onPart` is called after each part with the number of the row after it. */
  fill(source: RowSource, range: Range, onPart: (end: number) => void): void {
    for (const part of this.missing(source, range).flatMap(partsOf)) {
      this.#keep(source, part, source.compute(part.begin, part.end));
      onPart(part.end);
    }
  }

  /** [end - begin, width]. All of it must be there. */
  read(source: RowSource, { begin, end }: Range): Float32Array {
    const { width } = source;
    const rows = new Float32Array((end - begin) * width);
    let next = begin;
    for (const part of this.#parts(source)) {
      if (part.end <= next || next >= end) continue;
      const stop = Math.min(part.end, end);
      rows.set(part.read().subarray((next - part.begin) * width, (stop - part.begin) * width), (next - begin) * width);
      next = stop;
    }
    return rows;
  }

  /** Parts in the order of their rows. */
  #parts(source: RowSource): readonly Part[] {
    const key = keyOf(source);
    if (this.#folder === null) return this.#inMemory.get(key) ?? [];
    const folder = join(this.#folder, key);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .flatMap((name) => {
        const match = PART_NAME.exec(name);
        if (match === null) return [];
        const [begin, end] = [Number(match[1]), Number(match[2])];
        return [{ begin, end, read: () => readPart(join(folder, name), end - begin, source.width) }];
      })
      .sort((a, b) => a.begin - b.begin || a.end - b.end);
  }

  #keep(source: RowSource, { begin, end }: Range, rows: Float32Array): void {
    const key = keyOf(source);
    if (this.#folder === null) {
      const parts = [...(this.#inMemory.get(key) ?? []), { begin, end, read: () => rows }];
      this.#inMemory.set(
        key,
        parts.sort((a, b) => a.begin - b.begin),
      );
      return;
    }
    const folder = join(this.#folder, key);
    const about = join(folder, "about.json");
    if (!existsSync(about)) {
      makeFolder(folder);
      writeFile(about, new TextEncoder().encode(`${JSON.stringify(source.identity, null, 2)}\n`));
    }
    const digits = (row: number): string => String(row).padStart(7, "0");
    const bytes = writeNpy({ data: rows, shape: [end - begin, source.width] });
    writeFile(join(folder, `${digits(begin)}-${digits(end)}.npy`), bytes);
  }
}

/** A gap cut where the numbers of rows are whole multiples of the length of a part. */
function partsOf({ begin, end }: Range): Range[] {
  const parts: Range[] = [];
  for (let next = begin; next < end; next = parts[parts.length - 1].end) {
    parts.push({ begin: next, end: Math.min(end, (Math.floor(next / PART_ROWS) + 1) * PART_ROWS) });
  }
  return parts;
}

function keyOf({ identity }: RowSource): string {
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 16);
}

function readPart(path: string, rows: number, width: number): Float32Array {
  const tensor = readNpy(readFile(path), path);
  if (tensor.shape.length !== 2 || tensor.shape[0] !== rows || tensor.shape[1] !== width) {
    throw new Error(
      `${path}: expected rows [${rows}, ${width}], found [${tensor.shape}]; remove it to compute it again`,
    );
  }
  const numbers = new Float32Array(rows * width);
  tensor.copyTo(numbers);
  return numbers;
}

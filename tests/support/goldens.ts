/** Golden tensors: where they lie, and how they are read. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder with fixtures: the environment variable FIXTURES, or tests/fixtures. */
export const FIXTURES = process.env.FIXTURES ?? new URL("../fixtures", import.meta.url).pathname;

export interface Golden {
  readonly metadata: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  has(name: string): boolean;
  /** F64, F32 or U8. */
  dtype(name: string): string;
  shape(name: string): readonly number[];
  /** The elements as numbers: Float64Array whatever the stored type. */
  data(name: string): Float64Array;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Reads a safetensors file without the library's own reader, which is under test. */
export function readGolden(path: string): Golden {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength)) as Record<string, Entry>;
  const { __metadata__: metadata, ...entries } = header;
  const find = (name: string): Entry => {
    const entry = entries[name];
    if (entry === undefined) throw new Error(`${path} has no tensor ${name}`);
    return entry;
  };
  return {
    metadata: (metadata ?? {}) as unknown as Record<string, string>,
    names: Object.keys(entries),
    has: (name) => name in entries,
    dtype: (name) => find(name).dtype,
    shape: (name) => find(name).shape,
    data: (name) => {
      const { dtype, data_offsets } = find(name);
      const [begin, end] = data_offsets.map((offset) => offset + 8 + headerLength);
      const copy = bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + end);
      if (dtype === "F64") return new Float64Array(copy);
      if (dtype === "F32") return Float64Array.from(new Float32Array(copy));
      if (dtype === "U8") return Float64Array.from(new Uint8Array(copy));
      throw new Error(`${path}: ${name} has type ${dtype}, expected F64, F32 or U8`);
    },
  };
}

/** Paths of files in a folder of the fixtures whose names end as given, sorted. */
export function fixtureFiles(folder: string, ending: string): string[] {
  const path = join(FIXTURES, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(path, name));
}

/** Largest |actual - expected| and the largest |expected|. */
export function compare(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { readonly difference: number; readonly largest: number } {
  if (actual.length !== expected.length) {
    throw new Error(`expected ${expected.length} elements, got ${actual.length}`);
  }
  let difference = 0;
  let largest = 0;
  for (let index = 0; index < expected.length; index++) {
    const distance = Math.abs(actual[index] - expected[index]);
    // Not Math.max: NaN must not vanish.
    if (!(distance <= difference)) difference = distance;
    if (Math.abs(expected[index]) > largest) largest = Math.abs(expected[index]);
  }
  return { difference, largest };
}

/**
 * Golden tensors: where they lie, and how they are read. A golden is known by what it holds, not by its name or folder:
 * `FIXTURES=folder npm test` takes any folder of them. Of what kind that folder has none, this repository's are taken.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const OWN = fileURLToPath(new URL("../fixtures", import.meta.url));

/** The folder with fixtures: the environment variable FIXTURES, or tests/fixtures. */
export const FIXTURES = process.env.FIXTURES ?? OWN;

const ENDING = ".golden.safetensors";

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

/** Paths of all golden files under a folder, sorted. */
export function goldensUnder(folder: string): string[] {
  if (!existsSync(folder)) throw new Error(`FIXTURES: there is no folder ${folder}`);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ENDING))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** What goldens hold, by kind. */
const KINDS = {
  /** Images and logits of a checkpoint beside it. */
  checkpoint: ({ names }: Golden) => names.includes("z") && names.some((name) => /^(img_|logits|ws)/.test(name)),
  /** Steps of training of a checkpoint beside it. */
  training: ({ names }: Golden) => names.some((name) => name.startsWith("step0/Gmain/")),
  ops: ({ metadata }: Golden) => "cases" in metadata,
  augment: ({ metadata }: Golden) => "specs" in metadata,
  metrics: ({ metadata }: Golden) => "values" in metadata,
  /** LPIPS of pairs of images, with weights from seeds. */
  lpips: ({ metadata }: Golden) => "pairs" in metadata,
  /** Features of images, with weights from seeds. */
  inception: ({ names }: Golden) => names.some((name) => name.endsWith("/pool3")),
  inceptionScore: ({ metadata }: Golden) => "scores" in metadata,
  /** Perceptual path lengths of a checkpoint. */
  ppl: ({ metadata }: Golden) => "vgg_base_seed" in metadata && "filter" in metadata,
  /** Curves from key to key. */
  video: ({ metadata }: Golden) => "cubic" in metadata,
  /** Directions in W: SeFa, PCA, and an edit with one. */
  directions: ({ metadata }: Golden) => "pca" in metadata,
  /** Terms, schedules and steps of the projector. */
  projection: ({ metadata }: Golden) => "noise_maps" in metadata,
} satisfies Record<string, (golden: Golden) => boolean>;

/** The kinds that a golden file is of. */
export const kindsOf = (path: string): string[] =>
  Object.entries(KINDS).flatMap(([kind, is]) => (is(readGolden(path)) ? [kind] : []));

/** A golden file, and what the tests call it. */
export interface GoldenFile {
  readonly name: string;
  readonly path: string;
}

/** All goldens of a kind, at least one: those under FIXTURES or, where it has none of the kind, this repository's. */
export function goldensOf(kind: keyof typeof KINDS): GoldenFile[] {
  const within = (folder: string): string[] => goldensUnder(folder).filter((path) => KINDS[kind](readGolden(path)));
  const given = within(FIXTURES);
  const paths = given.length > 0 ? given : within(OWN);
  if (paths.length === 0) throw new Error(`there are no goldens of the kind "${kind}" under ${FIXTURES} or ${OWN}`);
  return paths.map((path) => ({ name: basename(path, ENDING), path }));
}

/** The one golden of a kind of which there is one file. */
export function soleGolden(kind: keyof typeof KINDS): Golden {
  const files = goldensOf(kind);
  if (files.length > 1)
    throw new Error(`expected one golden of the kind "${kind}", got ${files.map(({ path }) => path)}`);
  return readGolden(files[0].path);
}

/** The checkpoint beside a golden file. */
export function checkpointBeside({ path }: GoldenFile): string {
  const stem = path.slice(0, -ENDING.length);
  const found = [".pkl", ".pt", ".pth", ".safetensors"].map((ending) => stem + ending).find(existsSync);
  if (found === undefined) throw new Error(`${path} has no checkpoint beside it`);
  return found;
}

/** The checkpoint that a golden names, and its own golden: under FIXTURES or, where that lacks it, this repository's. */
export function checkpointNamed(name: string): { readonly path: string; readonly golden: Golden } {
  for (const folder of [FIXTURES, OWN]) {
    const path = goldensUnder(folder).find((file) => basename(file, ENDING) === name);
    if (path !== undefined) return { path: checkpointBeside({ name, path }), golden: readGolden(path) };
  }
  throw new Error(`there is no checkpoint ${name} under ${FIXTURES} or ${OWN}`);
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

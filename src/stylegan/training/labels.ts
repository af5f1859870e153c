/**
 * Labels of a data set, as `dataset.json` holds them: {"labels": [["00000/img00000000.png", 6], ...]}, the list alone, or
 * {"name.png": 6, ...}. A label is a class 0, 1, ..., the name of a class, or a vector. Tests: tests/training/dataset.test.ts.
 */
import { describe, FileError } from "../../formats/fileError.js";

const MAX_CLASSES = 1 << 16;

/**
 * The labels by the name of their file; null where there are none.
 *
 * @param json the parsed file
 * @throws FileError for another form, naming the entry
 */
export function labelsByName(json: unknown): ReadonlyMap<string, unknown> | null {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const labels = isRecord(json) && "labels" in json ? json.labels : json;
  if (labels === null || labels === undefined || (isRecord(labels) && Object.keys(labels).length === 0)) return null;
  const entries: unknown = isRecord(labels) ? Object.entries(labels) : labels;
  if (!Array.isArray(entries)) {
    throw new FileError(`dataset.json: labels must be a list of [name, label], found ${describe(entries)}`);
  }
  const byName = new Map<string, unknown>();
  for (const entry of entries) {
    if (!Array.isArray(entry) || typeof entry[0] !== "string" || entry.length !== 2) {
      throw new FileError(`dataset.json: labels must be a list of [name, label], found ${describe(entry)} in it`);
    }
    const [name, label] = entry as [string, unknown];
    if (byName.has(name) && JSON.stringify(byName.get(name)) !== JSON.stringify(label)) {
      throw new FileError(`dataset.json: ${name} has two labels, ${describe(byName.get(name))} and ${describe(label)}`);
    }
    byName.set(name, label);
  }
  return byName;
}

/** What a set of labels comes to. */
export interface Labels {
  /** In the order of the files, each [cDim]. */
  readonly vectors: readonly Float32Array[];
  /** The same as numbers of classes, or as vectors, as the official `dataset.json` has them. */
  readonly plain: readonly (number | readonly number[])[];
  /** Class names in the order of their numbers; null where the classes came as numbers or vectors. */
  readonly classNames: readonly string[] | null;
}

/**
 * The labels of files in their order. Classes become one-hot vectors, vectors stay as they are, and names of classes are
 * numbered in the order of their letters.
 *
 * @param json the parsed `dataset.json`; without labels the result is null
 * @throws FileError naming the first image that has no label, or another kind of label than the first has
 */
export function readLabels(json: unknown, names: readonly string[]): Labels | null {
  const byName = labelsByName(json);
  if (byName === null) return null;
  const values = names.map((name) => {
    const value = byName.get(name);
    if (value === undefined) throw new FileError(`dataset.json: no label for ${name}`);
    return value;
  });
  const [first] = values;
  if (typeof first === "string") return namedClasses(values, names);
  if (Array.isArray(first)) return vectors(values, names, first.length);
  return classes(values, names);
}

/** The labels as vectors [cDim] (`readLabels`); null for none. */
export function parseLabels(json: unknown, names: readonly string[]): readonly Float32Array[] | null {
  return readLabels(json, names)?.vectors ?? null;
}

function classes(values: readonly unknown[], names: readonly string[]): Labels {
  const isClass = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  expectAll(values, names, isClass);
  const numbers = values as readonly number[];
  const count = numbers.reduce((most, value) => Math.max(most, value), 0) + 1;
  if (count > MAX_CLASSES) {
    const culprit = names[numbers.indexOf(count - 1)];
    throw new FileError(`dataset.json: expected at most ${MAX_CLASSES} classes, ${culprit} has class ${count - 1}`);
  }
  const oneHots = new Map<number, Float32Array>(); // shared by the images of a class
  for (const value of numbers) {
    if (!oneHots.has(value)) oneHots.set(value, new Float32Array(count).fill(1, value, value + 1));
  }
  return { vectors: numbers.map((value) => oneHots.get(value)!), plain: numbers, classNames: null };
}

function namedClasses(values: readonly unknown[], names: readonly string[]): Labels {
  expectAll(values, names, (value) => typeof value === "string");
  const classNames = [...new Set(values as readonly string[])].sort();
  const numbers = new Map(classNames.map((name, index) => [name, index]));
  return {
    ...classes(
      values.map((name) => numbers.get(name as string)),
      names,
    ),
    classNames,
  };
}

function vectors(values: readonly unknown[], names: readonly string[], width: number): Labels {
  const isVector = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length === width && width > 0 && value.every(Number.isFinite);
  expectAll(values, names, isVector);
  const rows = values as readonly number[][];
  return { vectors: rows.map((row) => Float32Array.from(row)), plain: rows, classNames: null };
}

/** All labels are of the kind of the first; the first that is not is named, beside the first where both could be right. */
function expectAll(values: readonly unknown[], names: readonly string[], is: (value: unknown) => boolean): void {
  const odd = values.findIndex((value) => !is(value));
  if (odd < 0) return;
  const has = (index: number): string => `${names[index]} has ${describe(values[index])}`;
  const culprit =
    typeof values[odd] === typeof values[0] && !Array.isArray(values[odd]) ? has(odd) : `${has(0)}, ${has(odd)}`;
  throw new FileError(
    `dataset.json: labels must all be classes 0, 1, ..., all names of classes, or all vectors of one length; ${odd === 0 ? has(0) : culprit}`,
  );
}

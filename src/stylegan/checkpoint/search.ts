/** Finding networks in whatever they are wrapped in: dicts, lists, tuples, prefixes of names; and which of them is which. */
import { CheckpointError, describe } from "../../formats/fileError.js";
import { isForeign, type PickleValue, sequence } from "../../formats/pickle/values.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import { TorchTensor } from "../../formats/torch/reader.js";
import type { Opened } from "./format.js";
import { ForeignNetworkError } from "./networkData.js";

export interface Found<T> {
  /** Keys and indices on the way to it, as the file has them. */
  readonly path: readonly string[];
  readonly value: T;
}

const MAX_DEPTH = 4;
const MAX_LOOKED_AT = 100_000;

/** Everything of a kind, outermost first. What is found is not looked into, unless it is asked for. */
export function findIn<T extends PickleValue>(
  top: PickleValue,
  is: (value: PickleValue) => value is T,
  { within = false }: { readonly within?: boolean } = {},
): Found<T>[] {
  const found: Found<T>[] = [];
  const seen = new Set<PickleValue>();
  const visit = (value: PickleValue, path: readonly string[]): void => {
    const isOne = is(value) && !seen.has(value);
    if (isOne) found.push({ path, value });
    if (isOne && !within) return;
    if (typeof value !== "object" || value === null || seen.has(value) || path.length >= MAX_DEPTH) return;
    if (seen.size >= MAX_LOOKED_AT) return;
    seen.add(value);
    const items = sequence(value);
    if (value instanceof Map) {
      for (const [key, item] of value) visit(item, [...path, typeof key === "string" ? key : describe(key)]);
    }
    for (const [index, item] of (items ?? []).entries()) visit(item, [...path, String(index)]);
  };
  visit(top, []);
  return found;
}

/** A path in the file's words: `g_ema`, `state_dict.module`; "the file" for its whole. */
export const wordsOf = (path: readonly string[]): string => path.filter((part) => part !== "").join(".") || "the file";

const isAveraged = (words: readonly string[]) => words.some((word) => /ema|^gs$|running|averag/i.test(word));
const isTrained = (words: readonly string[]) => words.some((word) => /^(g|generator|net_?g|params)$/i.test(word));

/**
 * Which generator is the averaged one: the one called so, or else one that is not called the other. In lists the averaged one comes
 * last, as in the official (G, D, G_ema).
 */
export function assignGenerators<T>(generators: readonly Found<T>[]): { gEma?: Found<T>; g?: Found<T> } {
  const gEma =
    generators.find(({ path }) => isAveraged(path)) ??
    generators.findLast(({ path }) => /^\d+$/.test(path.at(-1) ?? "")) ??
    generators.find(({ path }) => !isTrained(path));
  const g = generators.find((other) => other !== gEma);
  return { ...(gEma && { gEma }), ...(g && { g }) };
}

const isStateDict = (value: PickleValue): value is Map<PickleValue, PickleValue> =>
  value instanceof Map && [...value].some(([name, item]) => typeof name === "string" && item instanceof TorchTensor);

/** What other programs say in the metadata of safetensors: which library's tensors they are. */
const LIBRARIES: readonly (string | undefined)[] = [undefined, "pt", "np", "tf", "flax", "mlx"];

/** Tensors by name, wherever they are in a file that does not say what it is; nothing is read of them yet. */
export function tensorDicts(file: Opened): Found<ReadonlyMap<string, PickleValue | PlainTensor>>[] {
  if (file.container !== "safetensors") return dictsIn(file.object);
  return LIBRARIES.includes(file.metadata.get("format")) ? [{ path: [], value: file.tensors }] : [];
}

function dictsIn(top: PickleValue): Found<ReadonlyMap<string, PickleValue>>[] {
  return findIn(top, isStateDict, { within: true }).map(({ path, value }) => ({
    path,
    value: new Map([...value].filter((entry): entry is [string, PickleValue] => typeof entry[0] === "string")),
  }));
}

/**
 * The part of a dict that is one network: names that begin as the name of its `anchor` tensor does. `module.`, `decoder.`,
 * `g_ema.` are such beginnings.
 */
export function groupsWith<T>(
  dicts: readonly Found<ReadonlyMap<string, T>>[],
  anchor: string,
): Found<Map<string, T>>[] {
  return dicts.flatMap(({ path, value }) =>
    [...value.keys()]
      .filter((name) => name === anchor || name.endsWith(`.${anchor}`))
      .map((name) => {
        const prefix = name.slice(0, name.length - anchor.length);
        const own = [...value].filter(([other]) => other.startsWith(prefix));
        return {
          path: [...path, ...prefix.split(".").slice(0, -1)],
          value: new Map(own.map(([other, item]) => [other.slice(prefix.length), item])),
        };
      }),
  );
}

/** The tensors of a state dict; numbers beside them (steps, counters) are left out. */
export function stateTensors(
  where: string,
  group: ReadonlyMap<string, PickleValue | PlainTensor>,
): Map<string, PlainTensor> {
  const tensors = new Map<string, PlainTensor>();
  const storages = new Map<object, number>();
  let bytes = 0;
  for (const [name, item] of group) {
    if (item instanceof TorchTensor) {
      tensors.set(name, item.toPlain(`${where}.${name}`));
      storages.set(item.storage, item.storage.byteLength);
      bytes += item.byteLength;
    } else if (isForeign(item as PickleValue)) {
      throw new ForeignNetworkError(`${where}.${name}: expected a tensor, found ${describe(item)}`);
    } else if (isPlainTensor(item)) tensors.set(name, item);
  }
  const held = [...storages.values()].reduce((sum, size) => sum + size, 0);
  if (bytes > held + MAX_SHARED_BYTES) {
    throw new CheckpointError(
      `${where}: its tensors have ${bytes} bytes, but look at storages of ${held} bytes; no network shares its weights so`,
    );
  }
  return tensors;
}

/** Small tensors may share a storage. */
const MAX_SHARED_BYTES = 1 << 22;

const isPlainTensor = (item: unknown): item is PlainTensor =>
  typeof item === "object" && item !== null && "copyTo" in item && "shape" in item;

/** Pickles, torch streams and damaged files made by hand, byte for byte. */
import { concatBytes } from "../../../src/formats/bytes.js";

export type Bytes = readonly number[];

const le = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
export const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

/** Opcodes, each leaving one value on the stack. */
export const op = {
  none: [0x4e] as Bytes,
  bool: (value: boolean): Bytes => [value ? 0x88 : 0x89],
  int: (value: number): Bytes => [0x4a, ...le(value < 0 ? value + 2 ** 32 : value, 4)],
  str: (text: string): Bytes => [0x58, ...le(text.length, 4), ...ascii(text)],
  bytes: (data: Bytes): Bytes => [0x42, ...le(data.length, 4), ...data],
  float: (value: number): Bytes => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    return [0x47, ...new Uint8Array(view.buffer)];
  },
  global: (module: string, name: string): Bytes => [0x63, ...ascii(`${module}\n${name}\n`)],
  tuple: (...items: Bytes[]): Bytes => [0x28, ...items.flat(), 0x74],
  list: (...items: Bytes[]): Bytes => [0x5d, 0x28, ...items.flat(), 0x65],
  dict: (entries: Readonly<Record<string, Bytes>>): Bytes => [
    0x7d,
    0x28,
    ...Object.entries(entries).flatMap(([key, value]) => [...op.str(key), ...value]),
    0x75,
  ],
  call: (callable: Bytes, ...args: Bytes[]): Bytes => [...callable, ...op.tuple(...args), 0x52],
  build: (object: Bytes, state: Bytes): Bytes => [...object, ...state, 0x62],
  persistent: (id: Bytes): Bytes => [...id, 0x51],
};

/** A whole pickle of one value. */
export const pickle = (value: Bytes, protocol = 2): Uint8Array =>
  concatBytes([Uint8Array.of(0x80, protocol), Uint8Array.from(value), Uint8Array.of(0x2e)]);

export interface StorageSpec {
  readonly key: string;
  /** "FloatStorage" and so on. */
  readonly type: string;
  readonly count: number;
  readonly bytes: Uint8Array;
}

export const storageId = (spec: StorageSpec, window: Bytes = op.none): Bytes =>
  op.persistent(
    op.tuple(
      op.str("storage"),
      op.global("torch", spec.type),
      op.str(spec.key),
      op.str("cpu"),
      op.int(spec.count),
      window,
    ),
  );

export const tensorOf = (storage: Bytes, offset: number, shape: readonly number[], strides: readonly number[]): Bytes =>
  op.call(
    op.global("torch._utils", "_rebuild_tensor_v2"),
    storage,
    op.int(offset),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    op.bool(false),
    op.call(op.global("collections", "OrderedDict")),
  );

const MAGIC = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** What torch.save wrote before zips. */
export function legacyStream(object: Bytes, storages: readonly StorageSpec[]): Uint8Array {
  const system = op.dict({ protocol_version: op.int(1001), little_endian: op.bool(true) });
  return concatBytes([
    pickle(MAGIC),
    pickle(op.int(1001)),
    pickle(system),
    pickle(object),
    pickle(op.list(...storages.map(({ key }) => op.str(key)))),
    ...storages.flatMap(({ count, bytes }) => [Uint8Array.from(le(count, 8)), bytes]),
  ]);
}

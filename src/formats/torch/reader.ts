/**
 * What `torch.save` writes, and torch tensors inside other pickles, without torch: the zip form (torch 1.6 and later),
 * the legacy stream (five pickles followed by the storages), and storages embedded as bytes in an ordinary pickle.
 * Tensors are views: their elements stay in the file until they are asked for. Tested by tests/checkpoints/torch.test.ts.
 */
import { type ByteSource, bytesSource, PartOfSource, readerOf, readRange, sourceOf, viewOf } from "../byteSource.js";
import { describe, FileError } from "../fileError.js";
import { commonNames, firstOf, integerList, makeDict, numpyNames, type PickleResolver } from "../pickle/common.js";
import { readPickle } from "../pickle/reader.js";
import {
  isForeign,
  type PickleConstructor,
  PickleGlobal,
  type PickleObject,
  type PickleValue,
  recordAs,
  sequence,
} from "../pickle/values.js";
import { bytesPerElement, type DType, elementCount, type PlainTensor, stridedTensor } from "../plainTensor.js";
import { readZipDirectory, readZipEntry, storedEntry, type ZipEntry } from "../zip.js";

/** A flat run of elements that tensors are views of. Its bytes may come later in the file than the tensors. */
export class TorchStorage {
  /** null for untyped storages: then `size` counts bytes, and each tensor brings its own type. */
  readonly dtype: DType | null;
  readonly size: number;
  readonly readBytes: () => Uint8Array;
  /** Where the bytes are. */
  readonly contents: () => ByteSource;
  constructor(dtype: DType | null, size: number, contents: () => ByteSource) {
    this.dtype = dtype;
    this.size = size;
    this.contents = contents;
    this.readBytes = readerOf(contents, "torch storage").bytes;
  }
  get byteLength(): number {
    return this.size * (this.dtype === null ? 1 : bytesPerElement[this.dtype]);
  }
  get summary(): string {
    return `a torch storage of ${this.size} ${this.dtype ?? "bytes"}`;
  }
}

/** A tensor read from a pickle. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: DType;
  constructor(storage: TorchStorage, dtype: DType, offset: number, shape: number[], strides: number[]) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
  get byteLength(): number {
    return elementCount(this.shape) * bytesPerElement[this.dtype];
  }
  get summary(): string {
    return `a tensor of shape [${this.shape}]`;
  }
  /** Checks that the view lies inside its storage. */
  toPlain(name: string): PlainTensor {
    const { dtype, shape, strides, offset, storage } = this;
    const storageSize = Math.floor(storage.byteLength / bytesPerElement[dtype]);
    return stridedTensor({ dtype, shape, strides, offset, storageSize, ...readerOf(storage.contents, name), name });
  }
}

const storageTypes: ReadonlyMap<string, DType | null> = new Map<string, DType | null>([
  ["torch.DoubleStorage", "f64"],
  ["torch.FloatStorage", "f32"],
  ["torch.HalfStorage", "f16"],
  ["torch.BFloat16Storage", "bf16"],
  ["torch.LongStorage", "i64"],
  ["torch.IntStorage", "i32"],
  ["torch.ShortStorage", "i16"],
  ["torch.CharStorage", "i8"],
  ["torch.ByteStorage", "u8"],
  ["torch.BoolStorage", "bool"],
  ["torch.UntypedStorage", null],
  ["torch.storage.UntypedStorage", null],
]);

const dtypeNames: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.float64", "f64"],
  ["torch.float32", "f32"],
  ["torch.float16", "f16"],
  ["torch.bfloat16", "bf16"],
  ["torch.int64", "i64"],
  ["torch.int32", "i32"],
  ["torch.int16", "i16"],
  ["torch.int8", "i8"],
  ["torch.uint8", "u8"],
  ["torch.bool", "bool"],
]);

/** (storage, offset, shape, strides, requires_grad, hooks, ...); the dtype where the storage has none. */
function rebuildTensor(args: readonly PickleValue[], ownDtype?: DType): TorchTensor | PickleObject {
  const [storage, offset, shapeValue, stridesValue] = args;
  if (isForeign(storage)) return storage;
  const shape = integerList(shapeValue);
  const strides = integerList(stridesValue);
  const dtype = storage instanceof TorchStorage ? (ownDtype ?? storage.dtype) : null;
  if (!(storage instanceof TorchStorage) || !dtype || !Number.isSafeInteger(offset) || !shape || !strides) {
    throw new FileError(
      `expected a tensor's storage, offset, shape and strides, found ${args.slice(0, 4).map(describe).join(", ")}`,
    );
  }
  const tensor = new TorchTensor(storage, dtype, offset as number, shape, strides);
  tensor.toPlain("tensor");
  return tensor;
}

const rebuildTyped: PickleConstructor = (args) => {
  const named = args[6] instanceof PickleGlobal ? dtypeNames.get(args[6].qualifiedName) : undefined;
  if (!named) throw new FileError(`expected a tensor's dtype, found ${describe(args[6])}`);
  return rebuildTensor(args, named);
};

/** Parameters are tensors with a flag that matters only to training. */
const rebuildParameter: PickleConstructor = ([tensor]) => {
  if (isForeign(tensor)) return tensor;
  if (!(tensor instanceof TorchTensor)) throw new FileError(`expected a tensor, found ${describe(tensor)}`);
  return tensor;
};

/** The names of torch itself. A fresh resolver for each file: it remembers the storages embedded as bytes. */
function torchNames(): PickleResolver {
  const embedded = new Map<Uint8Array | PartOfSource, TorchStorage>();
  const table = new Map<string, PickleConstructor>([
    ["torch._utils._rebuild_tensor", (args) => rebuildTensor(args)],
    ["torch._utils._rebuild_tensor_v2", (args) => rebuildTensor(args)],
    ["torch._utils._rebuild_tensor_v3", rebuildTyped],
    ["torch._utils._rebuild_parameter", rebuildParameter],
    ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
    ["torch.nn.parameter.Parameter", rebuildParameter],
    ["torch.Size", ([extents]) => extents ?? null],
    ["torch.device", recordAs("torch.device")],
    [
      "torch.storage._load_from_bytes",
      ([bytes]) => {
        if (!(bytes instanceof Uint8Array || bytes instanceof PartOfSource))
          throw new FileError(`expected bytes, found ${describe(bytes)}`);
        const known = embedded.get(bytes);
        if (known) return known;
        const storage = readEmbeddedStorage(bytes);
        embedded.set(bytes, storage);
        return storage;
      },
    ],
  ]);
  for (const name of [...storageTypes.keys(), ...dtypeNames.keys()]) table.set(name, recordAs(name));
  return (module, name) => table.get(`${module}.${name}`);
}

/** Embedded streams may name storages only, so nothing nests deeper. */
const storageNames: PickleResolver = (module, name) => {
  const qualified = `${module}.${name}`;
  if (qualified === "collections.OrderedDict") return makeDict;
  return storageTypes.has(qualified) ? recordAs(qualified) : undefined;
};

function readEmbeddedStorage(bytes: Uint8Array | PartOfSource): TorchStorage {
  let value: PickleValue;
  try {
    value = readTorchLegacy(bytes, storageNames);
  } catch (error) {
    // Its position counts from the start of the embedded bytes; the pickle around them adds where these lie.
    if (error instanceof FileError) throw new FileError(`embedded ${error.message}`);
    throw error;
  }
  if (!(value instanceof TorchStorage)) {
    throw new FileError(`expected an embedded torch storage, found ${describe(value)}`);
  }
  return value;
}

/** Everything that files of `torch.save` may name; `more` adds what the program that saved them defines. */
export function allTorchNames(more: PickleResolver = () => undefined): PickleResolver {
  return firstOf(torchNames(), commonNames, numpyNames, more);
}

interface StorageId {
  readonly dtype: DType | null;
  readonly key: string;
  readonly size: number;
  /** Legacy streams: this storage is a window [offset, offset + length) of another. */
  readonly window: { readonly key: string; readonly offset: number; readonly length: number } | null;
}

/** ("storage", class, key, location, elements, window?) */
function parseStorageId(id: PickleValue): StorageId {
  const items = sequence(id) ?? [];
  const [tag, type, key, , size, windowValue] = items;
  const dtype = type instanceof PickleGlobal ? storageTypes.get(type.qualifiedName) : undefined;
  const isSize = Number.isSafeInteger(size) && (size as number) >= 0;
  if (tag !== "storage" || dtype === undefined || typeof key !== "string" || !isSize) {
    throw new FileError(`expected the id of a torch storage, found ${items.slice(0, 5).map(describe).join(", ")}`);
  }
  const window = sequence(windowValue);
  if (!window) return { dtype, key, size: size as number, window: null };
  const [windowKey, ...range] = window;
  const extents = integerList(range);
  if (typeof windowKey !== "string" || extents?.length !== 2) {
    throw new FileError(`expected a view of a torch storage, found ${window.slice(0, 3).map(describe).join(", ")}`);
  }
  return { dtype, key, size: size as number, window: { key: windowKey, offset: extents[0], length: extents[1] } };
}

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** The pickled magic number: what every legacy stream begins with. */
const LEGACY_PREFIX = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

export function isTorchLegacy(bytes: Uint8Array): boolean {
  return LEGACY_PREFIX.every((byte, i) => bytes[i] === byte);
}

/** The object in a legacy stream: pickles of magic, protocol, system, object and storage keys, then the storages. */
export function readTorchLegacy(file: Uint8Array | ByteSource, resolve: PickleResolver): PickleValue {
  const source = sourceOf(file);
  let position = 0;
  const next = (what: string, persistentLoad?: (id: PickleValue) => PickleValue): PickleValue => {
    const name = `torch stream, ${what}`;
    const result = readPickle(source, { resolve, start: position, name, persistentLoad });
    position = result.end;
    return result.value;
  };
  if (next("magic number") !== LEGACY_MAGIC) throw new FileError("torch stream: the magic number is wrong", 0);
  const protocol = next("protocol");
  if (protocol !== LEGACY_PROTOCOL) {
    throw new FileError(`torch stream: expected protocol ${LEGACY_PROTOCOL}, found ${describe(protocol)}`);
  }
  const system = next("system");
  if (system instanceof Map && system.get("little_endian") === false) {
    throw new FileError("torch stream: written on a big-endian machine, which is not supported");
  }
  const storages = new Map<string, TorchStorage>();
  const contents = new Map<string, ByteSource>();
  const storageOf = (key: string, dtype: DType | null, size: number): TorchStorage => {
    const known = storages.get(key);
    if (known && (known.dtype !== dtype || known.size !== size)) {
      throw new FileError(`storage ${describe(key)} is both ${known.summary} and ${size} of ${dtype ?? "bytes"}`);
    }
    const storage = known ?? new TorchStorage(dtype, size, () => contents.get(key) ?? bytesSource(new Uint8Array(0)));
    storages.set(key, storage);
    return storage;
  };
  const value = next("object", (id) => {
    // A class, beside the source text that it had, which is read over.
    const [tag, type] = sequence(id) ?? [];
    if (tag === "module" && type !== undefined) return type;
    const { key, dtype, size, window } = parseStorageId(id);
    const root = storageOf(key, dtype, size);
    if (!window) return root;
    const width = dtype === null ? 1 : bytesPerElement[dtype];
    const begin = window.offset * width;
    const end = begin + window.length * width;
    if (end > root.byteLength) throw new FileError(`a view of storage ${describe(key)} reaches beyond its end`);
    return new TorchStorage(dtype, window.length, () => new PartOfSource(root.contents(), begin, end - begin));
  });
  const keys = sequence(next("storage keys"));
  if (!keys) throw new FileError("torch stream: expected a list of storage keys", position);
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || contents.has(key as string)) {
      throw new FileError(`torch stream: unexpected storage ${describe(key)}`, position);
    }
    const left = source.size - position - 8;
    const count = left < 0 ? -1 : Number(viewOf(readRange(source, position, 8, "torch stream")).getBigInt64(0, true));
    if (count !== storage.size || storage.byteLength > left) {
      throw new FileError(
        `torch stream: expected ${storage.size} elements (${storage.byteLength} bytes) of storage ${describe(key)}, ` +
          `found ${count < 0 ? "the end of the file" : `${count}, with ${left} bytes left`}`,
        position,
      );
    }
    position += 8;
    contents.set(key as string, new PartOfSource(source, position, storage.byteLength));
    position += storage.byteLength;
  }
  for (const key of storages.keys()) {
    if (!contents.has(key)) throw new FileError(`torch stream: storage ${describe(key)} is missing`);
  }
  return value;
}

export interface TorchZipOptions {
  /** Bytes that compressed entries may unpack to, together. torch stores without compression. Default 1 GiB. */
  readonly maxInflatedBytes?: number;
}

/** Entries of an archive, unpacked once each and within a limit, however many tensors look at them. */
function zipReader(
  source: ByteSource,
  { maxInflatedBytes = 2 ** 30 }: TorchZipOptions,
): (entry: ZipEntry) => ByteSource {
  const inflated = new Map<string, ByteSource>();
  let total = 0;
  return (entry) => {
    if (entry.method === 0) return storedEntry(source, entry);
    const known = inflated.get(entry.name);
    if (known !== undefined) return known;
    total += entry.size;
    if (total > maxInflatedBytes) {
      throw new FileError(
        `torch zip: its compressed entries unpack to more than ${maxInflatedBytes} bytes, the limit (maxInflatedBytes)`,
      );
    }
    const bytes = bytesSource(readZipEntry(source, entry));
    inflated.set(entry.name, bytes);
    return bytes;
  };
}

/** The object in a zip of torch: NAME/data.pkl, whose storages are the entries NAME/data/KEY. */
export function readTorchZip(source: ByteSource, resolve: PickleResolver, options: TorchZipOptions = {}): PickleValue {
  const entries = readZipDirectory(source);
  const contents = zipReader(source, options);
  const pickleName = [...entries.keys()].find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickleName === undefined) {
    if (entries.size > 0 && [...entries.keys()].every((name) => name.endsWith(".npy"))) {
      throw new FileError("this is an .npz of numpy arrays; save the state dict with torch.save, or as safetensors");
    }
    const inside = [...entries.keys()].find((name) => /\.(pkl|pt|pth|safetensors)$/i.test(name));
    if (inside !== undefined) {
      throw new FileError(`this is a zip archive around ${describe(inside)}; unpack it, and give that file`);
    }
    const some = [...entries.keys()].slice(0, 3).map(describe).join(", ");
    throw new FileError(`torch zip: expected an entry data.pkl, found ${entries.size} entries: ${some}`);
  }
  const root = pickleName.slice(0, -"data.pkl".length);
  const order = entries.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(readerOf(() => contents(order), order.name).bytes()).trim() === "big") {
    throw new FileError("torch zip: written on a big-endian machine, which is not supported");
  }
  const storages = new Map<string, TorchStorage>();
  const persistentLoad = (id: PickleValue): TorchStorage => {
    const { key, dtype, size } = parseStorageId(id);
    const entryName = `${root}data/${key}`;
    const entry = entries.get(entryName);
    const known = storages.get(key);
    if (known && known.dtype === dtype && known.size === size) return known;
    const storage = new TorchStorage(dtype, size, () => contents(entry as ZipEntry));
    if (entry?.size !== storage.byteLength) {
      throw new FileError(
        `expected ${storage.byteLength} bytes in ${describe(entryName)}, found ${entry ? entry.size : "no such entry"}`,
      );
    }
    storages.set(key, storage);
    return storage;
  };
  const pickle = contents(entries.get(pickleName) as ZipEntry);
  return readPickle(pickle, { resolve, persistentLoad, name: `torch zip, ${pickleName}` }).value;
}

/** Either form of `torch.save`, told apart by the first bytes. */
export function readTorch(file: Uint8Array | ByteSource, more?: PickleResolver): PickleValue {
  const source = sourceOf(file);
  const head = readRange(source, 0, Math.min(source.size, LEGACY_PREFIX.length), "torch file");
  if (isTorchLegacy(head)) {
    return readTorchLegacy(source, allTorchNames(more));
  }
  return readTorchZip(source, allTorchNames(more));
}

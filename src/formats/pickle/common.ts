/** The names from Python's standard library and numpy that checkpoints contain, and the plain data they become. */
import { PartOfSource, readerOf, sourceOf, viewOf } from "../byteSource.js";
import { describe, FileError } from "../fileError.js";
import { bytesPerElement, type DType, elementCount, type PlainTensor, stridedTensor } from "../plainTensor.js";
import {
  type PickleConstructor,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
  recordAs,
  sequence,
} from "./values.js";

export type PickleResolver = (module: string, name: string) => PickleConstructor | undefined;

/** Asks one resolver after the other. */
export function firstOf(...resolvers: readonly PickleResolver[]): PickleResolver {
  return (module, name) => {
    for (const resolve of resolvers) {
      const construct = resolve(module, name);
      if (construct) return construct;
    }
    return undefined;
  };
}

/** A resolver from a table of qualified names. */
function namesTable(table: ReadonlyMap<string, PickleConstructor>): PickleResolver {
  return (module, name) => table.get(`${module}.${name}`);
}

/** dict(), OrderedDict(), and Python 2's OrderedDict([[key, value], ...]). */
export const makeDict: PickleConstructor = (args, budget) => {
  const dict = new Map<PickleValue, PickleValue>();
  const pairs = sequence(args[0]) ?? [];
  budget.spend(pairs.length);
  for (const pair of pairs) {
    const items = sequence(pair);
    if (items?.length !== 2) throw new FileError(`expected a pair of key and value, found ${describe(pair)}`);
    dict.set(items[0], items[1]);
  }
  return dict;
};

/**
 * Any other name becomes a record of the calls to it. Nothing of it is looked up or run; a reader that meets the record
 * where it expects something else says its name.
 */
export const inertNames: PickleResolver = (module, name) => {
  const type = `${module}.${name}`;
  return (args) => new PickleObject(type, args, true);
};

/** How protocols 0 and 1 make an object: copy_reg._reconstructor(class, base, state of the base). */
const reconstruct: PickleConstructor = ([type, , state], budget) => {
  if (!(type instanceof PickleGlobal)) throw new FileError(`expected a class to construct, found ${describe(type)}`);
  const value = type.construct([], budget);
  if (value instanceof Map && state instanceof Map) for (const [key, item] of state) value.set(key, item);
  return value;
};

const makeSet: PickleConstructor = (args, budget) => {
  const items = sequence(args[0]) ?? [];
  budget.spend(items.length);
  return new Set(items);
};

/** How protocols below 3 write bytes: as text, one character a byte. */
const encodeText: PickleConstructor = ([text], budget) => {
  if (typeof text !== "string") throw new FileError(`expected text to encode, found ${describe(text)}`);
  budget.spend(text.length);
  return latin1Bytes(text);
};

export const commonNames: PickleResolver = namesTable(
  new Map<string, PickleConstructor>([
    ["collections.OrderedDict", makeDict],
    ["collections.defaultdict", () => new Map()],
    ["copy_reg._reconstructor", reconstruct],
    ["copyreg._reconstructor", reconstruct],
    ["__builtin__.object", recordAs("object")],
    ["builtins.object", recordAs("object")],
    ["builtins.dict", makeDict],
    ["__builtin__.dict", makeDict],
    ["builtins.set", makeSet],
    ["__builtin__.set", makeSet],
    ["builtins.frozenset", makeSet],
    ["__builtin__.frozenset", makeSet],
    ["argparse.Namespace", recordAs("argparse.Namespace")],
    ["_codecs.encode", encodeText],
  ]),
);

/** Arrays stay records until `numpyTensor` reads them; scalars become numbers at once. */
export const numpyNames: PickleResolver = (module, name) => {
  const home = module.replace(/^numpy\._core\b/, "numpy.core");
  switch (`${home}.${name}`) {
    case "numpy.ndarray":
      return recordAs("numpy.ndarray");
    case "numpy.dtype":
      return recordAs("numpy.dtype");
    case "numpy.core.multiarray._reconstruct":
      return () => new PickleObject("numpy.ndarray", []);
    case "numpy.core.numeric._frombuffer":
      return ([buffer, dtype, shape, order]) => {
        const array = new PickleObject("numpy.ndarray", []);
        array.state = new PickleTuple([1, shape, dtype, order === "F", buffer]);
        return array;
      };
    case "numpy.core.multiarray.scalar":
      return ([dtype, bytes]) => numpyScalar(dtype, bytes);
    default:
      return undefined;
  }
};

export function isNumpyArray(value: PickleValue | undefined): value is PickleObject {
  return value instanceof PickleObject && value.type === "numpy.ndarray";
}

/** The array of a record that `numpyNames` made. */
export function numpyTensor(array: PickleObject, name: string): PlainTensor {
  const state = sequence(array.state);
  if (state?.length !== 5) throw new FileError(`${name}: expected the state of a numpy array, found none`);
  const [, shapeValue, dtypeValue, isFortran, data] = state;
  const shape = integerList(shapeValue);
  const { code, bigEndian } = dtypeCode(dtypeValue);
  const dtype = numpyDTypes.get(code);
  const isBytes = data instanceof Uint8Array || data instanceof PartOfSource;
  if (!shape || !dtype || !(isBytes || typeof data === "string")) {
    throw new FileError(`${name}: unsupported numpy array of type ${describe(code)} holding ${describe(data)}`);
  }
  const storageSize = elementCount(shape);
  const length = data instanceof PartOfSource ? data.size : data.length;
  if (length !== storageSize * bytesPerElement[dtype]) {
    throw new FileError(`${name}: an array [${shape}] of ${dtype} cannot have ${length} bytes`);
  }
  const strides = isFortran === true ? fortranStrides(shape) : undefined;
  // Text (from Python 2) is turned into bytes only when it is asked for.
  const bytes = typeof data === "string" ? { bytes: () => latin1Bytes(data) } : readerOf(() => sourceOf(data), name);
  return stridedTensor({ dtype, shape, strides, ...bytes, bigEndian, name, storageSize });
}

/** numpy's kind and size, in the names used here. */
export const numpyDTypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["f8", "f64"],
  ["f4", "f32"],
  ["f2", "f16"],
  ["i8", "i64"],
  ["i4", "i32"],
  ["i2", "i16"],
  ["i1", "i8"],
  ["u1", "u8"],
  ["b1", "bool"],
]);

/** Strides of an array whose first axis runs fastest. */
export function fortranStrides(shape: readonly number[]): number[] {
  let step = 1;
  return shape.map((extent) => {
    const stride = step;
    step *= extent;
    return stride;
  });
}

/** A tuple or list of whole numbers, as shapes and strides are; null for anything else or for more than 16. */
export function integerList(value: PickleValue | undefined): number[] | null {
  const items = sequence(value);
  if (!items || items.length > 16) return null;
  return items.every((item) => Number.isSafeInteger(item) && (item as number) >= 0)
    ? (items as number[]).slice()
    : null;
}

function dtypeCode(value: PickleValue | undefined): { code: string; bigEndian: boolean } {
  if (!(value instanceof PickleObject) || value.type !== "numpy.dtype" || typeof value.args[0] !== "string") {
    throw new FileError(`expected a numpy dtype, found ${describe(value)}`);
  }
  const order = sequence(value.state)?.[1] ?? value.args[0][0];
  return { code: value.args[0].replace(/^[<>|=]/, ""), bigEndian: order === ">" };
}

function numpyScalar(dtype: PickleValue | undefined, data: PickleValue | undefined): PickleValue {
  const { code, bigEndian } = dtypeCode(dtype);
  if (!/^[fiub]\d$/.test(code)) return new PickleObject(`numpy scalar of type ${code}`, [], true); // dates, texts
  const bytes = typeof data === "string" ? latin1Bytes(data) : data;
  const size = Number(code.slice(1));
  if (!(bytes instanceof Uint8Array) || bytes.length !== size) {
    throw new FileError(`expected a numpy scalar of type ${describe(code)}, found ${describe(data)}`);
  }
  const view = viewOf(bytes);
  if (code === "u2") return view.getUint16(0, !bigEndian);
  if (code === "u4") return view.getUint32(0, !bigEndian);
  const kind = numpyDTypes.get(code);
  if (!kind) throw new FileError(`unsupported numpy scalar of type ${describe(code)}`);
  const out = new Float64Array(1);
  stridedTensor({ dtype: kind, shape: [], bytes, bigEndian, storageSize: 1 }).copyTo(out);
  return kind === "bool" ? out[0] !== 0 : out[0];
}

function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new FileError("expected text of single bytes, found other characters");
    bytes[i] = code;
  }
  return bytes;
}

/**
 * Safetensors: 8 bytes of header length, a JSON header, then the tensors back to back. Reading is lazy: only the header
 * is read at once, each tensor when it is asked for, so a file larger than memory can be read one tensor at a time.
 * Tested by tests/formats/formats.test.ts.
 */
import { type ByteSource, bytesSource, fillFrom, laterFrom, readRange, viewOf } from "./byteSource.js";
import { concatBytes } from "./bytes.js";
import { describe, FileError } from "./fileError.js";
import { numberToHalf } from "./float16.js";
import { bytesPerElement, type DType, elementCount, type PlainTensor, stridedTensor } from "./plainTensor.js";

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, PlainTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: "f64" | "f32" | "f16";
  readonly tensor: PlainTensor;
}

/** The format allows 100 MB; no checkpoint comes near, and JSON of that size can fill the memory. */
const MAX_HEADER_BYTES = 1 << 24;
const codes: readonly (readonly [string, DType])[] = [
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["I32", "i32"],
  ["I16", "i16"],
  ["I8", "i8"],
  ["U8", "u8"],
  ["BOOL", "bool"],
];
const dtypeOfCode: ReadonlyMap<string, DType> = new Map(codes);
const codeOfDtype: ReadonlyMap<DType, string> = new Map(codes.map(([code, dtype]) => [dtype, code]));

export function readSafetensors(file: Uint8Array | ByteSource): SafetensorsFile {
  const source = file instanceof Uint8Array ? bytesSource(file) : file;
  const length = Number(viewOf(readRange(source, 0, 8, "safetensors: header length")).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new FileError(`safetensors: a header of ${length} bytes, expected at most ${MAX_HEADER_BYTES}`, 0);
  }
  const header = parseHeader(readRange(source, 8, length, "safetensors: header"));
  const dataBegin = 8 + length;
  const metadata = new Map<string, string>();
  const entries: { name: string; dtype: DType; shape: number[]; begin: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      for (const [key, text] of Object.entries(record(value, "__metadata__"))) {
        if (typeof text !== "string") throw new FileError(`safetensors: metadata ${describe(key)} is not a string`);
        metadata.set(key, text);
      }
      continue;
    }
    const { dtype: code, shape, data_offsets: offsets } = record(value, name);
    const dtype = typeof code === "string" ? dtypeOfCode.get(code) : undefined;
    const what = `safetensors: tensor ${describe(name)}`;
    if (!dtype) throw new FileError(`${what} has unsupported dtype ${describe(code)}`);
    if (!isCounts(shape) || shape.length > 16) throw new FileError(`${what} has no proper shape`);
    if (!isCounts(offsets) || offsets.length !== 2) throw new FileError(`${what} has no proper data_offsets`);
    const [begin, end] = offsets;
    const expected = elementCount(shape) * bytesPerElement[dtype];
    if (end - begin !== expected) {
      throw new FileError(`${what} of shape [${shape}] needs ${expected} bytes, its offsets span ${end - begin}`);
    }
    entries.push({ name, dtype, shape, begin, end });
  }
  checkTiling(entries, source.size - dataBegin);
  const tensors = new Map<string, PlainTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const what = `safetensors: tensor ${describe(name)}`;
    const bytes = () => readRange(source, dataBegin + begin, end - begin, what);
    const readInto = (from: number, target: Uint8Array) => fillFrom(source, dataBegin + begin + from, target, what);
    const readIntoLater = laterFrom(source, dataBegin + begin, what);
    const storageSize = elementCount(shape);
    tensors.set(name, stridedTensor({ dtype, shape, bytes, readInto, readIntoLater, storageSize, name }));
  }
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new FileError(`safetensors: the header is not JSON (${(error as Error).message.slice(0, 100)})`, 8);
  }
  return record(value, "the header");
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FileError(`safetensors: expected ${describe(what)} to be a JSON object, found ${describe(value)}`);
  }
  return value as Record<string, unknown>;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0);
}

/** The format wants the tensors to cover the data without holes or overlaps. */
function checkTiling(entries: readonly { name: string; begin: number; end: number }[], dataSize: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw new FileError(
        `safetensors: tensor ${describe(name)} begins at ${begin} of the data, expected ${covered} (a hole or an overlap)`,
      );
    }
    covered = end;
  }
  if (covered !== dataSize) {
    throw new FileError(`safetensors: expected ${covered} bytes of data, found ${dataSize}; is the file truncated?`);
  }
}

/** The file in pieces: the header, then one piece a tensor, each made when it is asked for. */
export function* safetensorsChunks(
  entries: readonly SafetensorsEntry[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Generator<Uint8Array> {
  const header: Record<string, unknown> = Object.create(null);
  if (metadata.size > 0) header.__metadata__ = Object.fromEntries(metadata);
  let offset = 0;
  for (const { name, dtype, tensor } of entries) {
    if (name === "__metadata__" || name in header) throw new RangeError(`safetensors: the name ${name} is taken`);
    const end = offset + tensor.size * bytesPerElement[dtype];
    header[name] = { dtype: codeOfDtype.get(dtype), shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Spaces after the JSON align the data to 8 bytes.
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  viewOf(head).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  yield head;
  for (const { name, dtype, tensor } of entries) yield encodeElements(tensor, dtype, name);
}

/** The whole file at once. */
export function writeSafetensors(
  entries: readonly SafetensorsEntry[],
  metadata?: ReadonlyMap<string, string>,
): Uint8Array {
  return concatBytes([...safetensorsChunks(entries, metadata)]);
}

function encodeElements(tensor: PlainTensor, dtype: "f64" | "f32" | "f16", name: string): Uint8Array {
  if (dtype === "f64") {
    const values = new Float64Array(tensor.size);
    tensor.copyTo(values);
    return new Uint8Array(values.buffer);
  }
  const values = new Float32Array(tensor.size);
  tensor.copyTo(values);
  if (dtype === "f32") return new Uint8Array(values.buffer);
  const halves = new Uint16Array(tensor.size);
  for (let i = 0; i < halves.length; i++) {
    halves[i] = numberToHalf(values[i]);
    if ((halves[i] & 0x7fff) === 0x7c00 && Number.isFinite(values[i])) {
      throw new RangeError(`safetensors: ${name} holds ${values[i]}, which f16 (largest 65504) cannot; write f32`);
    }
  }
  return new Uint8Array(halves.buffer);
}

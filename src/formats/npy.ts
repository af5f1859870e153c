/** numpy's .npy arrays and .npz archives of them. Format versions 1 to 3. Tested by tests/formats/formats.test.ts. */
import { bytesSource, viewOf } from "./byteSource.js";
import { concatBytes } from "./bytes.js";
import { describe, FileError } from "./fileError.js";
import { fortranStrides, numpyDTypes } from "./pickle/common.js";
import { latin1Text } from "./pickle/text.js";
import { elementCount, type PlainTensor, stridedTensor } from "./plainTensor.js";
import { readZipDirectory, readZipEntry, readZipEntryHead } from "./zip.js";
import { writeZip } from "./zipEncoder.js";

/** What can be written: the element type follows from the array. */
export interface NpyArray {
  readonly data: Float32Array | Float64Array | Uint8Array | Int32Array;
  readonly shape: readonly number[];
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Whether a file begins as .npy files do. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Of a header, whatever its version. */
const MOST_HEADER_BYTES = 12 + (1 << 16);

export function readNpy(bytes: Uint8Array, name = "npy"): PlainTensor {
  return arrayOf(bytes, () => bytes, name);
}

/** The array that begins with `bytes`; `whole` gives all of it when elements are asked for. */
function arrayOf(bytes: Uint8Array, whole: () => Uint8Array, name: string): PlainTensor {
  if (bytes.length < 10 || !isNpy(bytes)) {
    throw new FileError(`${name}: expected the magic bytes of a numpy array, found other contents`, 0);
  }
  const version = bytes[6];
  if (version < 1 || version > 3) throw new FileError(`${name}: expected format version 1 to 3, found ${version}`, 6);
  const begin = version === 1 ? 10 : 12;
  if (bytes.length < begin) throw new FileError(`${name}: the header is cut off`, 8);
  const view = viewOf(bytes);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataBegin = begin + headerLength;
  if (dataBegin > bytes.length || headerLength > 1 << 16) {
    throw new FileError(`${name}: a header of ${headerLength} bytes does not fit the file`, 8);
  }
  const header = latin1Text(bytes.subarray(begin, dataBegin));
  const descr = /'descr':\s*'([<>|=]?)([a-z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  const dtype = descr ? numpyDTypes.get(descr[2]) : undefined;
  if (!descr || !order || !shapeText || !dtype) {
    throw new FileError(`${name}: unsupported array header ${describe(header)}`, begin);
  }
  const shape = shapeText[1]
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  const strides = order[1] === "True" ? fortranStrides(shape) : undefined;
  const storageSize = elementCount(shape);
  const data = (): Uint8Array => whole().subarray(dataBegin);
  return stridedTensor({ dtype, shape, strides, bytes: data, bigEndian: descr[1] === ">", storageSize, name });
}

export interface NpzOptions {
  /** Bytes that the compressed arrays whose elements are asked for may unpack to, together. Default 1 GiB. */
  readonly maxInflatedBytes?: number;
}

/**
 * The arrays of an .npz archive by name, without the ".npy" of the entries. Of each only the header is unpacked, until somebody
 * asks for its elements.
 */
export function readNpz(bytes: Uint8Array, { maxInflatedBytes = 2 ** 30 }: NpzOptions = {}): Map<string, PlainTensor> {
  const source = bytesSource(bytes);
  const arrays = new Map<string, PlainTensor>();
  const wanted = new Set<string>();
  let total = 0;
  for (const [entryName, entry] of readZipDirectory(source)) {
    if (!entryName.endsWith(".npy")) continue;
    const name = entryName.slice(0, -4);
    const whole = (): Uint8Array => {
      if (entry.method !== 0 && !wanted.has(entryName)) {
        wanted.add(entryName);
        total += entry.size;
        if (total > maxInflatedBytes) {
          throw new FileError(
            `npz: its arrays, up to ${describe(name)}, unpack to more than ${maxInflatedBytes} bytes, the limit (maxInflatedBytes)`,
          );
        }
      }
      return readZipEntry(source, entry);
    };
    const head = readZipEntryHead(source, entry, MOST_HEADER_BYTES);
    arrays.set(name, arrayOf(head, whole, `npz, array ${describe(name)}`));
  }
  return arrays;
}

export function writeNpy({ data, shape }: NpyArray): Uint8Array {
  if (elementCount(shape) !== data.length) {
    throw new RangeError(`writeNpy: shape [${shape}] needs ${elementCount(shape)} elements, got ${data.length}`);
  }
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${descrOf(data)}', 'fortran_order': False, 'shape': (${extents}), }`;
  // The data begins at a multiple of 64; the header ends in a newline.
  const headerLength = Math.ceil((header.length + 11) / 64) * 64 - 10;
  const head = new Uint8Array(10 + headerLength).fill(0x20);
  head.set(MAGIC);
  head[6] = 1;
  head[7] = 0;
  viewOf(head).setUint16(8, headerLength, true);
  head.set(new TextEncoder().encode(header), 10);
  head[head.length - 1] = 0x0a;
  return concatBytes([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

export function writeNpz(arrays: ReadonlyMap<string, NpyArray>): Uint8Array {
  return writeZip(new Map([...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)])));
}

function descrOf(data: NpyArray["data"]): string {
  if (data instanceof Float32Array) return "<f4";
  if (data instanceof Float64Array) return "<f8";
  return data instanceof Int32Array ? "<i4" : "|u1";
}

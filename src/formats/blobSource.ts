/**
 * A Blob, or a file that somebody chose, read slice by slice: a checkpoint of hundreds of megabytes never stands in memory
 * as a whole. Synchronous reading exists in workers only. Tests: tests/formats/blobSource.test.ts.
 */
import type { ByteSource } from "./byteSource.js";

/** What workers have to read a Blob with, synchronously. */
export interface BlobReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** Small reads, such as those of a directory or of pickled opcodes, come out of a window of this size. */
const WINDOW_BYTES = 2 ** 20;

/** The reader of a worker; null elsewhere. */
export function blobReader(): BlobReader | null {
  const { FileReaderSync } = globalThis as { readonly FileReaderSync?: new () => BlobReader };
  return FileReaderSync === undefined ? null : new FileReaderSync();
}

export function blobSource(blob: Blob, reader: BlobReader): ByteSource {
  let window: Uint8Array = new Uint8Array(0);
  let windowStart = 0;
  const slice = (offset: number, length: number): Uint8Array =>
    new Uint8Array(reader.readAsArrayBuffer(blob.slice(offset, offset + length)));
  return {
    size: blob.size,
    read(offset, length) {
      if (length > WINDOW_BYTES / 4) return slice(offset, length);
      if (offset < windowStart || offset + length > windowStart + window.length) {
        windowStart = offset;
        window = slice(offset, WINDOW_BYTES);
      }
      return window.subarray(offset - windowStart, offset - windowStart + length);
    },
  };
}

/** Blobs in slices: the bytes of the whole, whatever is asked for in whatever order, and few bytes at a time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type BlobReader, blobReader, blobSource } from "../../src/formats/blobSource.js";

const MEBIBYTE = 2 ** 20;
const bytes = Uint8Array.from({ length: 3 * MEBIBYTE + 17 }, (_, k) => (k * 2654435761) >>> 24);

/** Stands in for a worker's reader, and remembers the largest slice. */
class Reader implements BlobReader {
  largest = 0;
  calls = 0;

  readAsArrayBuffer(blob: Blob): ArrayBuffer {
    const { start, end } = blob as unknown as { start: number; end: number };
    this.largest = Math.max(this.largest, end - start);
    this.calls++;
    return bytes.slice(start, end).buffer;
  }
}

const blob = {
  size: bytes.length,
  slice: (start: number, end: number) => ({ start, end: Math.min(end, bytes.length) }),
} as unknown as Blob;

test("every range has the bytes of the whole", () => {
  const range = fc.tuple(fc.nat(bytes.length), fc.nat(bytes.length)).map(([a, b]) => [Math.min(a, b), Math.abs(a - b)]);
  const small = fc.tuple(fc.nat(bytes.length - 5000), fc.nat(5000));
  fc.assert(
    fc.property(fc.array(fc.oneof(range, small), { maxLength: 20 }), (ranges) => {
      const source = blobSource(blob, new Reader());
      for (const [offset, length] of ranges) {
        const read = source.read(offset, length);
        expect(Buffer.compare(read, bytes.subarray(offset, offset + length))).toBe(0);
      }
    }),
    { numRuns: 50 },
  );
});

test("many small reads share a slice, and no slice is the whole", () => {
  const reader = new Reader();
  const source = blobSource(blob, reader);
  for (let offset = 0; offset + 8 <= bytes.length; offset += 64) source.read(offset, 8);
  expect(reader.calls).toBeLessThan(8);
  expect(reader.largest).toBe(MEBIBYTE);
});

test("beyond the end there is less, which readers notice", () => {
  expect(blobSource(blob, new Reader()).read(bytes.length - 4, 8).length).toBe(4);
});

test("outside of workers there is no reader", () => {
  expect(blobReader()).toBeNull();
});

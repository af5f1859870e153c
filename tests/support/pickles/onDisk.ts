/** Bytes as a file on the disk has them: read piece by piece, each piece a copy. */
import type { ByteSource } from "../../../src/formats/byteSource.js";

export function onDisk(bytes: Uint8Array): { readonly source: ByteSource; bytesRead(): number } {
  let read = 0;
  const piece = (offset: number, length: number): Uint8Array => {
    read += length;
    return bytes.slice(offset, offset + length);
  };
  const readInto = (offset: number, target: Uint8Array): boolean => {
    if (offset + target.length > bytes.length) return false;
    target.set(piece(offset, target.length));
    return true;
  };
  const readIntoLater = async (offset: number, target: () => Uint8Array): Promise<boolean> => {
    await null;
    return readInto(offset, target());
  };
  return { source: { size: bytes.length, read: piece, readInto, readIntoLater }, bytesRead: () => read };
}

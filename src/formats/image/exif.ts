/** EXIF, of which only the orientation matters here (CIPA DC-008; a TIFF header and its first directory). */
import { viewOf } from "../byteSource.js";

const ORIENTATION = 0x0112;
const SHORT = 3;

/** The orientation, 1 to 8, in a block that begins with a TIFF header; 1 (upright) where it says nothing sensible. */
export function orientationOf(tiff: Uint8Array): number {
  if (tiff.length < 14) return 1;
  const view = viewOf(tiff);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const isLittle = order === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (view.getUint16(2, isLittle) !== 42 || directory + 2 > tiff.length) return 1;
  const count = view.getUint16(directory, isLittle);
  for (let k = 0; k < count; k++) {
    const entry = directory + 2 + k * 12;
    if (entry + 12 > tiff.length) return 1;
    if (view.getUint16(entry, isLittle) !== ORIENTATION || view.getUint16(entry + 2, isLittle) !== SHORT) continue;
    const value = view.getUint16(entry + 8, isLittle);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

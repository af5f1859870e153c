/** Image files of data sets, PNG or JPEG, told apart by their bytes. */
import { viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";
import { decodeJpeg, isJpeg, jpegHeader } from "./jpeg.js";
import { upright } from "./pixels.js";
import { decodePixels, pngOrientation } from "./png.js";
import type { PixelImage } from "./pngEncoding.js";

export interface ImageOptions {
  /** Leave images as they are stored, whatever EXIF says of how the camera was held. Default false. */
  readonly ignoreExif?: boolean;
}

export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  /** Grey images have one channel, or two with alpha. */
  readonly isGrey: boolean;
}

const isPng = (bytes: Uint8Array): boolean => bytes[0] === 0x89 && bytes[1] === 0x50;

/** Names that a data set takes for images. */
export function isImageName(name: string): boolean {
  return /\.(png|jpe?g|jpe|jfif)$/i.test(name);
}

/** Names of images in formats that are not read. */
export function isOtherImageName(name: string): boolean {
  return /\.(webp|bmp|dib|tiff?|gif|hei[cf]|avif|jxl|jp2|ppm|pgm|tga|psd|dng|cr2|nef|arw)$/i.test(name);
}

/** Formats by how their bytes begin; `.` stands for any byte. */
const OTHER_FORMATS: readonly (readonly [start: RegExp, name: string])[] = [
  [/^RIFF....WEBP/s, "a WebP image"],
  [/^BM/, "a BMP image"],
  [/^(II\*|MM.\*)/s, "a TIFF image"],
  [/^GIF8/, "a GIF image"],
  [/^....ftyp(hei|hev|mif|msf)/s, "a HEIC image"],
  [/^....ftypavi/s, "an AVIF image"],
  [/^(ÿ\n|....JXL )/s, "a JPEG XL image"],
  [/^....jP {2}/s, "a JPEG 2000 image"],
  [/^8BPS/, "a Photoshop file"],
  [/^\s*<(!doctype|html)/i, "a web page"],
  [/^\s*<(\?xml|svg)/i, "an SVG or XML file"],
];

/** What the bytes are, in words. */
function describeContents(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  return OTHER_FORMATS.find(([pattern]) => pattern.test(start))?.[1] ?? "other contents";
}

const notAnImage = (bytes: Uint8Array): FileError =>
  new FileError(`image: expected a PNG or a JPEG, found ${describeContents(bytes)}`, 0);

/**
 * All pixels of a PNG or JPEG, upright as people see them.
 *
 * @throws FileError when the bytes are neither, are damaged, or hold more than 300 million samples
 */
export function decodeImage(bytes: Uint8Array, { ignoreExif = false }: ImageOptions = {}): PixelImage {
  if (!isJpeg(bytes) && !isPng(bytes)) throw notAnImage(bytes);
  const image = isJpeg(bytes) ? decodeJpeg(bytes) : decodePixels(bytes);
  return ignoreExif ? image : upright(image, orientation(bytes));
}

const orientation = (bytes: Uint8Array): number =>
  isJpeg(bytes) ? jpegHeader(bytes).orientation : pngOrientation(bytes);

/** Size (upright) and colour from the first bytes of a file, without decoding it. */
export function imageHeader(bytes: Uint8Array, { ignoreExif = false }: ImageOptions = {}): ImageHeader {
  const { width, height, isGrey } = storedHeader(bytes);
  const isTurned = !ignoreExif && orientation(bytes) >= 5;
  return isTurned ? { width: height, height: width, isGrey } : { width, height, isGrey };
}

function storedHeader(bytes: Uint8Array): ImageHeader {
  if (isJpeg(bytes)) return jpegHeader(bytes);
  if (!isPng(bytes) || bytes.length < 33) throw notAnImage(bytes);
  const view = viewOf(bytes);
  const colourType = bytes[25];
  return { width: view.getUint32(16), height: view.getUint32(20), isGrey: colourType === 0 || colourType === 4 };
}

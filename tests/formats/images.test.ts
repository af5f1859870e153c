/** Images as people have them: turned photos, colour transforms, other formats, damage, and sizes that nobody can hold. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { unzlibSync } from "fflate";
import { encode as encodeJpeg } from "jpeg-js";
import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/formats/byteSource.js";
import { concatBytes, crc32 } from "../../src/formats/bytes.js";
import { FileError } from "../../src/formats/fileError.js";
import { decodeImage, imageHeader } from "../../src/formats/image/imageFile.js";
import { upright } from "../../src/formats/image/pixels.js";
import { decodePixels } from "../../src/formats/image/png.js";
import { encodePixels, type PixelImage, packPixels } from "../../src/formats/image/pngEncoding.js";
import { RandomState } from "../../src/nn/random.js";

const caseFile = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/cases/images/${name}`, import.meta.url)));

const pixel = ({ width, channels, data }: PixelImage, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels),
];

/** A TIFF header and a directory with one entry, the orientation. */
function exif(orientation: number, isLittle: boolean): Uint8Array {
  const bytes = new Uint8Array(26);
  const view = viewOf(bytes);
  view.setUint16(0, isLittle ? 0x4949 : 0x4d4d);
  view.setUint16(2, 42, isLittle);
  view.setUint32(4, 8, isLittle);
  view.setUint16(8, 1, isLittle);
  view.setUint16(10, 0x0112, isLittle);
  view.setUint16(12, 3, isLittle);
  view.setUint32(14, 1, isLittle);
  view.setUint16(18, orientation, isLittle);
  return bytes;
}

function segment(marker: number, contents: Uint8Array): Uint8Array {
  const length = contents.length + 2;
  return concatBytes([Uint8Array.of(0xff, marker, length >> 8, length & 255), contents]);
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A JPEG of two flat halves, left red and right blue, without its JFIF segment and with others in its place. */
function jpeg(segments: readonly Uint8Array[], width = 32, height = 16): Uint8Array {
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.set(x < width / 2 ? [220, 30, 30, 255] : [30, 30, 220, 255], (y * width + x) * 4);
  const plain = new Uint8Array(encodeJpeg({ width, height, data }, 95).data);
  const afterJfif = 4 + viewOf(plain).getUint16(4);
  return concatBytes([plain.subarray(0, 2), ...segments, plain.subarray(afterJfif)]);
}

function chunk(type: string, contents: Uint8Array): Uint8Array {
  const whole = concatBytes([new Uint8Array(4), ascii(type), contents, new Uint8Array(4)]);
  viewOf(whole).setUint32(0, contents.length);
  viewOf(whole).setUint32(whole.length - 4, crc32(whole.subarray(4, -4)));
  return whole;
}

/** Puts a chunk behind the header of a PNG. */
const withChunk = (png: Uint8Array, type: string, contents: Uint8Array): Uint8Array =>
  concatBytes([png.subarray(0, 33), chunk(type, contents), png.subarray(33)]);

describe("photos are turned upright", () => {
  test("EXIF 6 shows what EXIF 1 shows", () => {
    const [turned, straight] = [decodeImage(caseFile("exif6.jpg")), decodeImage(caseFile("exif1.jpg"))];
    expect([turned.width, turned.height]).toEqual([straight.width, straight.height]);
    const difference = turned.data.map((value, i) => Math.abs(value - straight.data[i]));
    expect(Math.max(...difference)).toBeLessThan(40);
    expect(difference.reduce((sum, value) => sum + value, 0) / difference.length).toBeLessThan(4);
    expect(imageHeader(caseFile("exif6.jpg"))).toEqual(imageHeader(caseFile("exif1.jpg")));
    const stored = decodeImage(caseFile("exif6.jpg"), { ignoreExif: true });
    expect([stored.width, stored.height]).toEqual([turned.height, turned.width]);
  });

  // The picture is 2 wide and 3 high; letters are its pixels, as they are stored and as they are seen.
  test.each([
    [1, "ab cd ef"],
    [2, "ba dc fe"],
    [3, "fe dc ba"],
    [4, "ef cd ab"],
    [5, "ace bdf"],
    [6, "eca fdb"],
    [7, "fdb eca"],
    [8, "bdf ace"],
  ])("orientation %i of ab cd ef is %s", (orientation, seen) => {
    const image = { width: 2, height: 3, channels: 1, data: ascii("abcdef") } as const;
    const { width, data } = upright(image, orientation);
    const text = new TextDecoder().decode(data);
    expect(text.match(new RegExp(`.{${width}}`, "g"))!.join(" ")).toBe(seen);
  });

  test.each([true, false])("JPEG and PNG say it in either order of bytes (little: %s)", (isLittle) => {
    const photo = jpeg([segment(0xe1, concatBytes([ascii("Exif\0\0"), exif(6, isLittle)]))]);
    expect(imageHeader(photo)).toEqual({ width: 16, height: 32, isGrey: false });
    const image = decodeImage(photo);
    expect([image.width, image.height]).toEqual([16, 32]);
    expect(pixel(image, 8, 4)[0]).toBeGreaterThan(180); // left became top
    const plain = encodePixels({ width: 2, height: 1, channels: 1, data: Uint8Array.of(10, 20) });
    const png = decodeImage(withChunk(plain, "eXIf", exif(3, isLittle)));
    expect([...png.data]).toEqual([20, 10]);
  });

  test("an orientation that is none, or a directory that ends early, leaves the image as it is", () => {
    for (const tiff of [exif(0, true), exif(9, true), exif(6, true).subarray(0, 15), new Uint8Array(3)]) {
      const photo = jpeg([segment(0xe1, concatBytes([ascii("Exif\0\0"), tiff]))]);
      expect(imageHeader(photo)).toEqual({ width: 32, height: 16, isGrey: false });
    }
  });
});

describe("colour transforms of JPEG", () => {
  test("Adobe's transform 0 is RGB as it is", () => {
    const image = decodeImage(caseFile("rgb-adobe0.jpg"));
    const same = decodeImage(caseFile("exif1.jpg")); // the same picture in YCbCr
    const apart = image.data.reduce((sum, value, i) => sum + Math.abs(value - same.data[i]), 0) / image.data.length;
    expect(apart).toBeLessThan(6);
  });

  /** The components of a JPEG are what the transform was given: declared RGB, they come back untouched. */
  const components = (segments: readonly Uint8Array[], rename = false): number[] => {
    const bytes = jpeg(segments);
    if (rename) {
      const frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
      const scan = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xda);
      [..."RGB"].forEach((letter, k) => {
        bytes[frame + 10 + 3 * k] = letter.charCodeAt(0);
        bytes[scan + 5 + 2 * k] = letter.charCodeAt(0);
      });
    }
    return pixel(decodeImage(bytes), 4, 4);
  };
  const adobe = (transform: number) =>
    segment(0xee, concatBytes([ascii("Adobe"), Uint8Array.of(0, 100, 0, 0, 0, 0, transform)]));
  const near = (actual: readonly number[], expected: readonly number[]): void => {
    for (const [k, value] of expected.entries()) expect(Math.abs(actual[k] - value), `${actual}`).toBeLessThan(8);
  };
  // ITU-R BT.601 of (220, 30, 30)
  const ycc = [87, 96, 223];

  test("which of both, by Adobe's segment, by JFIF's, and by the components' names", () => {
    near(components([]), [220, 30, 30]);
    near(components([adobe(1)]), [220, 30, 30]);
    near(components([adobe(0)]), ycc);
    near(components([], true), ycc);
    near(components([segment(0xe0, ascii("JFIF\0\x01\x01\0\0\x01\0\x01\0\0"))], true), [220, 30, 30]);
  });
});

describe("other formats are called by their names", () => {
  test.each([
    [caseFile("webp-named-jpg.jpg"), /a WebP image/],
    [concatBytes([ascii("BM"), new Uint8Array(60)]), /a BMP image/],
    [concatBytes([ascii("II*\0"), new Uint8Array(60)]), /a TIFF image/],
    [ascii("GIF89a..."), /a GIF image/],
    [concatBytes([new Uint8Array(4), ascii("ftypheic")]), /a HEIC image/],
    [concatBytes([new Uint8Array(4), ascii("ftypavif")]), /an AVIF image/],
    [ascii("\n<!DOCTYPE html><html>"), /a web page/],
    [new Uint8Array(0), /an empty file/],
  ])("%#", (bytes, message) => {
    expect(() => decodeImage(bytes)).toThrow(message);
    expect(() => imageHeader(bytes)).toThrow(message);
  });
});

describe("damage and size", () => {
  test("no flipped bit of a PNG passes unnoticed", () => {
    const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 7919) % 251);
    const png = encodePixels({ width: 16, height: 16, channels: 3, data });
    let count = 0;
    for (let at = 0; at < png.length; at++) {
      for (const bit of [0, 3, 7]) {
        const bytes = png.slice();
        bytes[at] ^= 1 << bit;
        expect(() => decodePixels(bytes), `byte ${at}, bit ${bit}`).toThrow(FileError);
        count++;
      }
    }
    expect(count).toBeGreaterThan(500);
  });

  test("a checksum of the pixels that was wrong before the chunk was made is noticed, too", () => {
    const png = encodePixels({ width: 4, height: 4, channels: 1, data: new Uint8Array(16) });
    const view = viewOf(png);
    const at = png.findIndex((_, i) => i > 32 && new TextDecoder().decode(png.subarray(i, i + 4)) === "IDAT") - 4;
    const end = at + 8 + view.getUint32(at);
    png[end - 1] ^= 1;
    view.setUint32(end, crc32(png.subarray(at + 4, end)));
    expect(() => decodePixels(png)).toThrow(/checksum of the pixels/);
  });

  test("a text or a colour profile that unpacks to gigabytes is not unpacked; a second header is refused", () => {
    const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(7) } as const;
    const bomb = withChunk(encodePixels(image), "iCCP", concatBytes([ascii("x\0\0"), new Uint8Array(100)]));
    expect(decodePixels(bomb)).toEqual(image);
    const twice = withChunk(encodePixels(image), "IHDR", encodePixels(image).slice(16, 29));
    expect(() => decodePixels(twice)).toThrow(/one header/);
  });

  test("sizes beyond the limit, and files too small for their size, are refused before anything is unpacked", () => {
    const wide = concatBytes([encodePixels({ width: 1, height: 1, channels: 1, data: new Uint8Array(1) })]);
    viewOf(wide).setUint32(16, 30_000);
    viewOf(wide).setUint32(20, 30_000);
    expect(() => decodePixels(wide)).toThrow(/impossible size of 30000x30000/);
    const large = jpeg([]);
    const frame = large.findIndex((byte, i) => byte === 0xff && large[i + 1] === 0xc0);
    viewOf(large).setUint16(frame + 5, 60_000);
    viewOf(large).setUint16(frame + 7, 60_000);
    expect(() => decodeImage(large)).toThrow(/60000x60000 pixels are 10800 million samples, at most 300 million/);
    viewOf(large).setUint16(frame + 5, 6000);
    viewOf(large).setUint16(frame + 7, 6000);
    expect(() => decodeImage(large)).toThrow(/cannot hold 6000x6000 pixels/);
  });

  test("every number of channels at any size comes back, flat, smooth or noise, by each of the filters", () => {
    const filters = new Set<number>();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(1, 2, 3, 4),
        fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), fc.constantFrom(0, 4, 255)),
        fc.nat(),
        (w, h, c, [slopeX, slopeY, rough], seed) => {
          const channels = c as PixelImage["channels"];
          const random = new RandomState(seed);
          const data = Uint8Array.from({ length: w * h * c }, (_, k) => {
            const pixel = Math.floor(k / c);
            return 128 + slopeX * (pixel % w) + slopeY * Math.floor(pixel / w) + Math.floor(rough * random.uniform());
          });
          const image = { width: w, height: h, channels, data };
          expect(decodePixels(encodePixels(image))).toEqual(image);
          const rows = unzlibSync(packPixels(image));
          for (let row = 0; row < h; row++) filters.add(rows[row * (w * c + 1)]);
        },
      ),
      { numRuns: 60 },
    );
    expect([...filters].sort()).toEqual([1, 2, 4]);
  });

  test("an image without pixels is refused", () => {
    expect(() => encodePixels({ width: 0, height: 4, channels: 3, data: new Uint8Array(0) })).toThrow(
      "PNG: an image has at least one pixel, got 0x4",
    );
  });
});

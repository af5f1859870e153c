/** Animated PNG and GIF: every frame comes back, in its time; sizes and numbers of chunks as the formats want them. */
import { unzlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { concatBytes, crc32 } from "../../src/formats/bytes.js";
import { ApngEncoder } from "../../src/formats/image/apng.js";
import { GifEncoder } from "../../src/formats/image/gif.js";
import { decodePixels } from "../../src/formats/image/png.js";
import type { PixelImage } from "../../src/formats/image/pngEncoding.js";
import { RandomState } from "../../src/nn/random.js";

interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
  readonly view: DataView;
}

/** The chunks of a PNG, with their checksums checked. */
function chunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Chunk[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at);
    const body = bytes.subarray(at + 8, at + 8 + length);
    expect(view.getUint32(at + 8 + length)).toBe(crc32(bytes.subarray(at + 4, at + 8 + length)));
    const type = new TextDecoder().decode(bytes.subarray(at + 4, at + 8));
    found.push({ type, body, view: new DataView(body.buffer, body.byteOffset, body.byteLength) });
    at += 12 + length;
  }
  return found;
}

/** Rows without their filters, by the definition of PNG for the filters sub, up and Paeth. */
function unfilter(rows: Uint8Array, width: number, height: number, channels: number): Uint8Array {
  const rowBytes = width * channels;
  const out = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    const kind = rows[y * (rowBytes + 1)];
    for (let k = 0; k < rowBytes; k++) {
      const left = k < channels ? 0 : out[y * rowBytes + k - channels];
      const above = y === 0 ? 0 : out[(y - 1) * rowBytes + k];
      const corner = y === 0 || k < channels ? 0 : out[(y - 1) * rowBytes + k - channels];
      // The nearest to the plane through the three; at equal distances the one named first.
      const distance = (value: number): number => Math.abs(left + above - corner - value);
      const paeth = [left, above, corner].reduce((a, b) => (distance(b) < distance(a) ? b : a));
      out[y * rowBytes + k] = rows[y * (rowBytes + 1) + 1 + k] + [0, left, above, Number.NaN, paeth][kind];
    }
  }
  return out;
}

const noise = (seed: number, size: number): Uint8Array => {
  const random = new RandomState(seed);
  // Half of it smooth, so that filters differ from row to row.
  return Uint8Array.from({ length: size }, (_, k) => (k % 40 < 20 ? k : Math.floor(256 * random.uniform())));
};

describe("animated PNG", () => {
  test.each([1, 2, 3, 4] as const)("%i channels: frames come back bit for bit", (channels) => {
    const [width, height, count] = [13, 7, 4];
    const frames = Array.from({ length: count }, (_, k) => noise(k, width * height * channels));
    const encoder = new ApngEncoder({ width, height, channels, frames: count, fps: 25 });
    const file = concatBytes([encoder.header(), ...frames.map((frame) => encoder.frame(frame)), encoder.end()]);
    const found = chunks(file);
    const types = ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT", "fcTL", "fdAT", "IEND"];
    expect(found.map(({ type }) => type)).toEqual(types);
    expect(found[1].view.getUint32(0)).toBe(count);
    const numbered = found.filter(({ type }) => type === "fcTL" || type === "fdAT");
    expect(numbered.map(({ view }) => view.getUint32(0))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const { view } of found.filter(({ type }) => type === "fcTL")) {
      expect([view.getUint32(4), view.getUint32(8), view.getUint16(20), view.getUint16(22)]).toEqual([13, 7, 1, 25]);
    }
    const data = found.filter(({ type }) => type === "IDAT" || type === "fdAT");
    for (const [k, { type, body }] of data.entries()) {
      const packed = type === "IDAT" ? body : body.subarray(4);
      expect(unfilter(unzlibSync(packed), width, height, channels)).toEqual(frames[k]);
    }
    // Programs that know no animations show the first frame.
    expect(decodePixels(file).data).toEqual(frames[0]);
  });

  test.each([
    [60, 1 / 60],
    [29.97, 1 / 29.97],
    [0.5, 2],
    [12.5, 1 / 12.5],
  ])("%f frames a second", (fps, seconds) => {
    const encoder = new ApngEncoder({ width: 1, height: 1, channels: 1, frames: 1, fps });
    const control = chunks(concatBytes([encoder.header(), encoder.frame(new Uint8Array(1)), encoder.end()]))[2].view;
    expect(control.getUint16(20) / control.getUint16(22)).toBeCloseTo(seconds, 4);
  });

  test("too few and too many frames, and frames of another size, are refused", () => {
    const make = () => new ApngEncoder({ width: 2, height: 2, channels: 1, frames: 1, fps: 1 });
    expect(() => make().end()).toThrow("1 frames were announced, 0 came");
    expect(() => make().frame(new Uint8Array(5))).toThrow(RangeError);
    const full = make();
    full.frame(new Uint8Array(4));
    expect(() => full.frame(new Uint8Array(4))).toThrow("more than the 1 frames");
  });
});

/** Delays in hundredths of a second, and the size, of a GIF's frames. */
function gifFrames(bytes: Uint8Array): { readonly delays: number[]; readonly width: number; readonly height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const delays: number[] = [];
  let at = 13 + table(bytes[10]);
  const skipBlocks = (): void => {
    while (bytes[at] !== 0) at += bytes[at] + 1;
    at++;
  };
  for (; bytes[at] !== 0x3b; ) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) delays.push(view.getUint16(at + 4, true));
      at += 2;
    } else {
      expect(bytes[at]).toBe(0x2c);
      at += 10 + table(bytes[at + 9]) + 1;
    }
    skipBlocks();
  }
  expect(at).toBe(bytes.length - 1);
  return { delays, width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

describe("animated GIF", () => {
  test.each([
    [30, 300],
    [50, 180],
    [60, 180], // 50 is the most it has
    [7, 1286],
  ])("%i frames a second: 90 frames take %i hundredths", (fps, hundredths) => {
    const format = { width: 9, height: 5, channels: 3, fps } as const;
    const encoder = new GifEncoder(format);
    const parts = Array.from({ length: 90 }, (_, k) => encoder.frame(noise(k, 9 * 5 * 3)));
    const { delays, width, height } = gifFrames(concatBytes([...parts, encoder.end()]));
    expect([width, height, delays.length]).toEqual([9, 5, 90]);
    expect(delays.reduce((sum, delay) => sum + delay, 0)).toBe(hundredths);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(2);
  });

  test("grey and transparent frames are written too", () => {
    for (const channels of [1, 2, 4] satisfies PixelImage["channels"][]) {
      const encoder = new GifEncoder({ width: 3, height: 3, channels, fps: 10 });
      expect(gifFrames(concatBytes([encoder.frame(noise(1, 9 * channels)), encoder.end()])).delays).toEqual([10]);
    }
  });
});

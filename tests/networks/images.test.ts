/** Tensors as pictures: where each value goes, and what is refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { decodePixels } from "../../src/formats/image/png.js";
import { encodePng, imageGrid, init, Tensor, toPixels } from "../../src/index.js";

beforeAll(() => init({ threads: 1 }));

describe("imageGrid", () => {
  test("puts images row by row, channel by channel; places without one are black", () => {
    const [n, c, h, w] = [3, 2, 2, 3];
    const images = Tensor.from(
      Float32Array.from({ length: n * c * h * w }, (_, k) => k / 64),
      [n, c, h, w],
    );
    const sheet = imageGrid(images, { rows: 2, columns: 2 });
    expect(sheet.shape).toEqual([1, c, 2 * h, 2 * w]);
    const [from, to] = [images.toFloat64Array(), sheet.toFloat64Array()];
    for (let channel = 0; channel < c; channel++) {
      for (let y = 0; y < 2 * h; y++) {
        for (let x = 0; x < 2 * w; x++) {
          const image = Math.floor(y / h) * 2 + Math.floor(x / w);
          const expected = image < n ? from[((image * c + channel) * h + (y % h)) * w + (x % w)] : -1;
          expect(to[(channel * 2 * h + y) * 2 * w + x], `${channel} ${y} ${x}`).toBe(expected);
        }
      }
    }
  });

  test("more images than places are told", () => {
    expect(() => imageGrid(Tensor.zeros([3, 1, 2, 2]), { rows: 1, columns: 2 })).toThrow(
      /3 images do not fit into 1 rows of 2/,
    );
    expect(() => imageGrid(Tensor.zeros([1, 2, 2]), { rows: 1, columns: 2 })).toThrow(
      /imageGrid: images must be \[N, C, H, W\]/,
    );
  });
});

describe("encodePng", () => {
  test.each([1, 2, 3, 4])("%i channels, with the batch or without", (channels) => {
    const values = Float32Array.from({ length: channels * 6 }, (_, k) => (k % 3) - 1);
    for (const shape of [
      [channels, 2, 3],
      [1, channels, 2, 3],
    ]) {
      const image = Tensor.from(values, shape);
      const decoded = decodePixels(encodePng(image));
      expect([decoded.width, decoded.height, decoded.channels]).toEqual([3, 2, channels]);
      expect([...decoded.data]).toEqual([...toPixels(Tensor.from(values, [1, channels, 2, 3]))]);
    }
  });

  test.each([[[2, 3, 4, 4]], [[1, 0, 4, 4]], [[1, 5, 4, 4]], [[4, 4]], [[1, 1, 1, 4, 4]]])("%j is refused", (shape) => {
    expect(() => encodePng(Tensor.zeros(shape))).toThrow(/encodePng: image must be \[1, 1 to 4, H, W\]/);
  });
});

/** What operations refuse, in words, and the sizes that resampling keeps. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { scale } from "../../src/nn/ops/arith.js";
import { conv2d, convTranspose2d } from "../../src/nn/ops/conv2d.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { reshape, sum } from "../../src/nn/ops/reduce.js";
import { downsample2d, filter2d, setupFilter, upfirdn2d, upsample2d } from "../../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import { equal } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const random = new RandomState(1);
const normals = (...shape: readonly number[]): Tensor =>
  Tensor.from(random.randn(shape.reduce((a, b) => a * b, 1)), shape);

describe("what does not fit is named", () => {
  test.each<[string, RegExp, () => Tensor]>([
    [
      "rows",
      /leaves nothing of an input/,
      () => convTranspose2d(normals(1, 1, 1, 4), normals(1, 1, 1, 1), { padding: [1, 0] }),
    ],
    [
      "columns",
      /leaves nothing of an input/,
      () => convTranspose2d(normals(1, 1, 4, 1), normals(1, 1, 1, 1), { padding: [0, 1] }),
    ],
    [
      "convTranspose2d: x",
      /convTranspose2d: x must be \[N, O, H, W\]/,
      () => convTranspose2d(normals(2, 3, 4), normals(2, 1, 3, 3)),
    ],
    [
      "convTranspose2d: O",
      /convTranspose2d: x must be/,
      () => convTranspose2d(normals(1, 3, 4, 4), normals(2, 1, 3, 3)),
    ],
    ["conv2d: x", /conv2d: x must be/, () => conv2d(normals(2, 3, 4), normals(2, 3, 3, 3))],
    [
      "upfirdn2d: x",
      /upfirdn2d: x must be \[N, C, H, W\]/,
      () => upfirdn2d(normals(2, 3, 4), setupFilter([1, 3, 3, 1])),
    ],
  ])("%s", (_, message, run) => expect(run).toThrow(message));
});

describe("sizes", () => {
  test.each([[[1, 2, 1]], [[1, 3, 3, 1]], [[1, 2, 3, 2, 1]], [[1]]])("of images filtered with %j", (taps) => {
    const filter = setupFilter(taps);
    const x = normals(1, 2, 6, 8);
    expect(upsample2d(x, filter).shape).toEqual([1, 2, 12, 16]);
    expect(downsample2d(x, filter).shape).toEqual([1, 2, 3, 4]);
    expect(filter2d(x, filter).shape).toEqual([1, 2, 6, 8]);
  });

  test("of images with odd sides, halved by an odd filter: the last row is not read twice", () => {
    expect(downsample2d(normals(1, 1, 7, 9), setupFilter([1, 2, 1])).shape).toEqual([1, 1, 3, 4]);
    expect(downsample2d(normals(1, 1, 7, 9), setupFilter([1, 3, 3, 1])).shape).toEqual([1, 1, 3, 4]);
  });

  test("an odd filter leaves a symmetric image symmetric: it stays where it is", () => {
    const row = [0, 1, 5, 1, 0];
    const x = Tensor.from(
      row.flatMap((a) => row.map((b) => a * b)),
      [1, 1, 5, 5],
    );
    const y = filter2d(x, setupFilter([1, 2, 1])).toFloat64Array();
    for (let k = 0; k < 25; k++) expect(y[k]).toBeCloseTo(y[24 - k], 12);
  });
});

test.each([1, 2, -0.5])("a sum of single terms is the terms, times the gain %f", (gain) => {
  const x = normals(2, 1, 3);
  equal(sum(x, { axes: [1], gain }), reshape(scale(x, gain), [2, 3]));
});

/** Whatever shape the kernel has, convolving and resampling are the two done one after the other. */
describe("kernels that are not square, and padded points", () => {
  test.each([
    [[3, 1], 0],
    [[1, 3], 0],
    [[1, 1], 1],
    [[1, 1], 0],
  ] as const)("%j with padding %i, down by two", ([kh, kw], padding) => {
    const filter = setupFilter([1, 3, 3, 1]);
    const [x, w] = [normals(1, 2, 8, 8), normals(3, 2, kh, kw)];
    const at = [1 + padding, 1 + padding, 1 + padding, 1 + padding] as const;
    const byHand = conv2d(upfirdn2d(x, filter, { padding: at }), w, { stride: 2 });
    equal(conv2dResample(x, w, filter, { down: 2, padding }), byHand);
  });
});

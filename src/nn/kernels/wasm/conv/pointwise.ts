/**
 * The 1x1 convolution and its adjoints as products of matrices where they lie (assembly/gemm/rows.ts and small.ts): with pixels as columns,
 *
 *   y[n] = w x[n],   dx[n] = w^T dy[n],   dw = sum over n of dy[n] x[n]^T
 */
import type { Conv2dGeometry } from "../../types.js";
import { mostRowsInPlace, runDots, runRows } from "../matmul.js";
import { type Conv2dAlgorithm, mostExactProducts } from "./direct.js";

function isPointwise(g: Conv2dGeometry): boolean {
  return (
    g.kernelHeight === 1 && g.kernelWidth === 1 && g.stride === 1 && g.padY === 0 && g.padX === 0 && g.groups === 1
  );
}

/** With more channels on both sides, packing the weights and pixels pays; with few of all, the direct form is more exact. */
function isMedium(g: Conv2dGeometry): boolean {
  const products = g.n * g.height * g.width * g.inChannels * g.outChannels;
  return products > mostExactProducts && Math.min(g.inChannels, g.outChannels) <= mostRowsInPlace;
}

const product = (run: Conv2dAlgorithm["run"]): Conv2dAlgorithm => ({
  name: "pointwise",
  applies: (g) => isPointwise(g) && isMedium(g),
  run,
});

const runForwards: Required<Conv2dAlgorithm>["runWith"] = (engine, x, w, y, geometry, { end }) => {
  const { n, inChannels, outChannels, height, width } = geometry;
  const columns = height * width;
  runRows(engine, {
    ...{ a: w, b: x, y, rows: outChannels, columns, depth: inChannels, items: n, end },
    ...{ aRow: inChannels, aDepth: 1, aItem: 0, bItem: inChannels * columns },
  });
};

export const pointwiseConv2d: Conv2dAlgorithm = {
  ...product((engine, x, w, y, geometry) => runForwards(engine, x, w, y, geometry, {})),
  joins: ["end"],
  runWith: runForwards,
};

export const pointwiseConv2dInputGrad = product((engine, dy, w, dx, { n, inChannels, outChannels, height, width }) => {
  const columns = height * width;
  runRows(engine, {
    ...{ a: w, b: dy, y: dx, rows: inChannels, columns, depth: outChannels, items: n },
    ...{ aRow: 1, aDepth: inChannels, aItem: 0, bItem: outChannels * columns },
  });
});

export const pointwiseConv2dWeightGrad: Conv2dAlgorithm = {
  name: "pointwise",
  applies: isPointwise,
  run(engine, x, dy, dw, { n, inChannels, outChannels, height, width }) {
    const depth = height * width;
    const outputs = { pointer: dy, count: outChannels, step: inChannels };
    const inputs = { pointer: x, count: inChannels, step: 1 };
    // The longer side is cut into chunks.
    const [a, b] = outChannels < inChannels ? [outputs, inputs] : [inputs, outputs];
    runDots(engine, {
      ...{
        a: a.pointer,
        b: b.pointer,
        y: dw,
        rows: a.count,
        columns: b.count,
        depth,
        outer: n,
        aRow: depth,
        bRow: depth,
      },
      ...{ aOuter: a.count * depth, bOuter: b.count * depth, yRow: a.step, yColumn: b.step },
    });
  },
};

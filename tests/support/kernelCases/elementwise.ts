/** Element by element: functions, broadcasting, copies, bias and activation, normal numbers. */
import fc from "fast-check";
import { type Activation, activations } from "../../../src/nn/kernels/activations.js";
import type { BinaryOp, UnaryOp } from "../../../src/nn/kernels/functions.js";
import { type KernelCase, small, upTo67 } from "./case.js";

const names = Object.keys(activations) as Activation[];
const piecewise = names.filter((name) => activations[name].slope !== null);
const smooth = names.filter((name) => activations[name].slope === null);

function unaryCase(op: UnaryOp, c: number, kind: KernelCase["kind"] = "other"): KernelCase {
  return {
    name: `unary ${op}`,
    c,
    kind,
    terms: "output",
    problem: upTo67.map((n) => ({
      inputs: [n],
      output: n,
      flops: n,
      run: (kernels, [x], y) => kernels.unary(op, x, y),
    })),
  };
}

function binaryCase(op: BinaryOp, kind: KernelCase["kind"]): KernelCase {
  const mask = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean());
  const axes = fc.tuple(small(3), small(4), small(5), upTo67);
  return {
    name: `binary ${op}`,
    c: 1,
    kind,
    terms: "inputs",
    problem: fc.record({ axes, aMask: mask, bMask: mask }).map(({ axes: shape, aMask, bMask }) => {
      // Each operand is dense over the axes of its mask and broadcast over the others.
      const operand = (kept: readonly boolean[]) => {
        const strides: number[] = [];
        let length = 1;
        for (let axis = 3; axis >= 0; axis--) {
          strides.unshift(kept[axis] ? length : 0);
          if (kept[axis]) length *= shape[axis];
        }
        return { strides, length };
      };
      const [a, b, y] = [operand(aMask), operand(bMask), operand([true, true, true, true])];
      return {
        inputs: [a.length, b.length],
        output: y.length,
        flops: y.length,
        run: (kernels, [aBlock, bBlock], yBlock, positive) => {
          const geometry = { shape, strides: [a.strides, b.strides] };
          kernels.binary(positive && op === "sub" ? "add" : op, aBlock, bBlock, yBlock, geometry);
        },
      };
    }),
  };
}

const copyCase: KernelCase = {
  name: "stridedCopy",
  c: 0,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      extents: fc.array(small(5), { minLength: 1, maxLength: 6 }),
      order: fc.nat(),
      reversed: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      broadcast: fc.nat({ max: 7 }),
    })
    .map(({ extents, order, reversed, broadcast }) => {
      // y is dense; x is walked through permuted axes, some backwards, perhaps one of them held still.
      const rank = extents.length;
      const axes = extents.map((_, axis) => axis).sort((i, j) => ((order >> i) & 7) - ((order >> j) & 7) || i - j);
      const y: number[] = new Array<number>(rank).fill(0);
      const x: number[] = new Array<number>(rank).fill(0);
      let output = 1;
      for (let axis = rank - 1; axis >= 0; axis--) {
        y[axis] = output;
        output *= extents[axis];
      }
      let input = 1;
      let offset = 0;
      for (const axis of axes) {
        if (axis === broadcast) continue;
        x[axis] = reversed[axis] ? -input : input;
        if (reversed[axis]) offset += input * (extents[axis] - 1);
        input *= extents[axis];
      }
      return {
        inputs: [input],
        output,
        flops: 0,
        run: (kernels, [from], to) =>
          kernels.stridedCopy(from, to, { shape: extents, strides: [x, y], offsets: [offset, 0] }),
      };
    }),
};

/** Of biasAct, and of all that ends with it. */
const biasActGeometry = (activations: readonly Activation[]) => ({
  outer: small(3),
  channels: fc.oneof(small(5), upTo67),
  inner: fc.oneof(fc.constant(1), upTo67),
  inputGain: fc.constantFrom(1, 1, 1 / Math.sqrt(300)),
  biasGain: fc.constantFrom(1, 1, 0.01),
  activation: fc.constantFrom(...activations),
  alpha: fc.constantFrom(0.2, 0.01),
  gain: fc.constantFrom(1, Math.SQRT2, 0.5),
  clamp: fc.constantFrom(null, 0.7, 256),
});

function biasActCase(
  activations: readonly Activation[],
  gradient: boolean,
  c: number,
  terms: KernelCase["terms"],
): KernelCase {
  return {
    name: `${gradient ? "biasActGrad" : "biasAct"} ${activations.join(" ")}`,
    c,
    kind: "other",
    terms,
    problem: fc
      .record({
        ...biasActGeometry(activations),
        biased: fc.boolean(),
      })
      .map(({ biased, ...geometry }) => {
        const length = geometry.outer * geometry.channels * geometry.inner;
        const b = biased ? [geometry.channels] : [];
        // Nothing is smaller than the identity among |act|: with it, and no clamp, the terms are those of |t|.
        const positiveGeometry = { ...geometry, activation: "linear", clamp: null } as const;
        return {
          inputs: gradient ? [length, length, ...b] : [length, ...b],
          output: length,
          flops: 4 * length,
          run: (kernels, inputs, y, positive) => {
            const chosen = positive ? positiveGeometry : geometry;
            if (gradient) kernels.biasActGrad(inputs[0], inputs[1], inputs[2] ?? null, y, chosen);
            else kernels.biasAct(inputs[0], inputs[1] ?? null, y, chosen);
          },
        };
      }),
  };
}

/** What follows a convolution, forwards; dt, and dx, on the way back. */
function layerEndCase(result: "y" | "dt" | "dx"): KernelCase {
  return {
    name: `layerEnd ${result}`,
    c: 8,
    kind: "other",
    terms: "inputs",
    problem: fc
      .record({
        ...biasActGeometry(piecewise),
        operands: fc.record({ scale: fc.boolean(), noise: fc.boolean(), b: fc.boolean() }),
        sharesNoise: fc.boolean(),
      })
      .map(({ operands, sharesNoise, ...rest }) => {
        const geometry = { ...rest, noiseMaps: sharesNoise ? 1 : rest.outer };
        const { outer, channels, inner, noiseMaps } = geometry;
        const length = outer * channels * inner;
        const lengths = { scale: outer * channels, noise: noiseMaps * inner, b: channels };
        const present = (["scale", "noise", "b"] as const).filter((name) => operands[name]);
        const positiveGeometry = { ...geometry, activation: "linear", clamp: null } as const;
        return {
          inputs: [length, length, ...present.map((name) => lengths[name])],
          output: length,
          flops: 6 * length,
          run: (kernels, [dy, x, ...blocks], y, positive) => {
            const of = (name: (typeof present)[number]) => blocks[present.indexOf(name)] ?? null;
            const given = { scale: of("scale"), noise: of("noise"), b: of("b") };
            const chosen = positive ? positiveGeometry : geometry;
            if (result === "y") return kernels.layerEnd(x, given, y, chosen);
            const other = kernels.allocate(length);
            const [dt, dx] = result === "dt" ? [y, other] : [other, y];
            kernels.layerEndGrad(dy, x, given, dt, dx, chosen);
            kernels.release(other);
          },
        };
      }),
  };
}

const normalCase: KernelCase = {
  name: "normal",
  c: 16,
  kind: "positive",
  terms: "output",
  problem: fc
    .record({
      length: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(16384, 33000)),
      seed: fc.nat(2 ** 32 - 1),
      stream: fc.oneof(fc.nat(20), fc.nat(2 ** 32 - 1)),
    })
    .map(({ length, seed, stream }) => ({
      inputs: [],
      output: length,
      flops: 0,
      run: (kernels, _, y) => kernels.normal(y, { seed, stream }),
    })),
};

export const elementwiseCases: readonly KernelCase[] = [
  ...(["neg", "abs", "sign", "step"] as const).map((op) => unaryCase(op, 0)),
  unaryCase("square", 1),
  ...(["sqrt", "rsqrt", "reciprocal", "log"] as const).map((op) => unaryCase(op, 2, "positive")),
  ...(["exp", "sigmoid", "tanh", "softplus"] as const).map((op) => unaryCase(op, 1)),
  binaryCase("add", "linear"),
  binaryCase("sub", "linear"),
  binaryCase("mul", "linear"),
  binaryCase("div", "positive"),
  {
    name: "affine",
    c: 2,
    kind: "other",
    terms: "inputs",
    problem: upTo67.map((n) => ({
      inputs: [n],
      output: n,
      flops: 2 * n,
      run: (kernels, [x], y, positive) => kernels.affine(x, y, positive ? 1.7 : -1.7, 0.3),
    })),
  },
  {
    name: "fill",
    c: 1,
    kind: "other",
    terms: "output",
    problem: upTo67.map((n) => ({ inputs: [], output: n, flops: 0, run: (kernels, _, y) => kernels.fill(y, 0.1) })),
  },
  normalCase,
  copyCase,
  biasActCase(piecewise, false, 6, "inputs"),
  biasActCase(smooth, false, 1, "output"),
  biasActCase(piecewise, true, 6, "inputs"),
  biasActCase(smooth, true, 1, "output"),
  layerEndCase("y"),
  layerEndCase("dt"),
  layerEndCase("dx"),
];

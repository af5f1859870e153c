/**
 * The kernels, one by one, on shapes of real networks, on one thread: GFLOP/s and the share of what one core can compute
 * without touching memory (lib/peak.mjs), or GB/s where memory is the limit. Convolutions count the operations of the
 * direct algorithm, so a fast one may pass 100 %.
 */
import { Bench } from "tinybench";
import { printTable, short } from "./lib/table.mjs";

const FILTER = {
  tapsY: 4,
  tapsX: 4,
  taps: [1, 3, 3, 1].flatMap((a) => [1, 3, 3, 1].map((b) => (a * b) / 64)),
  separable: { y: [1, 3, 3, 1].map((tap) => tap / 8), x: [1, 3, 3, 1].map((tap) => tap / 8) },
};

/** Fused layers of config F: [I, O, height of the input, up]. */
const LAYERS = [
  [512, 512, 4, 1],
  [512, 512, 16, 1],
  [512, 512, 64, 1],
  [256, 256, 128, 1],
  [128, 128, 256, 1],
  [64, 64, 512, 1],
  [32, 32, 1024, 1],
  [512, 512, 4, 2],
  [512, 512, 16, 2],
  [512, 512, 32, 2],
  [512, 256, 64, 2],
  [256, 128, 128, 2],
  [128, 64, 256, 2],
  [64, 32, 512, 2],
];

/** The last layers of config F, at 1024 and, of half as many maps, at 256: [I, O, height of the input]. */
const TAILS = [
  [64, 32, 512],
  [128, 64, 128],
];

/** A seeded filling: values near [-1, 1] without structure. */
function fill(block) {
  let state = 1;
  const { data } = block;
  for (let k = 0; k < data.length; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[k] = state / 2 ** 31 - 1;
  }
  return block;
}

/** Blocks that live as long as one measurement. */
function arena(kernels) {
  const blocks = [];
  const keep = (block) => {
    blocks.push(block);
    return block;
  };
  return {
    keep,
    make: (length) => keep(fill(kernels.allocate(length))),
    release: () => {
      for (const block of blocks) kernels.release(block);
    },
  };
}

/** @returns {{ group: string, name: string, flops?: number, bytes?: number, prepare: Function }[]} */
function problems(kernels) {
  const list = [];
  const add = (group, name, cost, prepare) => list.push({ group, name, ...cost, prepare });

  if (kernels.fused !== undefined) {
    for (const [i, o, height, up] of LAYERS) {
      const name = `${i} -> ${o} @ ${height}${up === 2 ? " up" : ""}`;
      add("fused layers", name, { flops: 18 * i * o * height ** 2 }, (make, keep) =>
        fusedLayer(kernels, make, keep, { i, o, height, up }),
      );
    }
    for (const [i, o, height] of TAILS) {
      const flops = 18 * height ** 2 * (i * o + 4 * o * o) + 24 * height ** 2 * o;
      add("fused layers", `${i} -> ${o} @ ${height} up, ${o} -> ${o}, image`, { flops }, (make) =>
        fusedTail(kernels, make, { i, o, height }),
      );
    }
  }
  for (const [m, n, k] of [
    [512, 512, 512],
    [16, 512, 512],
    [1, 512, 512],
  ]) {
    add("matmul", `${m} x ${k} x ${n}`, { flops: 2 * m * n * k }, (make) => {
      const [a, b, y] = [make(m * k), make(n * k), make(m * n)];
      const shape = { batch: 1, m, n, k, transposeA: false, transposeB: true, strideA: m * k, strideB: n * k };
      return () => kernels.matmul(a, b, y, shape);
    });
  }
  for (const [n, c, height] of [
    [16, 64, 32],
    [4, 128, 64],
  ]) {
    const geometry = {
      n,
      inChannels: c,
      outChannels: c,
      height,
      width: height,
      stride: 1,
      padY: 1,
      padX: 1,
      groups: 1,
    };
    const g = { ...geometry, kernelHeight: 3, kernelWidth: 3, outHeight: height, outWidth: height };
    const flops = 18 * n * c * c * height ** 2;
    const maps = n * c * height ** 2;
    for (const name of ["conv2d", "conv2dBiasAct", "conv2dInputGrad", "conv2dWeightGrad"]) {
      add("training convolutions", `${name} ${n} x ${c} @ ${height}`, { flops }, (make) => {
        const [x, w, y] = [make(maps), make(9 * c * c), make(maps)];
        if (name === "conv2d") return () => kernels.conv2d(x, w, y, g);
        if (name === "conv2dBiasAct") {
          const b = make(c);
          const end = { ...LRELU, outer: n, channels: c, inner: height ** 2, activation: "lrelu" };
          return () => kernels.conv2dBiasAct(x, w, b, y, g, end);
        }
        if (name === "conv2dInputGrad") return () => kernels.conv2dInputGrad(y, w, x, g);
        return () => kernels.conv2dWeightGrad(x, y, w, g);
      });
    }
  }
  addStreams(kernels, add);
  return list;
}

const tensorsOf = (make) => (shape) => ({ shape, block: make(shape.reduce((a, b) => a * b, 1)) });

/** A layer of synthesis on x: 3x3 with noise and activation, or 1x1 to an image. */
function layerOf(tensor, x, o, { kernel = 3, up = 1 } = {}) {
  const [, i, height] = x.shape;
  const [isConv, outHeight] = [kernel === 3, height * up];
  return {
    x,
    weight: tensor([o, i, kernel, kernel]),
    inputScales: tensor([1, i]),
    outputScales: isConv ? tensor([1, o]) : null,
    noise: isConv ? tensor([1, 1, outHeight, outHeight]) : null,
    noiseStrength: isConv ? tensor([1]) : null,
    bias: tensor([o]),
    up,
    down: 1,
    filter: up === 2 ? FILTER : null,
    flipWeight: up === 1,
    weightGain: 1,
    activation: isConv ? "lrelu" : "linear",
    gain: isConv ? Math.SQRT2 : 1,
    clamp: null,
  };
}

function fusedLayer(kernels, make, keep, { i, o, height, up }) {
  const { fused } = kernels;
  const tensor = tensorsOf(make);
  const x = fused.toLayout(tensor([1, i, height, height]), "blocked");
  keep(x.block);
  const layer = layerOf(tensor, x, o, { up });
  const flow = { input: "blocked", output: "blocked", consumeInput: false };
  const run = () => kernels.release(fused.plan(layer, flow).run(layer).block);
  run.after = () => fused.releaseWeights(layer.weight.block);
  return run;
}

/** The last three layers, which consume their input: a copy in the other layout is part of it. */
function fusedTail(kernels, make, { i, o, height }) {
  const { fused } = kernels;
  const tensor = tensorsOf(make);
  const x = tensor([1, i, height, height]);
  const features = { shape: [1, o, 2 * height, 2 * height] };
  const layers = [
    layerOf(tensor, x, o, { up: 2 }),
    layerOf(tensor, features, o),
    layerOf(tensor, features, 3, { kernel: 1 }),
  ];
  const run = () => kernels.release(fused.planTail(layers).run(fused.toLayout(x, "blocked"), layers).block);
  run.after = () => {
    for (const { weight } of layers) fused.releaseWeights(weight.block);
  };
  return run;
}

const LRELU = { inputGain: 1, biasGain: 1, alpha: 0.2, gain: Math.SQRT2, clamp: null };

/** Kernels that memory limits; bytes are those read and written once. */
function addStreams(kernels, add) {
  const [c, height] = [64, 256];
  const length = c * height ** 2;
  const group = "streams";
  const activation = { ...LRELU, outer: 1, channels: c, inner: height ** 2 };
  for (const name of ["lrelu", "tanh", "softplus"]) {
    add(group, `biasAct ${name}`, { bytes: 8 * length }, (make) => {
      const [x, b, y] = [make(length), make(c), make(length)];
      return () => kernels.biasAct(x, b, y, { ...activation, activation: name });
    });
  }
  add(group, "layerEnd lrelu", { bytes: 8 * length }, (make) => {
    const [x, scale, noise, b, y] = [make(length), make(c), make(height ** 2), make(c), make(length)];
    const geometry = { ...activation, activation: "lrelu", noiseMaps: 1 };
    return () => kernels.layerEnd(x, { scale, noise, b }, y, geometry);
  });
  add(group, "layerEndGrad lrelu", { bytes: 16 * length }, (make) => {
    const [dy, x, dt, dx] = [make(length), make(length), make(length), make(length)];
    const operands = { scale: make(c), noise: make(height ** 2), b: make(c) };
    const geometry = { ...activation, activation: "lrelu", noiseMaps: 1 };
    return () => kernels.layerEndGrad(dy, x, operands, dt, dx, geometry);
  });
  add(group, "binary add", { bytes: 12 * length }, (make) => {
    const [a, b, y] = [make(length), make(length), make(length)];
    return () => kernels.binary("add", a, b, y, { shape: [length], strides: [[1], [1]] });
  });
  add(group, "unary exp", { bytes: 8 * length }, (make) => {
    const [x, y] = [make(length), make(length)];
    return () => kernels.unary("exp", x, y);
  });
  add(group, "sum over pixels", { bytes: 4 * length }, (make) => {
    const [x, y] = [make(length), make(c)];
    return () => kernels.sum(x, y, { batch: 1, outer: c, reduce: height ** 2, inner: 1, gain: 1 });
  });
  add(group, "upfirdn2d up 2", { bytes: 4 * length + 16 * length }, (make) => {
    const [x, y] = [make(length), make(4 * length)];
    const factors = { upX: 2, upY: 2, downX: 1, downY: 1, padX0: 2, padX1: 1, padY0: 2, padY1: 1 };
    const size = { planes: c, height, width: height, outHeight: 2 * height, outWidth: 2 * height };
    return () => kernels.upfirdn2d(x, y, { ...size, ...factors, filter: FILTER, flipFilter: false, gain: 4 });
  });
  add(group, "adam", { bytes: 28 * length }, (make) => {
    const [p, g, m, v] = [make(length), make(length), make(length), make(length)];
    v.data.fill(1);
    const options = { learningRate: 1e-3, beta1: 0, beta2: 0.99, epsilon: 1e-8, step: 1 };
    return () => kernels.adam([p], [g], [m], [v], options);
  });
}

/**
 * @param {object} kernels
 * @param {{ timeMs: number, peak: number, only?: RegExp }} options  peak in GFLOP/s of this variant of the kernels
 * @returns {Promise<object[]>} one record a kernel
 */
export async function benchKernels(kernels, { timeMs, peak, only = /./ }) {
  const records = [];
  for (const { group, name, flops, bytes, prepare } of problems(kernels)) {
    if (!only.test(`${group} ${name}`)) continue;
    const { make, keep, release } = arena(kernels);
    const run = prepare(make, keep);
    const bench = new Bench({ time: timeMs, iterations: 3, warmupTime: timeMs / 4, warmupIterations: 1, throws: true });
    bench.add(name, run);
    await bench.run();
    run.after?.();
    release();
    const { p50, min, samplesCount } = bench.tasks[0].result.latency;
    const gflops = flops === undefined ? null : flops / p50 / 1e6;
    const gbPerSecond = bytes === undefined ? null : bytes / p50 / 1e6;
    records.push({ group, name, medianMs: p50, minMs: min, samples: samplesCount, gflops, gbPerSecond });
  }
  for (const group of new Set(records.map((record) => record.group))) {
    const rows = records.filter((record) => record.group === group);
    printTable(
      `${group}, 1 thread`,
      ["kernel", "ms", "min", "GFLOP/s", "of peak", "GB/s"],
      rows.map(({ name, medianMs, minMs, gflops, gbPerSecond }) => [
        name,
        short(medianMs),
        short(minMs),
        short(gflops),
        gflops === null ? null : `${Math.round((100 * gflops) / peak)} %`,
        short(gbPerSecond),
      ]),
    );
  }
  return records;
}

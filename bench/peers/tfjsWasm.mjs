/**
 * TensorFlow.js on its WebAssembly backend, in Node.js, where it has one thread only. It reads no ONNX, so the network
 * is written here with its operations, in the form that its kernels run fastest (its transposed convolution is naive):
 *
 *   up-convolution   2x2 convolution to 4 O feature maps, depth to space, 4x4 depthwise FIR. With z = convT(x, w), per
 *                    axis: z[2m] = w[0] x[m] + w[2] x[m-1], z[2m+1] = w[1] x[m].
 *   modulation       of the weight or of the feature maps, whichever are fewer numbers
 *
 * Config F only: architecture skip, leaky ReLU, filter [1, 3, 3, 1], no clamp. Layout NHWC, weights [kh, kw, I, O].
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { readSafetensors } from "../../dist/formats/index.js";

const require = createRequire(import.meta.url);

export async function load({ native, shape, ws: wsData }) {
  setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "/"));
  await tf.setBackend("wasm");
  await tf.ready();
  const network = buildNetwork(native);
  const ws = tf.tensor3d(wsData, shape);
  let images;
  return {
    versions: { "tfjs-backend-wasm": tf.version_core },
    detail: { backend: tf.getBackend(), threads: 1 },
    run: async () => {
      const img = network(ws);
      images = { shape: img.shape, data: await img.data() };
      img.dispose();
    },
    output: () => images,
  };
}

function buildNetwork(path) {
  const { tensors, metadata } = readSafetensors(readFileSync(path));
  const config = JSON.parse(metadata.get("g_ema")).synthesis;
  const supported =
    config.architecture === "skip" && config.activation === "lrelu" && config.convClamp === null && config.useNoise;
  if (!supported || String(config.resampleFilter) !== "1,3,3,1") {
    throw new Error("tfjsWasm.mjs: only config F is written down here");
  }
  const raw = (name) => {
    const tensor = tensors.get(`g_ema.synthesis.${name}`);
    const data = new Float32Array(tensor.size);
    tensor.copyTo(data);
    return { data, shape: tensor.shape };
  };
  const resolutions = config.channels.map(([resolution]) => resolution);
  const start = raw("b4.const");
  const constant = tf.transpose(tf.tensor(start.data, [1, ...start.shape]), [0, 2, 3, 1]);
  const blocks = resolutions.map((resolution) => ({
    conv0: resolution === 4 ? null : synthesisLayer(raw, `b${resolution}.conv0`, 2),
    conv1: synthesisLayer(raw, `b${resolution}.conv1`, 1),
    torgb: toRgb(raw, `b${resolution}.torgb`),
  }));
  const double = imageDoubler(config.imgChannels);

  // A tidy for each layer, and what it read given back after it: memory stays at a few feature maps.
  return (ws) => {
    const [n, , wDim] = ws.shape;
    const layerW = (index) => tf.reshape(tf.slice(ws, [0, index, 0], [n, 1, wDim]), [n, wDim]);
    const replace = (old, compute) => {
      const result = tf.tidy(compute);
      if (old !== null && old !== constant) old.dispose();
      return result;
    };
    let x = constant;
    let img = null;
    let next = 0;
    for (const { conv0, conv1, torgb } of blocks) {
      for (const layer of conv0 === null ? [conv1] : [conv0, conv1]) {
        const index = next++;
        x = replace(x, () => layer(x, layerW(index)));
      }
      img = replace(img, () => {
        const rgb = torgb(x, layerW(next));
        return img === null ? rgb : tf.add(double(img), rgb);
      });
    }
    x.dispose();
    return replace(img, () => tf.transpose(img, [0, 3, 1, 2]));
  };
}

/** w [N, wDim] -> styles [N, I]; `gain` multiplies them. */
function affine(raw, name, gain = 1) {
  const { data, shape } = raw(`${name}.affine.weight`); // [I, wDim]
  const scale = gain / Math.sqrt(shape[1]);
  const weight = tf.tensor2d(
    data.map((value) => value * scale),
    shape,
  );
  const bias = tf.tensor1d(raw(`${name}.affine.bias`).data.map((value) => value * gain));
  // Not fused.matMul: in 4.22 its WebAssembly kernel adds the wrong bias to a transposed product.
  return (w) => tf.add(tf.matMul(w, weight, false, true), bias);
}

/** Activation gain sqrt(2) is folded into demodulation, noise and bias: the leaky ReLU passes it through. */
function synthesisLayer(raw, name, up) {
  const { data, shape } = raw(`${name}.weight`); // [O, I, 3, 3]
  const [o, i] = shape;
  const styles = affine(raw, name);
  const energyWeight = tf.tensor2d(energies(data, i, o), [i, o]);
  const noise = raw(`${name}.noise_const`);
  const strength = Math.SQRT2 * raw(`${name}.noise_strength`).data[0];
  const noiseMap = tf.tensor4d(
    noise.data.map((value) => value * strength),
    [1, ...noise.shape, 1],
  );
  const bias = tf.tensor1d(raw(`${name}.bias`).data.map((value) => value * Math.SQRT2));
  const kernel = up === 1 ? plainKernel(data, o, i) : phaseKernel(data, o, i); // [k, k, I, O or 4 O]
  const phases = up === 1 ? 1 : 4;
  const fir = up === 1 ? null : firKernel(o, 4);

  return (x, w) => {
    const s = styles(w); // [N, I]
    const n = s.shape[0];
    const energy = tf.matMul(tf.square(s), energyWeight); // [N, O]
    const d = tf.mul(tf.rsqrt(tf.add(energy, 1e-8)), Math.SQRT2);
    const byWeight = n === 1 && kernel.size < x.size + x.size;
    const input = byWeight ? x : tf.mul(x, tf.reshape(s, [n, 1, 1, i]));
    let weight = kernel;
    if (byWeight) {
      const perOutput = phases === 1 ? d : tf.concat([d, d, d, d], 1);
      weight = tf.mul(tf.mul(kernel, tf.reshape(s, [i, 1])), perOutput);
    }
    let y = tf.conv2d(input, weight, 1, up === 1 ? "same" : 1); // up: [N, H + 1, W + 1, 4 O]
    if (up === 2) {
      y = tf.depthToSpace(y, 2, "NHWC"); // [N, 2 H + 2, 2 W + 2, O]
      // The last row and column are zero: they are the padding after. One row and column before is left to add.
      const padding = [
        [0, 0],
        [1, 0],
        [1, 0],
        [0, 0],
      ];
      y = tf.depthwiseConv2d(y, fir, 1, padding); // [N, 2 H, 2 W, O]
    }
    if (!byWeight) y = tf.mul(y, tf.reshape(d, [n, 1, 1, o]));
    return tf.leakyRelu(tf.add(tf.add(y, noiseMap), bias), 0.2);
  };
}

function toRgb(raw, name) {
  const { data, shape } = raw(`${name}.weight`); // [C, I, 1, 1]
  const [c, i] = shape;
  const styles = affine(raw, name, 1 / Math.sqrt(i));
  const kernel = tf.transpose(tf.tensor2d(data, [c, i])); // [I, C]
  const bias = tf.tensor1d(raw(`${name}.bias`).data);
  return (x, w) => {
    const s = styles(w);
    const n = s.shape[0];
    if (n === 1) {
      const filter = tf.reshape(tf.mul(kernel, tf.reshape(s, [i, 1])), [1, 1, i, c]);
      return tf.fused.conv2d({ x, filter, strides: 1, pad: "valid", bias });
    }
    const filter = tf.reshape(kernel, [1, 1, i, c]);
    return tf.fused.conv2d({ x: tf.mul(x, tf.reshape(s, [n, 1, 1, i])), filter, strides: 1, pad: "valid", bias });
  };
}

/** Upsampling with the filter: per axis y[2m] = (3 x[m] + x[m-1]) / 4, y[2m+1] = (3 x[m] + x[m+1]) / 4. */
function imageDoubler(channels) {
  const taps = [
    [1, 3, 0],
    [0, 3, 1],
  ];
  const data = new Float32Array(9 * channels * 4 * channels);
  for (let c = 0; c < channels; c++) {
    for (let phase = 0; phase < 4; phase++) {
      const [rows, columns] = [taps[phase >> 1], taps[phase & 1]];
      for (let k = 0; k < 9; k++) {
        const value = (rows[Math.floor(k / 3)] * columns[k % 3]) / 16;
        data[(k * channels + c) * 4 * channels + phase * channels + c] = value;
      }
    }
  }
  const kernel = tf.tensor4d(data, [3, 3, channels, 4 * channels]);
  return (img) => tf.depthToSpace(tf.conv2d(img, kernel, 1, "same"), 2, "NHWC");
}

/** The 4x4 FIR for every channel, with a gain. */
function firKernel(channels, gain) {
  const line = [1, 3, 3, 1];
  const data = new Float32Array(16 * channels);
  for (let k = 0; k < 16; k++) {
    data.fill((gain * line[k >> 2] * line[k & 3]) / 64, k * channels, (k + 1) * channels);
  }
  return tf.tensor4d(data, [4, 4, channels, 1]);
}

/** [O, I, 3, 3] -> [3, 3, I, O] */
function plainKernel(data, o, i) {
  const kernel = new Float32Array(data.length);
  for (let out = 0; out < o; out++) {
    for (let input = 0; input < i; input++) {
      for (let k = 0; k < 9; k++) kernel[(k * i + input) * o + out] = data[(out * i + input) * 9 + k];
    }
  }
  return tf.tensor4d(kernel, [3, 3, i, o]);
}

/** [O, I, 3, 3] -> [2, 2, I, 4 O]: for each phase (row, column), the taps that read x[m - 1] and x[m]. */
function phaseKernel(data, o, i) {
  const taps = [
    [2, 0],
    [null, 1],
  ];
  const kernel = new Float32Array(4 * i * 4 * o);
  for (let phase = 0; phase < 4; phase++) {
    for (let k = 0; k < 4; k++) {
      const row = taps[phase >> 1][k >> 1];
      const column = taps[phase & 1][k & 1];
      if (row === null || column === null) continue;
      for (let input = 0; input < i; input++) {
        const to = (k * i + input) * 4 * o + phase * o;
        for (let out = 0; out < o; out++) kernel[to + out] = data[(out * i + input) * 9 + row * 3 + column];
      }
    }
  }
  return tf.tensor4d(kernel, [2, 2, i, 4 * o]);
}

/** Q [I, O]: sum of squares over the taps. */
function energies(data, i, o) {
  const energy = new Float32Array(i * o);
  for (let out = 0; out < o; out++) {
    for (let input = 0; input < i; input++) {
      let sum = 0;
      for (let k = 0; k < 9; k++) sum += data[(out * i + input) * 9 + k] ** 2;
      energy[input * o + out] = sum;
    }
  }
  return energy;
}

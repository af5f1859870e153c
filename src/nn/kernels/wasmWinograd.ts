/**
 * Winograd for the plain 3x3 convolution and its adjoint in x: F(4x4, 3x3) of the blocked kernels (planConv.ts) between two
 * changes of layout, with weights transformed for the one call. Four times fewer products than the direct form pay for
 * that as soon as there are enough pixels to share the transform of the weights.
 *
 *   conv2d:          y = Winograd(x, w)
 *   conv2dInputGrad: dx = Winograd(dy, w with channels exchanged and taps mirrored)
 */
import { runJob, Scratch } from "./fastJob.js";
import { prepareInto, type RawWeights } from "./fastWeights.js";
import { type MicroTile, planWeights } from "./planConv.js";
import type { Conv2dGeometry } from "./types.js";
import type { Conv2dAlgorithm } from "./wasmConv.js";
import type { Engine } from "./wasmEngine.js";

const taps = 9;
/** With fewer pixels or channels, transforming costs more than it saves. */
const fewestPixels = 512;
const fewestChannels = 8;
const smallestSide = 8;

function applies(g: Conv2dGeometry): boolean {
  const shape = g.kernelHeight === 3 && g.kernelWidth === 3 && g.stride === 1 && g.padY === 1 && g.padX === 1;
  const large =
    g.n * g.height * g.width >= fewestPixels &&
    Math.min(g.height, g.width) >= smallestSide &&
    Math.min(g.inChannels, g.outChannels) >= fewestChannels;
  return shape && large && g.groups === 1 && g.outHeight === g.height && g.outWidth === g.width;
}

export function winogradConv2d(tile: MicroTile): Conv2dAlgorithm {
  return {
    name: "winograd F(4x4, 3x3)",
    applies,
    run(engine, x, w, y, geometry) {
      const { inChannels } = geometry;
      const raw = { pointer: w, outStride: inChannels * taps * 4, inStride: taps * 4, flip: false };
      runWinograd(engine, tile, x, raw, y, geometry);
    },
  };
}

export function winogradConv2dInputGrad(tile: MicroTile): Conv2dAlgorithm {
  return {
    name: "winograd F(4x4, 3x3) of the adjoint",
    applies,
    run(engine, dy, w, dx, geometry) {
      const { inChannels, outChannels } = geometry;
      const raw = { pointer: w, outStride: taps * 4, inStride: inChannels * taps * 4, flip: true };
      runWinograd(engine, tile, dy, raw, dx, { ...geometry, inChannels: outChannels, outChannels: inChannels });
    },
  };
}

function runWinograd(
  engine: Engine,
  tile: MicroTile,
  x: number,
  raw: RawWeights,
  y: number,
  { n, inChannels, outChannels, height, width }: Conv2dGeometry,
): void {
  const shape = {
    ...({ algorithm: "f4", kernel: 3, n, inChannels, outChannels, height, width } as const),
    ...{ outHeight: height, outWidth: width },
  };
  const blockedIn = Math.ceil(inChannels / 8);
  const blockedOut = Math.ceil(outChannels / 8);
  const planeBytes = height * width * 8 * 4;
  const ones = Math.max(blockedIn * 8, Math.ceil(outChannels / tile.cols) * tile.cols, width);
  const [weightBytes, xBytes, yBytes] = [
    planWeights(shape, tile).bytes,
    n * blockedIn * planeBytes,
    n * blockedOut * planeBytes,
  ];
  const scratch = new Scratch(engine);
  try {
    engine.withScratch(weightBytes + xBytes + yBytes + 2 * ones * 4, (weights) => {
      const xBlocked = weights + weightBytes;
      const yBlocked = xBlocked + xBytes;
      const onesAt = yBlocked + yBytes;
      const zerosAt = onesAt + ones * 4;
      engine.floats(onesAt, ones).fill(1);
      engine.floats(zerosAt, ones).fill(0);
      prepareInto(engine, scratch, tile, shape, raw, weights);
      engine.run("planarToBlocked", n * blockedIn, [x, xBlocked, inChannels, height * width]);
      const operands = {
        ...{ x: xBlocked, y: yBlocked, weights },
        ...{ styles: onesAt, stylesStride: 0, scale: onesAt, scaleStride: 0, bias: zerosAt },
        ...{ noise: zerosAt, noiseRowStride: 0, noiseImageStride: 0, noiseGain: zerosAt },
      };
      const none = [0, 0, 0, 0];
      const settings = { stride: 1, pad: 1, slope: 1, clamp: Infinity, firY: none, firX: none };
      runJob(engine, scratch, tile, shape, operands, settings);
      engine.run("blockedToPlanar", n * blockedOut, [yBlocked, y, outChannels, height * width]);
    });
  } finally {
    scratch.release();
  }
}

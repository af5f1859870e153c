/** The vectors of the fused arithmetic: what input and output transforms multiply and add, channel by channel. */
import type { Engine } from "../engine.js";
import { type JobOperands, pointerOf, type Scratch } from "./job.js";
import type { ConvShape } from "./plan.js";
import type { LayerTensors, Operand } from "./types.js";

/** The tensors of an epilogue, with the output scales there by now. */
export interface EpilogueTensors extends Omit<LayerTensors<Operand>, "x" | "outputScales"> {
  readonly outputScales: Operand | null;
}

/** What multiplies every output: of weights (equalised learning rate), and after the activation. */
export interface Gains {
  readonly weightGain: number;
  readonly gain: number;
}

const roundUp = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;

/**
 * Writes the vectors to scratch, padded with zeros to whole panels of `panel` channels; valid until the next call. The positive gain g
 * is folded into what the output transform multiplies and adds: g * act(z) = act(g * z).
 */
export function writeEpilogue(
  engine: Engine,
  scratch: Scratch,
  panel: number,
  { n, inChannels, outChannels, outHeight, outWidth }: ConvShape,
  { inputScales, outputScales, noise, noiseStrength, bias }: EpilogueTensors,
  { weightGain, gain }: Gains,
): Omit<JobOperands, "x" | "y" | "weights"> {
  const inPadded = roundUp(inChannels, 8);
  const outPadded = roundUp(outChannels, panel);
  const rows = inputScales === null ? 1 : n;
  const length = rows * inPadded + (n + 2) * outPadded + outWidth;
  const start = scratch.reserve(length * 4);
  const all = engine.floats(start, length).fill(0);
  let offset = 0;
  const take = (count: number): [Float32Array, number] => {
    offset += count;
    return [all.subarray(offset - count, offset), start + (offset - count) * 4];
  };
  const [inputRows, inputAt] = take(rows * inPadded);
  const [scaleRows, scaleAt] = take(n * outPadded);
  const [biasRow, biasAt] = take(outPadded);
  const [noiseRow, noiseGainAt] = take(outPadded);
  const [, zerosAt] = take(outWidth);
  const numbers = { input: inputScales?.block.data, output: outputScales?.block.data, bias: bias?.block.data };
  const strength = noiseStrength === null ? 1 : noiseStrength.block.data[0];
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inChannels; i++) {
      inputRows[row * inPadded + i] = numbers.input ? numbers.input[row * inChannels + i] : 1;
    }
  }
  for (let o = 0; o < outChannels; o++) {
    for (let row = 0; row < n; row++) {
      const d = numbers.output ? numbers.output[row * outChannels + o] : 1;
      scaleRows[row * outPadded + o] = d * weightGain * gain;
    }
    if (numbers.bias) biasRow[o] = numbers.bias[o] * gain;
    if (noise !== null) noiseRow[o] = strength * gain;
  }
  const pixels = outHeight * outWidth;
  return {
    inputScales: inputAt,
    inputScalesStride: inputScales === null ? 0 : inPadded * 4,
    scale: scaleAt,
    scaleStride: outPadded * 4,
    bias: biasAt,
    noise: noise === null ? zerosAt : pointerOf("noise", noise),
    noiseRowStride: noise === null ? 0 : outWidth * 4,
    noiseImageStride: noise !== null && noise.block.length > pixels ? pixels * 4 : 0,
    noiseGain: noiseGainAt,
  };
}

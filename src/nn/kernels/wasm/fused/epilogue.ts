/** The vectors of the fused arithmetic: what input and output transforms multiply and add, channel by channel. */
import type { Engine } from "../engine.js";
import { type JobOperands, pointerOf, type Scratch } from "./job.js";
import type { ConvShape } from "./plan.js";
import type { LayerShape } from "./shape.js";
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

/** The address of a tensor's numbers; 0 for none. */
const addressOf = (what: string, operand: Operand | null): number => (operand === null ? 0 : pointerOf(what, operand));

/**
 * Has the vectors written to scratch, padded with zeros to whole panels of `panel` channels; valid until the next call. The positive
 * gain g is folded into what the output transform multiplies and adds: g * act(z) = act(g * z).
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
  const inputRows = inputScales === null ? 1 : n;
  const toInput = scratch.reserve((inputRows * inPadded + (n + 2) * outPadded + outWidth) * 4);
  const toScale = toInput + inputRows * inPadded * 4;
  const toBias = toScale + n * outPadded * 4;
  const toNoiseGain = toBias + outPadded * 4;
  const toZeros = toNoiseGain + outPadded * 4;
  engine.run("layerVectors", 1, {
    inputScales: addressOf("inputScales", inputScales),
    outputScales: addressOf("outputScales", outputScales),
    bias: addressOf("bias", bias),
    noiseStrength: addressOf("noiseStrength", noiseStrength),
    ...{ inputRows, n, inChannels, inPadded, outChannels, outPadded },
    ...{ toInput, toScale, toBias, toNoiseGain, toZeros, width: outWidth, weightGain, gain },
  });
  const pixels = outHeight * outWidth;
  return {
    inputScales: toInput,
    inputScalesStride: inputScales === null ? 0 : inPadded * 4,
    scale: toScale,
    scaleStride: outPadded * 4,
    bias: toBias,
    noise: noise === null ? toZeros : pointerOf("noise", noise),
    noiseRowStride: noise === null ? 0 : outWidth * 4,
    noiseImageStride: noise !== null && noise.block.length > pixels ? pixels * 4 : 0,
    noiseGain: toNoiseGain,
  };
}

/** Has the weights of a convolution to an image written to scratch, modulated, and its bias; valid until the next call. */
export function writeImageVectors(
  engine: Engine,
  scratch: Scratch,
  { n, inChannels, outChannels }: Pick<LayerShape, "n" | "inChannels" | "outChannels">,
  { weight, inputScales, outputScales, bias }: EpilogueTensors,
  { weightGain, gain }: Gains,
): { readonly w: number; readonly bias: number } {
  const inPadded = roundUp(inChannels, 8);
  const toW = scratch.reserve((n * outChannels * inPadded + outChannels) * 4);
  const toBias = toW + n * outChannels * inPadded * 4;
  engine.run("imageVectors", 1, {
    w: pointerOf("weight", weight),
    inputScales: addressOf("inputScales", inputScales),
    outputScales: addressOf("outputScales", outputScales),
    bias: addressOf("bias", bias),
    ...{ n, inChannels, inPadded, outChannels, toW, toBias, weightGain, gain },
  });
  return { w: toW, bias: toBias };
}

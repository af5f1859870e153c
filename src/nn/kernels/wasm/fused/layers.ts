/**
 * The fused layers of StyleGAN2 (fused/types.ts) on the blocked kernels of assembly/fused/index.ts:
 *
 *   styles ride on the input transform; demodulation, weight gain, noise, bias, activation, gain and clamp on the output
 *   transform; activations stay blocked from layer to layer; weights are prepared once.
 *
 * The positive gain g is folded into what the output transform multiplies and adds, g * act(z) = act(g * z).
 * Tested against the definition by tests/kernels/fused.test.ts.
 */
import type { Block } from "../../block.js";
import type { Engine } from "../engine.js";
import { checkLayer, hasFusedForm } from "./geometry.js";
import { type JobOperands, runJob, Scratch } from "./job.js";
import { type Algorithm, type ConvShape, chooseAlgorithm, fitsInPlace, type MicroTile, planWeights } from "./plan.js";
import {
  type Activations,
  type BlockedLayout,
  type ConvLayerOptions,
  type DcoefsOptions,
  type FastKernels,
  type Layout,
  layoutLength,
  type PlanarLayout,
  type WeightRef,
} from "./types.js";
import { prepareInto, WeightCache } from "./weights.js";

export interface FastKernelsOptions {
  readonly engine: Engine;
  /** Blocks of the engine's memory. */
  readonly allocate: (length: number, options?: { readonly fromEnd?: boolean }) => Block;
  readonly release: (block: Block) => void;
  /** The micro-kernel. */
  readonly tile: MicroTile;
}

/** Up to this many output channels, a 1x1 convolution to planar output reads its input once per three channels. */
const mostImageChannels = 6;
/** Feature maps from this size on alternate between the ends of the memory. */
const largeBytes = 16e6;
const noFilter = [0, 0, 0, 0];

/** A block of linear memory. */
interface LocatedBlock extends Block {
  readonly pointer: number;
}

export function createFastKernels(options: FastKernelsOptions): FastKernels {
  return new BlockedLayers(options);
}

class BlockedLayers implements FastKernels {
  readonly #engine: Engine;
  readonly #allocate: FastKernelsOptions["allocate"];
  readonly #release: (block: Block) => void;
  readonly #tile: MicroTile;
  readonly #weights: WeightCache;
  readonly #scratch: Scratch;
  readonly #vectors: Scratch;
  readonly #atEnd = new WeakSet<Block>();

  constructor({ engine, allocate, release, tile }: FastKernelsOptions) {
    this.#engine = engine;
    this.#allocate = allocate;
    this.#release = release;
    this.#tile = tile;
    this.#weights = new WeightCache(engine);
    this.#scratch = new Scratch(engine);
    this.#vectors = new Scratch(engine);
  }

  supports(options: ConvLayerOptions): boolean {
    return hasFusedForm(options);
  }

  convLayer(x: Activations, weight: WeightRef, options: ConvLayerOptions): Activations {
    checkLayer(x, weight, options);
    const { kernel, up, down, outputLayout, consumeInput = false } = options;
    const owned: Block[] = consumeInput ? [x.block] : [];
    const keep = (next: Activations): Activations => {
      owned.push(next.block);
      return next;
    };

    let input = x;
    if (input.layout.kind === "planar") input = keep(this.toLayout(input, "blocked"));
    if (down === 2) input = keep(this.#filter(input, options, kernel === 3 ? 1 : 2, kernel === 3 ? 2 : 1));

    const image = kernel === 1 && up === 1 && outputLayout === "planar" && this.#isImage(options);
    const expendable = owned.includes(input.block);
    let output = image ? this.#image(input, weight, options) : this.#convolve(input, weight, options, expendable);
    if (kernel === 1 && up === 2) {
      keep(output);
      output = this.#filter(output, options, 1, 2);
    }
    if (output.layout.kind !== outputLayout) {
      keep(output);
      output = this.toLayout(output, outputLayout);
    }
    for (const block of new Set(owned)) {
      if (block !== output.block) this.#release(block);
    }
    return output;
  }

  dcoefs(weight: WeightRef, styles: Block, options: DcoefsOptions): Block {
    const { n, inChannels, outChannels, taps, weightGain } = options;
    const lengths = [weight.block.length, styles.length];
    if (lengths[0] !== outChannels * inChannels * taps || lengths[1] !== n * inChannels) {
      throw new RangeError(
        `dcoefs: weights [${outChannels}, ${inChannels}, ${taps}] and styles [${n}, ${inChannels}] need ` +
          `${outChannels * inChannels * taps} and ${n * inChannels} numbers, got ${lengths[0]} and ${lengths[1]}`,
      );
    }
    const d = this.#allocate(n * outChannels);
    const squares = this.#weights.get(
      weight.block,
      weight.version,
      "squares",
      outChannels * inChannels * 4,
      (pointer) => {
        const w = pointerOf("dcoefs: weight", weight.block);
        this.#engine.run("sumOfSquares", outChannels, { w, q: pointer, outChannels, inChannels, taps });
      },
    );
    const s = pointerOf("dcoefs: styles", styles);
    const frame = { q: squares, s, d: pointerOf("dcoefs", d), outChannels, inChannels, gain: weightGain };
    this.#engine.run("dcoefsFromSquares", n, frame);
    return d;
  }

  toLayout(x: Activations, kind: Layout["kind"]): Activations {
    const { layout } = x;
    if (layout.kind === kind) return x;
    const { n, channels, height, width } = layout;
    const target = { ...layout, kind } as PlanarLayout | BlockedLayout;
    const block = this.#allocate(layoutLength(target));
    this.#engine.run(kind === "blocked" ? "planarToBlocked" : "blockedToPlanar", n * Math.ceil(channels / 8), {
      x: pointerOf("toLayout", x.block),
      y: pointerOf("toLayout", block),
      channels,
      pixels: height * width,
    });
    return { block, layout: target };
  }

  releaseWeights(block: Block): void {
    this.#weights.release(block);
  }

  memory(): { readonly preparedBytes: number; readonly scratchBytes: number } {
    return { preparedBytes: this.#weights.bytes, scratchBytes: this.#scratch.bytes + this.#vectors.bytes };
  }

  /** Few output channels and an epilogue of bias and clamp only. */
  #isImage({ kernel, outChannels, outputLayout, noise, activation, up, down }: ConvLayerOptions): boolean {
    const pointwise = kernel === 1 && up === 1 && down === 1 && outputLayout === "planar";
    return pointwise && outChannels <= mostImageChannels && noise === null && activation === "linear";
  }

  #prepared(weight: WeightRef, options: ConvLayerOptions, algorithm: Algorithm): number {
    const { inChannels, outChannels, kernel, flipWeight = false } = options;
    const shape = { algorithm, inChannels, outChannels, kernel };
    const { bytes } = planWeights(shape, this.#tile);
    const flip = flipWeight && kernel === 3;
    return this.#weights.get(weight.block, weight.version, `${algorithm}${flip ? " flipped" : ""}`, bytes, (target) => {
      const taps = kernel * kernel;
      const pointer = pointerOf("convLayer: weight", weight.block);
      const raw = { pointer, outStride: inChannels * taps * 4, inStride: taps * 4, flip };
      prepareInto(this.#engine, this.#scratch, this.#tile, shape, raw, target);
    });
  }

  /** An output: a large one at the other end of the memory than its input (LinearMemory.allocate). */
  #allocateAcross(input: Block, length: number): Block {
    const fromEnd = length * 4 >= largeBytes && !this.#atEnd.has(input);
    const block = this.#allocate(length, { fromEnd });
    if (fromEnd) this.#atEnd.add(block);
    return block;
  }

  /** The convolution proper, blocked to blocked, with everything fused; over its input if that is expendable and it pays. */
  #convolve(x: Activations, weight: WeightRef, options: ConvLayerOptions, expendable: boolean): Activations {
    const { n, inChannels, outChannels, kernel, up, down, filter, activation, alpha, clamp } = options;
    const { height, width } = x.layout;
    const algorithm = chooseAlgorithm(options);
    const transposed = up === 2 && kernel === 3;
    const outHeight = transposed ? 2 * height : down === 2 && kernel === 3 ? (height - 1) >> 1 : height;
    const outWidth = transposed ? 2 * width : down === 2 && kernel === 3 ? (width - 1) >> 1 : width;
    const sizes = { algorithm, n, inChannels, outChannels, height, width, outHeight, outWidth, kernel };
    const shape: ConvShape = { ...sizes, inPlace: expendable && fitsInPlace(sizes) };
    const weights = this.#prepared(weight, options, algorithm);
    const layout: BlockedLayout = { kind: "blocked", n, channels: outChannels, height: outHeight, width: outWidth };
    const block = shape.inPlace ? x.block : this.#allocateAcross(x.block, layoutLength(layout));
    const operands = {
      ...this.#epilogue(options, outHeight, outWidth),
      x: pointerOf("convLayer: x", x.block),
      y: pointerOf("convLayer", block),
      weights,
    };
    runJob(this.#engine, this.#scratch, this.#tile, shape, operands, {
      stride: down === 2 && kernel === 3 ? 2 : 1,
      pad: kernel === 3 && down === 1 ? 1 : 0,
      slope: activation === "linear" ? 1 : activation === "relu" ? 0 : alpha,
      clamp: clamp ?? Infinity,
      firY: transposed ? reversed(filter!.separable!.y, 2) : noFilter,
      firX: transposed ? reversed(filter!.separable!.x, 2) : noFilter,
    });
    return { block, layout };
  }

  /** The vectors of the fused arithmetic, padded with zeros to whole panels. Valid until the next call. */
  #epilogue(options: ConvLayerOptions, outHeight: number, outWidth: number): Omit<JobOperands, "x" | "y" | "weights"> {
    const { n, inChannels, outChannels, styles, dcoefs, noise, noiseStrength, bias, gain, weightGain } = options;
    const inPadded = Math.ceil(inChannels / 8) * 8;
    const outPadded = Math.ceil(outChannels / this.#tile.cols) * this.#tile.cols;
    const rows = styles === null ? 1 : n;
    const length = rows * inPadded + (n + 2) * outPadded + outWidth;
    const start = this.#vectors.reserve(length * 4);
    const all = this.#engine.floats(start, length).fill(0);
    let offset = 0;
    const take = (count: number): [Float32Array, number] => {
      offset += count;
      return [all.subarray(offset - count, offset), start + (offset - count) * 4];
    };
    const [styleRows, stylesAt] = take(rows * inPadded);
    const [scaleRows, scaleAt] = take(n * outPadded);
    const [biasRow, biasAt] = take(outPadded);
    const [noiseRow, noiseGainAt] = take(outPadded);
    const [, zerosAt] = take(outWidth);
    const numbers = { styles: styles?.data, dcoefs: dcoefs?.data, bias: bias?.data };
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < inChannels; i++) {
        styleRows[row * inPadded + i] = numbers.styles ? numbers.styles[row * inChannels + i] : 1;
      }
    }
    for (let o = 0; o < outChannels; o++) {
      for (let row = 0; row < n; row++) {
        const d = numbers.dcoefs ? numbers.dcoefs[row * outChannels + o] : 1;
        scaleRows[row * outPadded + o] = d * weightGain * gain;
      }
      if (numbers.bias) biasRow[o] = numbers.bias[o] * gain;
      if (noise !== null) noiseRow[o] = noiseStrength * gain;
    }
    return {
      styles: stylesAt,
      stylesStride: styles === null ? 0 : inPadded * 4,
      scale: scaleAt,
      scaleStride: outPadded * 4,
      bias: biasAt,
      noise: noise === null ? zerosAt : pointerOf("convLayer: noise", noise),
      noiseRowStride: noise === null ? 0 : outWidth * 4,
      noiseImageStride: noise !== null && noise.length > outHeight * outWidth ? outHeight * outWidth * 4 : 0,
      noiseGain: noiseGainAt,
    };
  }

  /** A 1x1 convolution to a planar image, with modulation, demodulation, bias and clamp. */
  #image(x: Activations, weight: WeightRef, options: ConvLayerOptions): Activations {
    const { n, inChannels, outChannels, styles, dcoefs, bias, gain, weightGain, clamp } = options;
    const { height, width } = x.layout;
    const padded = Math.ceil(inChannels / 8) * 8;
    const length = n * outChannels * padded + outChannels;
    const start = this.#vectors.reserve(length * 4);
    const layout: PlanarLayout = { kind: "planar", n, channels: outChannels, height, width };
    const block = this.#allocate(layoutLength(layout));
    const vectors = this.#engine.floats(start, length).fill(0);
    const numbers = { w: weight.block.data, styles: styles?.data, dcoefs: dcoefs?.data, bias: bias?.data };
    for (let row = 0; row < n * outChannels; row++) {
      const sample = Math.floor(row / outChannels);
      const o = row % outChannels;
      const scale = (numbers.dcoefs ? numbers.dcoefs[row] : 1) * weightGain * gain;
      for (let i = 0; i < inChannels; i++) {
        const style = numbers.styles ? numbers.styles[sample * inChannels + i] : 1;
        vectors[row * padded + i] = numbers.w[o * inChannels + i] * style * scale;
      }
    }
    if (numbers.bias) {
      for (let o = 0; o < outChannels; o++) vectors[n * outChannels * padded + o] = numbers.bias[o] * gain;
    }
    const pixels = height * width;
    const perChunk = Math.min(8192, Math.ceil(pixels / this.#engine.workers / 4) * 4);
    this.#engine.run("blockedToImage", n * Math.ceil(pixels / perChunk), {
      x: pointerOf("convLayer: x", x.block),
      w: start,
      bias: start + n * outChannels * padded * 4,
      y: pointerOf("convLayer", block),
      blocks: padded / 8,
      outChannels,
      pixels,
      pixelsPerChunk: perChunk,
      clamp: clamp ?? Infinity,
    });
    return { block, layout };
  }

  /** The layer's filter on blocked features: `down` with padding `pad`, or, for up 2, upsampling with gain 4. */
  #filter(x: Activations, { filter, up }: ConvLayerOptions, down: number, pad: number): Activations {
    const { n, channels, height, width } = x.layout;
    const upsampling = up === 2;
    const size = (extent: number) => {
      if (upsampling) return 2 * extent;
      return Math.floor((extent + 2 * pad - 4) / down) + 1;
    };
    const layout: BlockedLayout = { kind: "blocked", n, channels, height: size(height), width: size(width) };
    const block = this.#allocate(layoutLength(layout));
    const gain = upsampling ? 2 : 1;
    const filterY = reversed(filter!.separable!.y, gain);
    const filterX = reversed(filter!.separable!.x, gain);
    const at = this.#vectors.reserve(8 * 4);
    this.#engine.floats(at, 8).set([...filterY, ...filterX]);
    const scratchStride = width * 32;
    this.#engine.run("blockedFir", n * Math.ceil(channels / 8), {
      x: pointerOf("convLayer: x", x.block),
      y: pointerOf("convLayer", block),
      scratch: this.#scratch.reserve(this.#engine.workers * scratchStride),
      scratchStride,
      height,
      width,
      outHeight: layout.height,
      outWidth: layout.width,
      up: upsampling ? 2 : 1,
      down: upsampling ? 1 : down,
      padY: pad,
      padX: pad,
      tapsY: 4,
      tapsX: 4,
      filter: at,
    });
    return { block, layout };
  }
}

/** Taps in the order in which a true convolution meets the pixels, times a gain. */
function reversed(taps: readonly number[], gain: number): number[] {
  return taps.map((_, k) => taps[taps.length - 1 - k] * gain);
}

function pointerOf(what: string, block: Block): number {
  const { pointer } = block as Partial<LocatedBlock>;
  if (pointer === undefined) {
    throw new TypeError(`${what}: expected a block of the WASM kernels, got one of others; allocate it with them`);
  }
  return pointer;
}

/**
 * The fused layers (types.ts) on the blocked kernels of assembly/fused/:
 *
 *   input scales ride on the input transform; output scales, weight gain, noise, bias, activation, gain and clamp on the output
 *   transform; feature maps stay blocked from layer to layer; weights are prepared once.
 *
 * A plan has all that depends on shapes alone; a run adds pointers. Tested against the definition by tests/kernels/fused.test.ts.
 */
import type { Block } from "../../block.js";
import type { Engine } from "../engine.js";
import { type Band, bandsOf, planBands } from "./bands.js";
import { type EpilogueTensors, type Gains, writeEpilogue, writeImageVectors } from "./epilogue.js";
import {
  type ConvJob,
  type ImageOperands,
  type JobOperands,
  pointerOf,
  putAway,
  runJob,
  Scratch,
  weightPointer,
} from "./job.js";
import { canMakeImage, type MicroTile } from "./plan.js";
import { checkTensors, hasFusedForm, type LayerShape, layerShape } from "./shape.js";
import { type FilterStage, type LayerStages, planStages } from "./stages.js";
import type {
  ConvLayer,
  FeatureLayout,
  FusedKernels,
  FusedPlan,
  LayerFlow,
  LayerTensors,
  Operand,
  Shaped,
  Tail,
  TailPlan,
} from "./types.js";
import { prepareInto, WeightCache } from "./weights.js";

export interface FusedKernelsOptions {
  readonly engine: Engine;
  /** Blocks of the engine's memory. */
  readonly allocate: (length: number, options?: { readonly fromEnd?: boolean }) => Block;
  readonly release: (block: Block) => void;
  /** The micro-kernel. */
  readonly tile: MicroTile;
}

/** Feature maps from this size on alternate between the ends of the memory. */
const largeBytes = 48e6;

export function createFusedKernels(options: FusedKernelsOptions): FusedKernels {
  return new BlockedLayers(options);
}

/** All that is known about a layer before it runs. */
interface Planned {
  readonly layer: ConvLayer<Shaped>;
  readonly shape: LayerShape;
  readonly stages: LayerStages;
}

interface LayerPlan extends Planned {
  readonly flow: LayerFlow;
}

/** Where a 1x1 convolution to an image reads and writes: addresses of the first pixels, and bytes from channel to channel. */
interface ImagePixels {
  readonly x: number;
  readonly xPlane: number;
  readonly y: number;
  readonly yPlane: number;
  readonly pixels: number;
}

/** How many numbers feature maps occupy. */
function lengthOf([n, channels, height, width]: readonly number[], layout: FeatureLayout): number {
  return n * (layout === "planar" ? channels : Math.ceil(channels / 8) * 8) * height * width;
}

class BlockedLayers implements FusedKernels {
  readonly #engine: Engine;
  readonly #allocate: FusedKernelsOptions["allocate"];
  readonly #release: (block: Block) => void;
  readonly #tile: MicroTile;
  readonly #weights: WeightCache;
  readonly #vectors: Scratch;
  readonly #imageVectors: Scratch;
  readonly #atEnd = new WeakSet<Block>();

  constructor({ engine, allocate, release, tile }: FusedKernelsOptions) {
    this.#engine = engine;
    this.#allocate = allocate;
    this.#release = release;
    this.#tile = tile;
    this.#weights = new WeightCache(engine);
    this.#vectors = new Scratch(engine);
    this.#imageVectors = new Scratch(engine);
  }

  plan(layer: ConvLayer<Shaped>, flow: LayerFlow): FusedPlan | null {
    const shape = layerShape(layer);
    if (shape === null || !hasFusedForm(layer, shape)) return null;
    const stages = planStages(layer, shape, flow, this.#tile, this.#engine.workers);
    return {
      outputShape: [shape.n, shape.outChannels, shape.outHeight, shape.outWidth],
      run: (tensors) => this.#run({ layer, shape, flow, stages }, tensors),
    };
  }

  #run({ layer, shape, flow, stages }: LayerPlan, tensors: LayerTensors<Operand>): Operand {
    checkTensors(layer, tensors);
    const { x, weight, inputScales } = tensors;
    const { before, conv, after } = stages;
    const computed = tensors.outputScales === "unit" ? this.unitScales(weight, inputScales!, layer.weightGain) : null;
    const outputScales = tensors.outputScales === "unit" ? computed : tensors.outputScales;
    const given = { ...tensors, outputScales };
    const owned: Block[] = flow.consumeInput ? [x.block] : [];
    const keep = (next: Operand): Operand => {
      owned.push(next.block);
      return next;
    };

    let input = x;
    if (x.layout !== "blocked") input = keep(this.toLayout(x, "blocked"));
    if (before !== null) input = keep(this.#filter(input, before));
    let output = conv === null ? this.#image(input, given, shape, layer) : this.#convolve(input, given, layer, conv);
    if (after !== null) output = this.#filter(keep(output), after);
    if (output.layout !== flow.output) output = this.toLayout(keep(output), flow.output);
    for (const block of new Set(owned)) {
      if (block !== output.block) this.#release(block);
    }
    if (computed !== null) this.#release(computed.block);
    return output;
  }

  planTail(layers: Tail<ConvLayer<Shaped>>, count?: number): TailPlan | null {
    const flow = { input: "blocked", output: "blocked", consumeInput: true } as const;
    const plans = layers.map((layer, k) => {
      const shape = layerShape(layer);
      if (shape === null || !hasFusedForm(layer, shape)) return null;
      const own = k === 2 ? ({ ...flow, output: "planar" } as const) : flow;
      return { layer, shape, stages: planStages(layer, shape, own, this.#tile, this.#engine.workers) };
    });
    const [up, conv, image] = plans;
    if (!up || !conv || !image) return null;
    const [first, second] = [up.stages.conv, conv.stages.conv];
    if (first?.shape.algorithm !== "t4" || !second || !canMakeImage(second.shape) || image.stages.conv !== null)
      return null;
    const bands = planBands(first, second, count ?? bandsOf(first), this.#tile, this.#engine.workers);
    const { n, outChannels, outHeight, outWidth } = image.shape;
    return {
      outputShape: [n, outChannels, outHeight, outWidth],
      run: (x, tensors) => this.#runTail([up, conv, image], bands, x, tensors),
    };
  }

  #runTail(
    [up, conv, image]: Tail<Planned>,
    bands: readonly Band[],
    x: Operand,
    tensors: Tail<Omit<LayerTensors<Operand>, "x">>,
  ): Operand {
    const { n, outChannels, outHeight, outWidth } = image.shape;
    const computed: Block[] = [];
    const given = [up, conv, image].map(({ layer }, k) => {
      const own = tensors[k];
      checkTensors(layer, { ...own, x: k === 0 ? x : layer.x });
      if (own.outputScales !== "unit") return { ...own, outputScales: own.outputScales };
      const outputScales = this.unitScales(own.weight, own.inputScales!, layer.weightGain);
      computed.push(outputScales.block);
      return { ...own, outputScales };
    });
    const rows = Math.max(...bands.map((band) => band.up.job.shape.outHeight));
    const rowBytes = outWidth * 32;
    const plane = rows * rowBytes;
    const block = this.#allocate(lengthOf([n, outChannels, outHeight, outWidth], "planar"));
    const y: Operand = { block, shape: [n, outChannels, outHeight, outWidth], layout: "planar" };
    const between = this.#allocateAcross(x.block, lengthOf([n, conv.shape.inChannels, rows, outWidth], "blocked"));
    const start = pointerOf("between", { block: between, shape: [] });
    const imageVectors = writeImageVectors(this.#engine, this.#imageVectors, image.shape, given[2], image.layer);
    for (const band of bands) {
      const rowOf = (row: number): number => start + (row - band.up.row) * rowBytes;
      const xRow = pointerOf("x", x) + (band.up.row / 2) * up.shape.width * 32;
      const xPlane = up.shape.height * up.shape.width * 32;
      this.#bandLayer(up, band.up, given[0], { x: xRow, xPlane, y: start, yPlane: plane });
      const pixels = {
        image: pointerOf("y", y) + band.from * outWidth * 4,
        imagePlane: outHeight * outWidth * 4,
        imageChannels: outChannels,
        imageWeights: imageVectors.w,
        imageBias: imageVectors.bias,
        imageClamp: image.layer.clamp ?? Infinity,
      };
      this.#bandLayer(conv, band.conv, given[1], { x: rowOf(band.conv.row), xPlane: plane, y: 0, ...pixels });
    }
    for (const used of [between, x.block, ...computed]) this.#release(used);
    return y;
  }

  /** A layer on some rows: its noise is that of the whole map. */
  #bandLayer(
    { layer, stages }: Planned,
    { job, row }: Band["up"],
    tensors: EpilogueTensors,
    maps: Pick<JobOperands, "x" | "y" | "xPlane" | "yPlane" | keyof ImageOperands>,
  ): void {
    const weights = this.#prepared(tensors.weight, layer, job);
    putAway(tensors.weight);
    const vectors = writeEpilogue(this.#engine, this.#vectors, this.#tile.cols, stages.conv!.shape, tensors, layer);
    const noise = vectors.noise + row * vectors.noiseRowStride;
    runJob(this.#engine, job, { ...vectors, ...maps, noise, weights });
  }

  unitScales(weight: Operand, inputScales: Operand, weightGain: number): Operand {
    const [outChannels, inChannels, ...kernel] = weight.shape;
    const [n, channels] = inputScales.shape;
    if (channels !== inChannels) {
      throw new RangeError(
        `unitScales: weights [${weight.shape.join(", ")}] need input scales [n, ${inChannels}], ` +
          `got [${inputScales.shape.join(", ")}]`,
      );
    }
    const taps = kernel.reduce((a, b) => a * b, 1);
    const block = this.#allocate(n * outChannels);
    const bytes = outChannels * inChannels * 4;
    const q = this.#weights.get(weight.block, weight.version ?? 0, "squares", bytes, (squares) => {
      const w = weightPointer(weight);
      this.#engine.run("sumOfSquares", outChannels, { w, q: squares, outChannels, inChannels, taps });
    });
    const operand = { block, shape: [n, outChannels] };
    const [s, d] = [pointerOf("inputScales", inputScales), pointerOf("outputScales", operand)];
    this.#engine.run("inverseNorms", n, { q, s, d, outChannels, inChannels, gain: weightGain });
    return operand;
  }

  toLayout(x: Operand, layout: FeatureLayout): Operand {
    if ((x.layout ?? "planar") === layout) return x;
    const [n, channels, height, width] = x.shape;
    const y = { block: this.#allocate(lengthOf(x.shape, layout)), shape: x.shape, layout };
    this.#engine.run(layout === "blocked" ? "planarToBlocked" : "blockedToPlanar", n * Math.ceil(channels / 8), {
      x: pointerOf("x", x),
      y: pointerOf("y", y),
      channels,
      pixels: height * width,
    });
    return y;
  }

  releaseWeights(block: Block): void {
    this.#weights.release(block);
  }

  memory(): { readonly preparedBytes: number; readonly scratchBytes: number } {
    return { preparedBytes: this.#weights.bytes, scratchBytes: this.#vectors.bytes };
  }

  #prepared(weight: Operand, layer: ConvLayer<Shaped>, { shape, weights }: ConvJob): number {
    // Both kinds of kernel read the taps as a correlation does; an up-convolution spreads the stored kernel, which is the
    // correlation with the mirrored one.
    const flip = shape.kernel === 3 && layer.flipWeight === (layer.up === 2);
    const what = `${shape.algorithm}${flip ? " flipped" : ""}`;
    return this.#weights.get(weight.block, weight.version ?? 0, what, weights.bytes, (target) => {
      const taps = shape.kernel ** 2;
      const pointer = weightPointer(weight);
      const raw = { pointer, outStride: shape.inChannels * taps * 4, inStride: taps * 4, flip };
      prepareInto(this.#engine, this.#tile, shape, weights, raw, target);
    });
  }

  /** An output: a large one at the other end of the memory than its input (LinearMemory.allocate). */
  #allocateAcross(input: Block, length: number): Block {
    const fromEnd = length * 4 >= largeBytes && !this.#atEnd.has(input);
    const block = this.#allocate(length, { fromEnd });
    if (fromEnd) this.#atEnd.add(block);
    return block;
  }

  /** The convolution proper, blocked to blocked, with everything fused; over its input where the plan says so. */
  #convolve(x: Operand, tensors: EpilogueTensors, layer: ConvLayer<Shaped>, job: ConvJob): Operand {
    const { n, outChannels, outHeight, outWidth, inPlace } = job.shape;
    const weights = this.#prepared(tensors.weight, layer, job);
    putAway(tensors.weight);
    const shape = [n, outChannels, outHeight, outWidth];
    const block = inPlace ? x.block : this.#allocateAcross(x.block, lengthOf(shape, "blocked"));
    const y: Operand = { block, shape, layout: "blocked" };
    const vectors = writeEpilogue(this.#engine, this.#vectors, this.#tile.cols, job.shape, tensors, layer);
    runJob(this.#engine, job, { ...vectors, x: pointerOf("x", x), y: pointerOf("y", y), weights });
    return y;
  }

  /** A 1x1 convolution to a planar image, with scales, bias and clamp. */
  #image(
    x: Operand,
    tensors: EpilogueTensors,
    shape: LayerShape,
    layer: Gains & Pick<ConvLayer<Shaped>, "clamp">,
  ): Operand {
    const { n, outChannels, outHeight, outWidth } = shape;
    const outputShape = [n, outChannels, outHeight, outWidth];
    const y: Operand = { block: this.#allocate(lengthOf(outputShape, "planar")), shape: outputShape, layout: "planar" };
    const pixels = outHeight * outWidth;
    const at = { x: pointerOf("x", x), y: pointerOf("y", y), xPlane: pixels * 32, yPlane: pixels * 4, pixels };
    this.#imagePixels(tensors, shape, layer, at);
    return y;
  }

  #imagePixels(
    tensors: EpilogueTensors,
    shape: LayerShape,
    layer: Gains & Pick<ConvLayer<Shaped>, "clamp">,
    { x, y, xPlane, yPlane, pixels }: ImagePixels,
  ): void {
    const vectors = writeImageVectors(this.#engine, this.#vectors, shape, tensors, layer);
    const { n, inChannels, outChannels } = shape;
    const perChunk = Math.min(8192, Math.ceil(pixels / this.#engine.workers / 4) * 4);
    this.#engine.run("blockedToImage", n * Math.ceil(pixels / perChunk), {
      ...vectors,
      ...{ x, y, xPlane, yPlane },
      blocks: Math.ceil(inChannels / 8),
      outChannels,
      pixels,
      pixelsPerChunk: perChunk,
      clamp: layer.clamp ?? Infinity,
    });
  }

  #filter(x: Operand, { up, down, pad, outHeight, outWidth, tapsY, tapsX }: FilterStage): Operand {
    const [n, channels, height, width] = x.shape;
    const shape = [n, channels, outHeight, outWidth];
    const y: Operand = { block: this.#allocate(lengthOf(shape, "blocked")), shape, layout: "blocked" };
    const filter = this.#vectors.reserve(8 * 4);
    this.#engine.floats(filter, 8).set([...tapsY, ...tapsX]);
    const scratchStride = width * 32;
    this.#engine.withScratch(this.#engine.workers * scratchStride, (scratch) =>
      this.#engine.run("blockedFir", n * Math.ceil(channels / 8), {
        x: pointerOf("x", x),
        y: pointerOf("y", y),
        scratch,
        scratchStride,
        height,
        width,
        outHeight,
        outWidth,
        up,
        down,
        padY: pad,
        padX: pad,
        tapsY: 4,
        tapsX: 4,
        filter,
      }),
    );
    return y;
  }
}

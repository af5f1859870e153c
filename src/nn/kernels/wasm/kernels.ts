/**
 * The SIMD form of the kernels: code from `assembly/` over one linear memory. This file has the table of all kernels: it turns
 * blocks into pointers, chooses the algorithm of a convolution, and calls the planners beside it (conv/direct.ts, matmul.ts, ...),
 * which cut the work into chunks; the shortest plans stand here. How a chunk is run is explained in engine.ts.
 *
 * Blocks of other kernels (reference blocks on the JavaScript heap) are accepted everywhere: they are copied into linear
 * memory for the duration of the call.
 *
 * Tested against the reference by tests/kernels/wasm.test.ts.
 */

import { adjointFilter, unfiltered } from "../filters.js";
import { referenceUnary } from "../reference/elementwise.js";
import type { Block, Conv2dGeometry, Kernels } from "../types.js";
import { leakyEnd, wasmBiasAct, wasmBiasActGrad } from "./activations.js";
import { type Conv2dAlgorithm, directConv2d, directConv2dInputGrad, directConv2dWeightGrad } from "./conv/direct.js";
import { pointwiseConv2d, pointwiseConv2dInputGrad, pointwiseConv2dWeightGrad } from "./conv/pointwise.js";
import { pointsConv2dWeightGrad } from "./conv/weightGrad.js";
import { pointsConv2d, pointsConv2dInputGrad } from "./conv/winograd.js";
import { elementsPerChunk, wasmBinary, wasmMap, wasmStridedCopy, wasmUnary } from "./elementwise.js";
import { createSerialDispatcher, type Dispatcher, Engine, type LoadedModule, loadModule } from "./engine.js";
import { createFusedKernels } from "./fused/layers.js";
import type { MicroTile } from "./fused/plan.js";
import { wasmLayerEnd, wasmLayerEndGrad } from "./layerEnd.js";
import type { WasmSources, WasmVariant } from "./load.js";
import { wasmMatmul } from "./matmul.js";
import { LinearBlock } from "./memory.js";
import { wasmAdam, wasmLerp } from "./updates.js";
import { wasmUpfirdn2d } from "./upfirdn2d.js";

/** The register tile of the blocked kernels: what fits the registers of every engine (assembly/gemm/panels.ts). */
const smallestTile: MicroTile = { rows: 4, cols: 8 };

/** Smaller blocks are not worth a file that stays open. */
const leastLentBytes = 256 * 1024;
/**
 * Bytes for each number of a network: itself, what is prepared of it, and feature maps. V8 collects garbage for each growth of memory that
 * is not shared, 2 to 4 ms; what nobody touches costs nothing.
 */
const roomPerParameter = 20;

export interface WasmKernelsOptions {
  /** Default "simd". */
  readonly variant?: WasmVariant;
  /** Register tile of the blocked kernels. Default 4x8. */
  readonly tile?: MicroTile;
  /** What the kernels call themselves. Default: the variant. */
  readonly name?: Kernels["name"];
  /** Use a memory that several threads can see. Default false. */
  readonly shared?: boolean;
  /** Where the builds are. Default: in this package. */
  readonly wasm?: WasmSources;
  /** What runs the chunks. Default: the calling thread, in order. */
  readonly createDispatcher?: (loaded: LoadedModule) => Dispatcher | Promise<Dispatcher>;
}

/** Kernels together with what the fused layers of wasm/fused/ build on. */
export interface WasmKernels extends Kernels {
  readonly engine: Engine;
}

/** Loads the module and wraps it up as `Kernels`. Rejects if the engine cannot compile it (no SIMD). */
export async function createWasmKernels(options: WasmKernelsOptions = {}): Promise<WasmKernels> {
  const { variant = "simd", shared = false, createDispatcher = createSerialDispatcher } = options;
  const { tile = smallestTile, name = variant } = options;
  const loaded = await loadModule({ variant, shared, wasm: options.wasm });
  const engine = new Engine(loaded.memory, await createDispatcher(loaded));
  return kernelsOf(engine, name, tile);
}

const lengthsOf = (blocks: readonly Block[]): readonly number[] => blocks.map(({ length }) => length);

/** The blocks that are there, and a function that gives each of all its pointer among those, or null. */
function those(blocks: readonly (Block | null)[]): [readonly Block[], (at: readonly number[]) => (number | null)[]] {
  const given = blocks.filter((block) => block !== null);
  return [given, (at) => blocks.map((block) => (block === null ? null : at[given.indexOf(block)]))];
}

function kernelsOf(engine: Engine, name: Kernels["name"], tile: MicroTile): WasmKernels {
  const { memory } = engine;
  // The first that applies computes conv2d, or one of its adjoints.
  const conv2dAlgorithms: readonly Conv2dAlgorithm[] = [pointsConv2d(tile), pointwiseConv2d, directConv2d];
  const conv2dInputGradAlgorithms: readonly Conv2dAlgorithm[] = [
    pointsConv2dInputGrad(tile),
    pointwiseConv2dInputGrad,
    directConv2dInputGrad,
  ];
  const conv2dWeightGradAlgorithms: readonly Conv2dAlgorithm[] = [
    pointsConv2dWeightGrad,
    pointwiseConv2dWeightGrad,
    directConv2dWeightGrad,
  ];
  const isHere = (block: Block): block is LinearBlock => block instanceof LinearBlock && block.memory === memory;

  /** Runs `body` with a pointer for each block, copying foreign blocks in before and, if written, out after. */
  function withPointers(inputs: readonly Block[], outputs: readonly Block[], body: (...at: number[]) => void): void {
    const at: number[] = [];
    for (const block of inputs) if (isHere(block)) at.push(block.pointer);
    for (const block of outputs) if (isHere(block)) at.push(block.pointer);
    if (at.length === inputs.length + outputs.length) body(...at);
    else withCopies(inputs, outputs, body);
  }

  function withCopies(inputs: readonly Block[], outputs: readonly Block[], body: (...at: number[]) => void): void {
    const staged = new Map<Block, number>();
    try {
      const pointers = inputs.concat(outputs).map((block) => {
        if (isHere(block)) return block.pointer;
        let pointer = staged.get(block);
        if (pointer === undefined) {
          pointer = memory.allocate(block.length * 4);
          staged.set(block, pointer);
          engine.floats(pointer, block.length).set(block.data);
        }
        return pointer;
      });
      body(...pointers);
      for (const block of outputs) {
        const pointer = staged.get(block);
        if (pointer !== undefined) block.data.set(engine.floats(pointer, block.length));
      }
    } finally {
      for (const pointer of staged.values()) memory.release(pointer);
    }
  }

  /** Runs the first algorithm of a table that applies, on operands whose maps are multiplied by their scales, where they have any. */
  function convolve(
    table: readonly Conv2dAlgorithm[],
    geometry: Conv2dGeometry,
    operands: readonly [Block, Block],
    y: Block,
    scales: readonly (Block | undefined)[],
  ): void {
    const algorithm = table.find(({ applies }) => applies(geometry))!;
    const [given, pick] = those(operands.map((_, k) => scales[k] ?? null));
    withPointers([...operands, ...given], [y], (a, b, ...at) => {
      const yAt = at.at(-1)!;
      const [first, second] = pick(at);
      if (given.length === 0) algorithm.run(engine, a, b, yAt, geometry);
      else if (algorithm.joins?.includes("scales"))
        algorithm.runWith!(engine, a, b, yAt, geometry, { scales: [first, second] });
      else {
        scaled(a, operands[0], first, scales[0], (aScaled) =>
          scaled(b, operands[1], second, scales[1], (bScaled) =>
            algorithm.run(engine, aScaled, bScaled, yAt, geometry),
          ),
        );
      }
    });
  }

  /** Calls `use` with a pointer to maps times their scales. */
  function scaled(
    maps: number,
    { length }: Block,
    scales: number | null,
    of: Block | undefined,
    use: (maps: number) => void,
  ): void {
    if (scales === null || of === undefined) {
      use(maps);
      return;
    }
    engine.withScratch(length * 4, (products) => {
      const shape = [of.length, length / of.length];
      wasmBinary(engine, "mul", maps, scales, products, {
        shape,
        strides: [
          [shape[1], 1],
          [1, 0],
        ],
      });
      use(products);
    });
  }

  /** Whether the algorithm of a table that applies takes care of the filter, if there is one. */
  function joinsFilter(table: readonly Conv2dAlgorithm[], geometry: Conv2dGeometry): boolean {
    return !geometry.filter || table.find(({ applies }) => applies(geometry))!.filters?.(geometry) === true;
  }

  /** Calls `use` with a block that lives as long as the call. */
  function withBlock(length: number, use: (block: Block) => void): void {
    const block = allocate(length);
    try {
      use(block);
    } finally {
      releaseBlock(block);
    }
  }

  /**
   * Calls `use` with x, its scales and its convolution; where that has a filter of which the algorithm takes no care, with what the filter
   * makes of them, and the convolution without it.
   */
  function throughFilter(
    table: readonly Conv2dAlgorithm[],
    geometry: Conv2dGeometry,
    x: Block,
    scales: Block | undefined,
    use: (maps: Block, geometry: Conv2dGeometry, scales?: Block) => void,
  ): void {
    const { filter, n, inChannels, height, width } = geometry;
    if (!filter || joinsFilter(table, geometry)) {
      use(x, geometry, scales);
      return;
    }
    withBlock(n * inChannels * height * width, (maps) => {
      withPointers(scales === undefined ? [x] : [x, scales], [maps], (xAt, ...at) =>
        scaled(xAt, x, scales === undefined ? null : at[0], scales, (from) =>
          wasmUpfirdn2d(engine, from, at.at(-1)!, filter),
        ),
      );
      use(maps, unfiltered(geometry));
    });
  }

  const allocate = (length: number, options?: { readonly fromEnd?: boolean }): Block =>
    new LinearBlock(memory, memory.allocate(length * 4, options), length);
  const releaseBlock = (block: Block): void => {
    if (!isHere(block)) throw new RangeError("release: expected a block of these kernels, got one of others");
    block.release();
  };
  const fused = createFusedKernels({ engine, allocate, release: releaseBlock, tile });

  return {
    name,
    precision: "float32",
    threads: engine.workers,
    engine,

    fused,
    captures: engine.captures,

    dispose: () => engine.dispose(),
    allocate: (length) => allocate(length),
    release(block) {
      fused.releaseWeights(block);
      releaseBlock(block);
    },
    borrow: (length, refill) => (length * 4 < leastLentBytes ? null : new LinearBlock(memory, null, length, refill)),
    makeRoom: (parameters) => memory.makeRoom(parameters * roomPerParameter),
    memory: () => ({
      usedBytes: memory.usedBytes,
      peakBytes: memory.peakBytes,
      reservedBytes: memory.reservedBytes,
    }),

    normal: (y, { seed, stream }) =>
      withPointers([], [y], (at) =>
        engine.withScratch(engine.workers * 64, (scratch) => {
          const chunks = Math.ceil(y.length / elementsPerChunk);
          const frame = { y: at, length: y.length, seed, stream, perChunk: elementsPerChunk, scratch };
          engine.run("normal", chunks, frame);
          engine.captures.noteDrawn(frame);
        }),
      ),
    fill: (y, value) => withPointers([], [y], (at) => wasmMap(engine, "fill", at, at, y.length, 0, value)),
    unary: (op, x, y) =>
      withPointers([x], [y], (from, to) => {
        if (wasmUnary(engine, op, from, to, y.length)) return;
        referenceUnary(op, engine.floats(from, y.length), engine.floats(to, y.length), y.length);
      }),
    affine: (x, y, scale, offset) =>
      withPointers([x], [y], (from, to) => wasmMap(engine, "affine", from, to, y.length, scale, offset)),
    lerp: (x, y, t) =>
      withPointers(x, y, (...at) => wasmLerp(engine, lengthsOf(y), at.slice(0, x.length), at.slice(x.length), t)),
    binary: (op, a, b, y, geometry) =>
      withPointers([a, b], [y], (aAt, bAt, yAt) => wasmBinary(engine, op, aAt, bAt, yAt, geometry)),
    stridedCopy: (x, y, geometry) => withPointers([x], [y], (from, to) => wasmStridedCopy(engine, from, to, geometry)),
    sum: (x, y, { batch, outer, reduce, inner, gain }) =>
      withPointers([x], [y], (from, to) => {
        const rows = inner === 1;
        const perChunk = rows ? Math.max(2, Math.ceil(elementsPerChunk / Math.max(1, batch * reduce))) : 256;
        const chunks = rows ? Math.ceil(outer / perChunk) : outer * Math.ceil(inner / perChunk);
        const frame = { x: from, y: to, batch, outer, reduce, inner, perChunk, gain };
        engine.run(rows ? "sumRows" : "sumColumns", chunks, frame);
      }),
    matmul: (a, b, y, geometry) =>
      withPointers([a, b], [y], (aAt, bAt, yAt) => wasmMatmul(engine, aAt, bAt, yAt, geometry)),
    conv2d: (x, w, y, geometry, scales) =>
      throughFilter(conv2dAlgorithms, geometry, x, scales, (maps, conv, rest) =>
        convolve(conv2dAlgorithms, conv, [maps, w], y, [rest]),
      ),
    conv2dBiasAct: (x, w, b, y, geometry, end) =>
      throughFilter(conv2dAlgorithms, geometry, x, undefined, (maps, conv) => {
        const [given, pick] = those([b]);
        withPointers([maps, w, ...given], [y], (xAt, wAt, ...at) => {
          const yAt = at.at(-1)!;
          const [bias] = pick(at);
          const algorithm = conv2dAlgorithms.find((one) => one.applies(conv))!;
          const leaky = leakyEnd(bias, end);
          if (leaky !== null && algorithm.joins?.includes("end")) {
            algorithm.runWith!(engine, xAt, wAt, yAt, conv, { end: leaky });
            return;
          }
          algorithm.run(engine, xAt, wAt, yAt, conv);
          wasmBiasAct(engine, yAt, bias, yAt, end);
        });
      }),
    conv2dInputGrad: (dy, w, dx, geometry, scales) => {
      const { filter, n, inChannels, height, width } = geometry;
      const spread = (to: Block, conv: Conv2dGeometry) =>
        convolve(conv2dInputGradAlgorithms, conv, [dy, w], to, [scales]);
      if (!filter || joinsFilter(conv2dInputGradAlgorithms, geometry)) {
        spread(dx, geometry);
        return;
      }
      withBlock(n * inChannels * height * width, (maps) => {
        spread(maps, unfiltered(geometry));
        withPointers([maps], [dx], (from, to) => wasmUpfirdn2d(engine, from, to, adjointFilter(filter)));
      });
    },
    conv2dWeightGrad: (x, dy, dw, geometry, scales = {}) =>
      throughFilter(conv2dWeightGradAlgorithms, geometry, x, scales.x, (maps, conv, rest) =>
        convolve(conv2dWeightGradAlgorithms, conv, [maps, dy], dw, [rest, scales.dy]),
      ),
    upfirdn2d: (x, y, geometry, options) =>
      withPointers([x], [y], (from, to) => wasmUpfirdn2d(engine, from, to, geometry, options)),
    biasAct: (x, b, y, geometry) =>
      b === null
        ? withPointers([x], [y], (xAt, yAt) => wasmBiasAct(engine, xAt, null, yAt, geometry))
        : withPointers([x, b], [y], (xAt, bAt, yAt) => wasmBiasAct(engine, xAt, bAt, yAt, geometry)),
    biasActGrad: (dy, x, b, dx, geometry) =>
      b === null
        ? withPointers([dy, x], [dx], (dyAt, xAt, dxAt) => wasmBiasActGrad(engine, dyAt, xAt, null, dxAt, geometry))
        : withPointers([dy, x, b], [dx], (dyAt, xAt, bAt, dxAt) =>
            wasmBiasActGrad(engine, dyAt, xAt, bAt, dxAt, geometry),
          ),
    layerEnd: (x, { scale, noise, b }, y, geometry) => {
      const [given, pick] = those([scale, noise, b]);
      withPointers([x, ...given], [y], (...at) => {
        const [scaleAt, noiseAt, bAt] = pick(at.slice(1));
        wasmLayerEnd(engine, at[0], { scale: scaleAt, noise: noiseAt, b: bAt }, at.at(-1)!, geometry);
      });
    },
    layerEndGrad: (dy, x, { scale, noise, b }, dt, dx, geometry) => {
      const [given, pick] = those([scale, noise, b]);
      withPointers([dy, x, ...given], [dt, dx], (dyAt, xAt, ...at) => {
        const [scaleAt, noiseAt, bAt] = pick(at);
        const [dtAt, dxAt] = at.slice(given.length);
        const operands = { scale: scaleAt, noise: noiseAt, b: bAt };
        wasmLayerEndGrad(engine, { dy: dyAt, x: xAt, dt: dtAt, dx: dxAt }, operands, geometry);
      });
    },
    adam: (parameters, gradients, m, v, options) =>
      withPointers(gradients, [...parameters, ...m, ...v], (...at) => {
        const role = (k: number): readonly number[] => at.slice(k * m.length, (k + 1) * m.length);
        const blocks = { gradients: role(0), parameters: role(1), m: role(2), v: role(3) };
        wasmAdam(engine, lengthsOf(parameters), blocks, options);
      }),
  };
}

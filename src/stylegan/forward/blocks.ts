/**
 * How the blocks of a synthesis network are run, whatever is in them: which of them, each with its own w's, and what the
 * caller may see and change on the way.
 *
 * Tests: tests/networks/synthesisParts.test.ts, tests/identities/synthesis.test.ts.
 */
import { NoiseGenerator, type NoiseSource } from "../../nn/noise.js";
import { unstack } from "../../nn/ops/layout.js";
import { reshape } from "../../nn/ops/reduce.js";
import { type Repeatable, repeatable } from "../../nn/repeatable.js";
import { assertShape } from "../../nn/shape.js";
import { chain, type Tensor } from "../../nn/tensor.js";
import type { Noise, NoiseMode } from "../layerNoise.js";

/** What synthesis has come to after the block of one resolution. */
export interface SynthesisState {
  readonly resolution: number;
  /** What the next block starts from, [N, C, resolution, resolution]. */
  readonly x: Tensor;
  /** The image so far, [N, imgChannels, resolution, resolution]; null where no block so far has made one. */
  readonly img: Tensor | null;
}

/** Sees the styles [N, I] of the layer `name`, such as "b8.conv0", and says which ones it is to have. */
export type StyleEdit = (name: string, styles: Tensor) => Tensor;

export interface SynthesisOptions {
  /** Default "random", as in the official implementation. */
  readonly noiseMode?: NoiseMode;
  /** Where random noise is drawn from. Default: a `NoiseGenerator` with a fresh seed. */
  readonly random?: NoiseSource;
  /** Called with each layer's name, such as "b8.conv0", and its feature maps; copy what should outlive the call. */
  readonly onLayer?: (name: string, output: Tensor) => void;
  /**
   * Called between blocks with what the next one starts from, which `from` takes; copy what should outlive the call.
   * There is nothing to hand on after the last block.
   */
  readonly onBlock?: (state: SynthesisState) => void;
  /**
   * Begin after this block instead of at 4x4. The result is that of the whole, bit for bit, where the w's, styles and
   * noise of the blocks before were the same; blocks that do not run draw no random noise. Default: begin at 4x4.
   */
  readonly from?: SynthesisState;
  /**
   * End with the block of this resolution: the result is its image, [N, imgChannels, until, until]. Skip generators,
   * whose image is a sum over resolutions, have one after every block; others after the last. Default: all blocks.
   */
  readonly until?: number;
  /** Looks at the styles of every layer, affine(w), or changes them: StyleSpace. Default: leaves them as they are. */
  readonly editStyles?: StyleEdit;
  /**
   * Networks that grow: the level of detail, 0 for full resolution, log2(resolution) - 2 for 4x4; fractions fade between
   * two levels. Default: the one stored with the network, where its training had come to.
   */
  readonly lod?: number;
}

/** The synthesis of a generator of any kind. */
export interface Synthesis<Config> {
  readonly config: Config;
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** 2 log2(resolution) - 2: one w for every layer. */
  readonly numWs: number;
  /** The level of detail that training has come to, of shape []: a buffer. null in a network that does not grow. */
  readonly lod: Tensor | null;
  /**
   * @param ws [N, numWs, wDim], one w for each layer (from the mapping network, or mixed: StyleGAN, section 3.1)
   * @returns images [N, imgChannels, imgResolution, imgResolution], mostly within [-1, 1]
   * @throws RangeError when ws has another shape, or for a lod or blocks (`from`, `until`) that the network does not have
   */
  forward(ws: Tensor, options?: SynthesisOptions): Tensor;
}

/** Options with everything decided, as a layer sees them. */
export interface LayerContext extends Noise {
  /** The styles that the layer is to have, from those that its w gives it. Default: the same. */
  readonly editStyles?: (styles: Tensor) => Tensor;
}

/** Options with everything decided, as a block sees them. */
export interface BlockContext {
  /** Shows a layer's output to the caller who asked for it. */
  readonly seen: (layer: string, output: Tensor) => Tensor;
  readonly of: (layer: string) => LayerContext;
  /** Whether somebody asked for layers' outputs. */
  readonly isWatched: boolean;
}

/** The context of the block of one resolution. */
function blockContext(resolution: number, noise: Noise, options: SynthesisOptions): BlockContext {
  const { onLayer, editStyles } = options;
  const nameOf = (layer: string): string => `b${resolution}.${layer}`;
  return {
    isWatched: onLayer !== undefined,
    seen: (layer, output) => {
      onLayer?.(nameOf(layer), output);
      return output;
    },
    of: (layer) => {
      if (editStyles === undefined) return noise;
      const edit = (styles: Tensor): Tensor => {
        const edited = editStyles(nameOf(layer), styles);
        assertShape("synthesis", `the edited styles of ${nameOf(layer)}`, edited.shape, styles.shape);
        return edited;
      };
      return { ...noise, editStyles: edit };
    },
  };
}

/**
 * The blocks after the one that `from` says, up to `until`.
 *
 * @throws RangeError where there are no such blocks, or the state is not that of `n` samples at its resolution
 */
function blocksToRun<B extends Block>(
  blocks: readonly B[],
  n: number,
  { from, until }: Pick<SynthesisOptions, "from" | "until">,
): readonly B[] {
  const resolutions = blocks.map(({ resolution }) => resolution);
  const check = (name: string, value: number, possible: readonly number[]): void => {
    if (possible.includes(value)) return;
    throw new RangeError(`synthesis: ${name} must be one of ${possible.join(", ") || "none"}, got ${value}`);
  };
  const at = from?.resolution ?? 0;
  if (from !== undefined) {
    check("from.resolution", at, resolutions.slice(0, -1));
    const size = blocks.find(({ resolution }) => resolution === at)?.size ?? [at, at];
    assertShape("synthesis", "from.x", from.x.shape, [n, null, ...size], "N, C, H, W");
    if (from.img !== null) assertShape("synthesis", "from.img", from.img.shape, [n, null, ...size], "N, C, H, W");
  }
  const rest = resolutions.filter((resolution) => resolution > at);
  if (until !== undefined) check("until", until, rest);
  return blocks.filter(({ resolution }) => resolution > at && resolution <= (until ?? Infinity));
}

/** What the first block to run starts from; an alias, whose memory no kernel takes. */
function startOf(from: SynthesisState | undefined): Features {
  if (from === undefined) return { x: null, img: null };
  return { x: reshape(from.x, from.x.shape), img: from.img };
}

/** What goes from block to block. */
export interface Features {
  /** [N, C, H, W]; null before the first block and after the last. */
  readonly x: Tensor | null;
  /** The image so far; null until a block has a toRgb. */
  readonly img: Tensor | null;
}

/** One resolution of a synthesis network. */
export interface Block {
  readonly resolution: number;
  /** Pixels, [height, width], where they are not resolution x resolution. */
  readonly size?: readonly [number, number];
  /** How many w's its convolutions take; its toRgb has the next one, which is also the first of the block that follows. */
  readonly numConv: number;
}

/** All that the options say, by name; null where the caller sees or changes something on the way, or draws what is no kernel's. */
function settingsOf({ noiseMode, random }: Noise, options: SynthesisOptions): string | null {
  const { onLayer, onBlock, from, editStyles, until, lod } = options;
  if (onLayer || onBlock || from || editStyles) return null;
  if (noiseMode === "random" && !(random instanceof NoiseGenerator)) return null;
  return `noise ${noiseMode}, until ${until}, lod ${lod}`;
}

/**
 * Goes through the blocks that the options ask for, with the w's of each: its convolutions' and its toRgb's.
 *
 * @param tensors what the blocks have
 * @param ws [N, numWs, wDim]
 * @returns the image after the last block that runs
 */
export function walkBlocks<B extends Block>(
  tensors: Repeatable,
  blocks: readonly B[],
  ws: Tensor,
  options: SynthesisOptions,
  step: (features: Features, block: B, ws: readonly Tensor[], context: BlockContext) => Features,
): Tensor {
  const { noiseMode = "random", random = new NoiseGenerator(), from, onBlock } = options;
  const noise = { noiseMode, random };
  const running = blocksToRun(blocks, ws.shape[0], options);
  const walk = (ws: Tensor): Tensor => {
    const layerWs = unstack(ws, 1); // numWs of [N, wDim]
    let first = 0;
    for (const block of blocks.slice(0, blocks.indexOf(running[0]))) first += block.numConv;
    const { img } = chain(running, startOf(from), (features, block) => {
      const blockWs = layerWs.slice(first, first + block.numConv + 1);
      first += block.numConv;
      const after = step(features, block, blockWs, blockContext(block.resolution, noise, options));
      if (block !== blocks.at(-1)) onBlock?.({ resolution: block.resolution, x: after.x!, img: after.img });
      return after;
    });
    return img!;
  };
  return repeatable(tensors, settingsOf(noise, options), [ws], walk, noiseMode === "random" ? random : null);
}

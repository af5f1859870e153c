/**
 * Edits: steps along directions in W, in some layers or all, and single channels of StyleSpace (Wu et al. 2021).
 *
 *   w_l <- w_l + sum over edits with layer l of  amount * direction_l
 *   styles_c <- styles_c + amount         in one layer, for one channel c
 *
 * Edits add up: all steps are summed before they are rounded. A channel of a layer's styles is its affine map's, whose
 * bias therefore takes the edit. Tests: tests/networks/edits.test.ts, tests/goldens/directions.test.ts.
 */
import { assertShape } from "../../nn/shape.js";
import { inScope, Tensor } from "../../nn/tensor.js";
import type { AnyGenerator } from "../networks.js";
import { copyGenerator } from "../training/state.js";

export interface LatentEdit {
  /** [wDim], the same for every layer; or [numWs, wDim]. */
  readonly direction: ArrayLike<number>;
  /** Layers to edit, counted from 0; null for all. Default null. */
  readonly layers?: readonly number[] | null;
  readonly amount: number;
}

/** The sum of edits, [numWs, wDim], in float64. */
export function editOffset(edits: readonly LatentEdit[], numWs: number, wDim: number): Float64Array {
  const offset = new Float64Array(numWs * wDim);
  for (const { direction, layers = null, amount } of edits) {
    const own = direction.length === numWs * wDim;
    if (!own && direction.length !== wDim) {
      throw new RangeError(
        `edit: a direction must have ${wDim} numbers, or ${numWs} x ${wDim} with one for each layer, got ${direction.length}`,
      );
    }
    for (const layer of layers ?? Array.from({ length: numWs }, (_, k) => k)) {
      if (!Number.isInteger(layer) || layer < 0 || layer >= numWs) {
        throw new RangeError(`edit: this network has layers 0 to ${numWs - 1}, got ${layer}`);
      }
      const from = own ? layer * wDim : 0;
      for (let k = 0; k < wDim; k++) offset[layer * wDim + k] += amount * direction[from + k];
    }
  }
  return offset;
}

/**
 * @param ws [N, numWs, wDim]
 * @returns the edited w's, [N, numWs, wDim]; `ws` itself when there is nothing to edit
 * @throws RangeError for directions of another size and layers that are not there
 * @example
 * const older = applyEdits(ws, [{ direction: directions[3], layers: [0, 1, 2], amount: 2.5 }]);
 */
export function applyEdits(ws: Tensor, edits: readonly LatentEdit[]): Tensor {
  if (edits.length === 0) return ws;
  const [, numWs, wDim] = ws.shape;
  assertShape("applyEdits", "ws", ws.shape, [null, null, null], "N, numWs, wDim");
  const offset = editOffset(edits, numWs, wDim);
  return inScope(() => {
    const values = ws.toFloat64Array();
    for (let k = 0; k < values.length; k++) values[k] += offset[k % offset.length];
    return Tensor.from(values, ws.shape);
  });
}

export interface StyleEdit {
  /** The layer's name: "b32.conv0", "b64.torgb". */
  readonly layer: string;
  readonly channel: number;
  readonly amount: number;
}

/** The layers that have styles, and how many channels: "b4.conv1" -> 512. StyleGAN (2018) has scales, then shifts. */
export function styleLayers({ parameters }: Pick<AnyGenerator, "parameters">): Map<string, number> {
  const layers = new Map<string, number>();
  for (const [name, { size }] of parameters) {
    const match = /^synthesis\.(.+)\.affine\.bias$/.exec(name);
    if (match !== null) layers.set(match[1], size);
  }
  return layers;
}

/**
 * A copy of a generator with edited styles: every image it makes has them.
 *
 * @throws RangeError for a layer without styles and a channel it does not have
 */
export function editStyles(generator: AnyGenerator, edits: readonly StyleEdit[]): AnyGenerator {
  if (edits.length === 0) return generator;
  const layers = styleLayers(generator);
  const edited = copyGenerator(generator);
  for (const { layer, channel, amount } of edits) {
    const channels = layers.get(layer);
    if (channels === undefined) {
      throw new RangeError(
        `style: this network has no layer ${layer} with styles; it has ${[...layers.keys()].join(", ")}`,
      );
    }
    if (!Number.isInteger(channel) || channel < 0 || channel >= channels) {
      throw new RangeError(`style: ${layer} has channels 0 to ${channels - 1}, got ${channel}`);
    }
    edited.parameters.get(`synthesis.${layer}.affine.bias`)!.update(({ data }) => {
      data[channel] += amount;
    });
  }
  return edited;
}

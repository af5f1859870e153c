/** Transfer learning: a run that starts from a checkpoint has its geometry, and takes its weights. */
import type { AnyDiscriminator, AnyGenerator, Tensor } from "../../index.js";
import { formatShape, sameShape } from "../../nn/index.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig, TrainingState } from "../../stylegan/training/index.js";
import { openCheckpoint } from "../networks.js";
import type { EngineOptions } from "../options.js";
import { type Terminal, UsageError } from "../terminal.js";

/** Options that say something about the geometry. */
export interface SaidOptions {
  readonly wDim?: number;
  readonly mapLayers?: number;
  readonly channelBase?: number;
  readonly channelMax?: number;
}

/** A checkpoint that a run starts from. */
export interface Start {
  readonly path: string;
  readonly generator: AnyGenerator;
  readonly average: AnyGenerator;
  readonly discriminator: AnyDiscriminator | undefined;
}

/** @throws Error when the file has no generator */
export async function openStart(path: string, engine: EngineOptions, terminal: Terminal): Promise<Start> {
  const { g, d, gEma } = await openCheckpoint(path, engine, undefined, terminal);
  const [generator, average] = [g ?? gEma, gEma ?? g];
  if (generator === undefined || average === undefined) throw new Error(`${path} holds no generator to start from`);
  if (generator.imgHeight !== generator.imgWidth) {
    const size = `${generator.imgHeight}x${generator.imgWidth}`;
    throw new UsageError(`${path} makes images of ${size} pixels; training takes square ones`);
  }
  return { path, generator, average, discriminator: d };
}

/** Whether the widths of a checkpoint's feature maps are kept. */
const keepsWidths = ({ channelBase, channelMax }: SaidOptions): boolean =>
  channelBase === undefined && channelMax === undefined;

/** Feature maps: the checkpoint's at the resolutions that it has. */
function startChannels(
  preset: readonly (readonly [number, number])[],
  start: readonly (readonly [number, number])[],
  options: SaidOptions,
): (readonly [number, number])[] {
  const known = new Map(keepsWidths(options) ? start : []);
  return preset.map(([resolution, width]) => [resolution, known.get(resolution) ?? width]);
}

/**
 * A run that starts from a checkpoint has its geometry, activations, clamp and learning-rate multiplier, unless options
 * say otherwise; what depends on the images is as the images are.
 */
export function startGenerator(
  preset: AnyGeneratorConfig,
  start: Start | null,
  options: SaidOptions,
): AnyGeneratorConfig {
  const from = start?.generator.config;
  if (from === undefined || from.kind !== preset.kind) return preset;
  const { imgResolution, imgChannels, zDim, cDim, wDim } = preset;
  const own = { zDim, cDim, wDim, numWs: preset.mapping.numWs };
  const layersAreSaid = options.mapLayers !== undefined || options.wDim !== undefined;
  const layerFeatures = (layersAreSaid ? preset : from).mapping.layerFeatures;
  const embedFeatures = (cDim === from.cDim && !layersAreSaid ? from : preset).mapping.embedFeatures;
  const channels = startChannels(preset.synthesis.channels, from.synthesis.channels, options);
  return {
    ...from,
    ...{ zDim, cDim, wDim, imgResolution, imgChannels },
    mapping: { ...from.mapping, ...own, layerFeatures, embedFeatures },
    synthesis: { ...from.synthesis, wDim, imgResolution, imgChannels, channels },
  } as AnyGeneratorConfig;
}

export function startDiscriminator(
  preset: AnyDiscriminatorConfig,
  start: Start | null,
  options: SaidOptions,
): AnyDiscriminatorConfig {
  const from = start?.discriminator?.config;
  if (from === undefined || from.kind !== preset.kind) return preset;
  const { imgResolution, imgChannels, cDim } = preset;
  const channels = startChannels(preset.channels, from.channels, options);
  const labels =
    from.kind === "stylegan2-discriminator" && preset.kind === "stylegan2-discriminator" && cDim !== from.cDim
      ? { conditioning: preset.conditioning, cmapDim: preset.cmapDim, mapping: preset.mapping }
      : {};
  return { ...from, ...labels, imgResolution, imgChannels, cDim, channels } as AnyDiscriminatorConfig;
}

/**
 * Starts from the weights of a checkpoint: tensors of the same name. A run at twice the resolution, for example, takes
 * over all the layers of the smaller network. What the file lacks stays as it was initialised.
 *
 * @returns how many tensors of generator and discriminator were found in the file, the names of those that were not, and
 *   of those in the file that the run has no place for
 * @throws Error when a tensor has another shape
 */
export function takeWeights(
  state: TrainingState,
  { path, generator, average, discriminator }: Start,
): { readonly taken: number; readonly missing: string[]; readonly unused: string[] } {
  const g = copyWeights(state.generator, generator, path);
  copyWeights(state.average, average, path);
  const d = copyWeights(state.discriminator, discriminator, path);
  const both = (of: "missing" | "unused"): string[] => [
    ...g[of].map((name) => `g.${name}`),
    ...d[of].map((name) => `d.${name}`),
  ];
  return { taken: g.taken + d.taken, missing: both("missing"), unused: both("unused") };
}

function copyWeights(
  target: AnyGenerator | AnyDiscriminator,
  source: AnyGenerator | AnyDiscriminator | undefined,
  path: string,
) {
  const stored: ReadonlyMap<string, Tensor> = new Map([...(source?.parameters ?? []), ...(source?.buffers ?? [])]);
  const missing: string[] = [];
  let taken = 0;
  for (const [name, tensor] of [...target.parameters, ...target.buffers]) {
    const other = stored.get(name);
    if (other === undefined) {
      missing.push(name);
      continue;
    }
    if (!sameShape(other.shape, tensor.shape)) {
      throw new Error(
        `${path}: ${name} is ${formatShape(other.shape)}, this run needs ${formatShape(tensor.shape)}; ` +
          "choose --cfg and the options of the networks as the checkpoint has them",
      );
    }
    tensor.update(({ data }) => data.set(other.internals.numbers));
    taken++;
  }
  const unused = [...stored.keys()].filter((name) => !target.parameters.has(name) && !target.buffers.has(name));
  return { taken, missing, unused };
}

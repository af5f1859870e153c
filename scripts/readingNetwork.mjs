/**
 * The networks that the pictures of docs/reading.md look into: the bundled model when models/ has one, else a small
 * StyleGAN2 before its training.
 */
import { bundledModel } from "../dist/cli/networks.js";
import { init, loadCheckpoint, noGrad, RandomState, scope, seedsToZ } from "../dist/index.js";
import { concat, initialContents, scale, slice } from "../dist/nn/index.js";
import { makeGenerator } from "../dist/stylegan/networks.js";
import { networkPreset } from "../dist/stylegan/presets.js";
import { trackWAvg } from "../dist/stylegan/regularizers.js";
import { createNetworks, networkGeometry } from "../dist/stylegan/trainingConfig.js";
import { statistics } from "./dropletMaps.mjs";

export function seedsFrom(first, count) {
  return Array.from({ length: count }, (_, k) => first + k);
}

export const run = (body) => scope(() => noGrad(body));

export const model = bundledModel();
await init({ kernels: model === null ? "reference" : "auto" });

/** StyleGAN2 as it is before training, with an average w, and some noise so that there is something to see. */
function untrained() {
  const size = { resolution: 32, zDim: 64, wDim: 64, mappingLayers: 4, channelBase: 512, channelMax: 32 };
  const { generator, discriminator } = createNetworks(networkGeometry(size), 5);
  for (const [name, parameter] of generator.parameters) {
    if (name.endsWith("noise_strength")) parameter.update(({ data }) => data.fill(0.06));
  }
  run(() => trackWAvg(generator.mapping.wAvg, generator.mapping.forward(seedsToZ(seedsFrom(1000, 500), 64), null), 0));
  return { gEma: generator, d: discriminator };
}

export function untrainedGrowing() {
  const size = { resolution: 32, zDim: 64, wDim: 64, channelBase: 512, channelMax: 32 };
  return makeGenerator(networkPreset("stylegan1", size).generator, initialContents(new RandomState(2)));
}

const bundled = model === null ? null : await loadCheckpoint(model);
/** The bundled model has to be a StyleGAN2 without labels, for the pictures look into it. */
export const isTrained = bundled?.gEma?.config.kind === "stylegan2-generator" && bundled.gEma.cDim === 0;
const fallback = untrained();
export const G = isTrained ? bundled.gEma : fallback.gEma;
/** A generator with a discriminator that knows it; the bundled file may have none. */
export const judged = isTrained && bundled.d !== undefined ? bundled : fallback;
/** The same noise in every image. */
export const ALWAYS = { noiseMode: "const" };
export const PSI = isTrained ? 0.7 : 1;
export const SEEDS = seedsFrom(1, 7);

export const latents = (seeds, psi = PSI) => G.mapping.forward(seedsToZ(seeds, G.zDim), null, { truncationPsi: psi });
/** ws [N, L, wDim] -> images [N, C, H, W], one by one, to need little memory. */
export const synthesize = (ws, options = ALWAYS) =>
  concat(
    Array.from({ length: ws.shape[0] }, (_, k) => G.synthesis.forward(slice(ws, 0, k, k + 1), options)),
    0,
  );
/** Before training, images are stronger than [-1, 1] can show: all are made weaker by one factor. */
export const fitting = (images) => scale(images, 0.5 / statistics(images.toFloat64Array()).deviation);
export const factor = isTrained
  ? 1
  : run(() => 0.5 / statistics(synthesize(latents(SEEDS)).toFloat64Array()).deviation);
export const each = (ws) => scale(synthesize(ws), factor);

/**
 * The networks that the pictures of docs/reading.md look into: the bundled model, and what it does not have, before its
 * training.
 */
import { bundledModel } from "../../../dist/cli/networks.js";
import { loadCheckpoint, noGrad, RandomState, scope, seedsToZ } from "../../../dist/index.js";
import { concat, initialContents, scale, slice } from "../../../dist/nn/index.js";
import { Generator } from "../../../dist/stylegan/generator.js";
import { createNetworks, networkGeometry } from "../../../dist/stylegan/geometry.js";
import { networkPreset } from "../../../dist/stylegan/training/presets.js";
import { statistics } from "../dropletMaps.mjs";

export function seedsFrom(first, count) {
  return Array.from({ length: count }, (_, k) => first + k);
}

export const run = (body) => scope(() => noGrad(body));

export const model = bundledModel();
if (model === null) throw new Error("models/ holds no model to look into");
export const { gEma: G } = await loadCheckpoint(model);
if (G.config.kind !== "stylegan2-generator" || G.cDim !== 0) {
  throw new Error(`${model}: the pictures look into a StyleGAN2 without labels, got ${G.config.kind}`);
}

const small = { zDim: 64, wDim: 64, channelBase: 512, channelMax: 32 };

export function untrainedGrowing() {
  const size = { resolution: 32, ...small };
  return new Generator(networkPreset("stylegan1", size).generator, initialContents(new RandomState(2)));
}

/** A discriminator for the images of G. */
export function untrainedDiscriminator() {
  return createNetworks(networkGeometry({ resolution: G.imgResolution, ...small }), 5).discriminator;
}

/** The same noise in every image. */
export const ALWAYS = { noiseMode: "const" };
export const PSI = 0.7;
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

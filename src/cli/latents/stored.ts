/** w's of seeds and of files, as the commands take them. */
import { type AnyGenerator, noGrad, RandomState, scope, Tensor } from "../../index.js";
import { noiseLayers, noiseMap, readLatents, type StoredLatents } from "../../stylegan/latents/index.js";
import { readAs } from "../files.js";
import { MAX_SEED } from "../seeds.js";
import { UsageError } from "../terminal.js";

/** The w's of a file for this network, with the noise stored beside them. */
export function openLatents(path: string, generator: AnyGenerator): StoredLatents {
  return readAs(path, (bytes) => readLatents(bytes, generator));
}

/** The w's of a seed before truncation, [1, numWs, wDim]; runs inside a scope. */
export function wsOfSeed(generator: AnyGenerator, seed: number, c: Tensor | null): Tensor {
  const z = Tensor.from(new RandomState(seed).randn(generator.zDim), [1, generator.zDim]);
  return generator.mapping.forward(z, c);
}

/** Where a projection starts: the mean, the w of a seed, or a file's, the latter two with the network's own noise or the file's. */
export function openStart(
  text: string,
  generator: AnyGenerator,
  c: Tensor | null,
): { readonly start: Float64Array | null; readonly startNoise: ReadonlyMap<string, Float64Array> | null } {
  if (text === "mean") return { start: null, startNoise: null };
  const start = wOfSeedOrFile(text, generator, c, "--init").toFloat64Array();
  const own = noiseLayers(generator).map((layer) => [layer, noiseMap(generator, layer).toFloat64Array()] as const);
  const stored = /^\d+$/.test(text) ? new Map<string, Float64Array>() : openLatents(text, generator).noise;
  return { start, startNoise: new Map([...own, ...stored]) };
}

/** One w [numWs, wDim] out of a seed or a file: `303`, or `projected_w.npz`. */
export function wOfSeedOrFile(text: string, generator: AnyGenerator, c: Tensor | null, option: string): Tensor {
  const { numWs, wDim } = generator;
  if (/^\d+$/.test(text)) {
    const seed = Number(text);
    if (seed > MAX_SEED) throw new UsageError(`${option}: seeds go up to ${MAX_SEED}, got ${text}`);
    return noGrad(() => scope(() => Tensor.from(wsOfSeed(generator, seed, c).toFloat64Array(), [numWs, wDim])));
  }
  const { count, ws } = openLatents(text, generator);
  if (count !== 1) throw new UsageError(`${option}: ${text} holds ${count} w's, expected one`);
  return Tensor.from(ws, [numWs, wDim]);
}

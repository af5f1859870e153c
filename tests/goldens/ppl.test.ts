/** Perceptual path lengths against goldens (fixtures/ppl), with the VGG16 and LPIPS of fixtures/vgg. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadCheckpoint } from "../../src/index.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { Lpips } from "../../src/stylegan/evaluation/lpips.js";
import { perceptualPathLength } from "../../src/stylegan/evaluation/metrics.js";
import { type PathOptions, pathDistances } from "../../src/stylegan/evaluation/ppl.js";
import type { AnyGenerator } from "../../src/stylegan/networks.js";
import { goldensOf, readGolden } from "../support/goldens.js";
import { seededWeights } from "../support/seededWeights.js";

const checkpoints = new URL("../fixtures/checkpoints", import.meta.url).pathname;
const files = goldensOf("ppl").map((file) => ({ ...file, golden: readGolden(file.path) }));
let lpips: Lpips;

beforeAll(async () => {
  setKernels(await createKernels());
  const weights = seededWeights(readGolden(goldensOf("lpips")[0].path));
  lpips = new Lpips(weights, weights);
}, 60_000);

interface Seeds {
  readonly noise: Readonly<Record<string, number>>;
}

describe.each(files)("goldens of $name", ({ golden }) => {
  const { checkpoint, epsilon: epsilonText } = golden.metadata;
  const epsilon = Number(epsilonText);
  const means = JSON.parse(golden.metadata.mean) as Readonly<Record<string, number>>;
  const cases: Readonly<Record<string, Pick<PathOptions, "space" | "crop"> & { readonly full?: boolean }>> = {
    wend: {},
    wfull: { full: true },
    zend: { space: "z" },
    zfull: { space: "z", full: true },
    wend_crop: { crop: true },
    wend_noise: {},
  };
  let generator: AnyGenerator;

  beforeAll(async () => {
    const { gEma } = await loadCheckpoint(join(checkpoints, `${checkpoint}.pkl`), { networks: ["gEma"] });
    generator = gEma!;
  });

  test("every case of the golden is among those below", () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(means).sort());
  });

  test.each(Object.entries(cases))("%s", (name, { full = false, ...options }) => {
    if (name.endsWith("_noise")) {
      for (const [map, seed] of Object.entries((JSON.parse(golden.metadata.seeds) as Seeds).noise)) {
        const buffer = generator.buffers.get(map)!;
        buffer.update(({ data }) => data.set(new RandomState(seed).randn(buffer.size)));
      }
    }
    const shape = golden.shape("z0");
    const t = full ? golden.data("t") : new Float64Array(shape[0]);
    const distances = scope(() => {
      const [z0, z1] = ["z0", "z1"].map((latents) => Tensor.from(golden.data(latents), shape));
      return pathDistances(generator, lpips, { z0, z1, t, epsilon, ...options });
    });
    const expected = golden.data(`${name}/distances`);
    let total = 0;
    for (const [k, distance] of distances.entries()) {
      const length = distance / epsilon ** 2;
      expect(Math.abs(length - expected[k]), `pair ${k}`).toBeLessThan(5e-2 * expected[k]);
      total += length / distances.length;
    }
    expect(Math.abs(total - means[name])).toBeLessThan(2e-2 * means[name]);
  });

  interface Filtered {
    readonly count: number;
    readonly seed: number;
    readonly ppl: number;
  }
  const filters = JSON.parse(golden.metadata.filter) as readonly Filtered[];
  test.each(filters)("of $count distances the outermost hundredths are left out", ({ count, seed, ppl }) => {
    const random = new RandomState(seed);
    const distances = Float64Array.from({ length: count }, () => random.uniform() ** 2 * 300);
    expect(perceptualPathLength(distances, { epsilon: 1 })).toBeCloseTo(ppl, 9);
  });

  test("noise of a seed is the same at both ends of a step, and another with another seed", () => {
    const [n, dims] = [2, golden.shape("z0")[1]];
    const random = new RandomState(1);
    const [first, second] = [random.randn(n * dims), random.randn(n * dims)];
    const lengths = (noiseSeed: number): Float64Array =>
      scope(() => {
        const [z0, z1] = [first, second].map((z) => Tensor.from(z, [n, dims]));
        return pathDistances(generator, lpips, { z0, z1, t: [0.2, 0.5], epsilon, noiseSeed });
      });
    const [once, again, other] = [lengths(3), lengths(3), lengths(4)];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    // Were the maps others at the far end, the distance would not shrink with the step.
    for (const distance of once) expect(distance / epsilon ** 2).toBeLessThan(100);
  });
});

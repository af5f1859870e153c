/** The projector's terms, schedules and eight of its steps against float64 (fixtures/projection). */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/index.js";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { Lpips } from "../../src/stylegan/evaluation/lpips.js";
import { correlationGradient, noiseCorrelation, standardize } from "../../src/stylegan/latents/projection/noiseTerm.js";
import { areaAverage, lpipsPerception } from "../../src/stylegan/latents/projection/perception.js";
import {
  learningRateAt,
  Projector,
  wNoiseFactorAt,
  wStatistics,
} from "../../src/stylegan/latents/projection/projector.js";
import { buildGenerator } from "../../src/stylegan/networks.js";
import { checkpointNamed, compare, goldensOf, readGolden } from "../support/goldens.js";
import { seededWeights } from "../support/seededWeights.js";

const RATES = { learningRate: 0.1, rampupLength: 0.05, rampdownLength: 0.25 };
const RAMP = { initialNoiseFactor: 0.05, noiseRampLength: 0.75 };

function open(name: string) {
  return buildGenerator(
    readCheckpoint(readFileSync(checkpointNamed(name).path), { networks: ["gEma"] }).networks.gEma!,
  );
}

beforeAll(() => init({ threads: 2 }));

describe.each(goldensOf("projection"))("$name", ({ path }) => {
  const golden = readGolden(path);
  const json = <T>(name: string): T => JSON.parse(golden.metadata[name]) as T;
  const near = (actual: ArrayLike<number>, name: string, bound: number): void => {
    const { difference, largest } = compare(actual, golden.data(name));
    expect(difference / largest, name).toBeLessThan(bound);
  };

  test.each(golden.names.filter((name) => /^noise\/.*\/map$/.test(name)))("the noise term: %s", (name) => {
    const base = name.replace("/map", "");
    const { value, gradient } = scope(() => {
      const map = variable(Tensor.from(golden.data(name), golden.shape(name)));
      const value = noiseCorrelation(map);
      return { value: value.toArray(), gradient: grad([value], [map])[0].toArray() };
    });
    near(value, `${base}/value`, 1e-5);
    near(gradient, `${base}/grad`, 1e-5);
    const closed = correlationGradient(golden.data(name), golden.shape(name)[0], golden.shape(name)[1]);
    near([closed.value], `${base}/value`, 1e-12);
    near(closed.gradient, `${base}/grad`, 1e-12);
    if (!golden.has(`${base}/normalised`)) return;
    const map = golden.data(name);
    standardize(map);
    near(map, `${base}/normalised`, 1e-12);
  });

  test("schedules", () => {
    for (const name of golden.names.filter((key) => /^schedule\/\d+\/steps$/.test(key))) {
      const total = Number(name.split("/")[1]);
      const t = Array.from(golden.data(name), (step) => step / total);
      near(
        t.map((at) => learningRateAt(at, RATES)),
        `schedule/${total}/learning_rate`,
        1e-12,
      );
      near(
        t.map((at) => wNoiseFactorAt(at, RAMP)),
        `schedule/${total}/w_noise_factor`,
        1e-12,
      );
    }
  });

  test("statistics of w", () => {
    const { checkpoint, samples } = json<{ checkpoint: string; samples: number }>("wstats");
    const { mean, deviation } = wStatistics(open(checkpoint), null, samples);
    near(mean, "wstats/w_avg", 1e-5);
    near([deviation], "wstats/w_std", 1e-5);
  });

  test.each(json<{ channels: number; resolution: number; seed: number }[]>("area"))(
    "area average of $resolution pixels",
    ({ channels, resolution, seed }) => {
      const x = Float32Array.from(new RandomState(seed).randn(channels * resolution * resolution));
      const shape = [1, channels, resolution, resolution];
      const y = scope(() => areaAverage(Tensor.from(x, shape), resolution / 256).toArray());
      const crop = (from: number): number[] =>
        Array.from({ length: channels * 36 }, (_, k) => {
          const [channel, row, column] = [Math.floor(k / 36), Math.floor(k / 6) % 6, k % 6];
          return y[(channel * 256 + from + row) * 256 + from + column];
        });
      near(crop(0), `area/${resolution}/corner`, 1e-5);
      near(crop(250), `area/${resolution}/end`, 1e-5);
    },
  );

  test("eight steps with LPIPS: loss, noise term, gradients' effect on w and maps, and the image", () => {
    const setting = json<{
      checkpoint: string;
      steps: number;
      noise_seeds: Record<string, number>;
      w_noise_seeds: number[];
      vgg_base_seed: number;
      noise_weight: number;
    }>("steps");
    const generator = open(setting.checkpoint);
    const target = golden.data("steps/target");
    const [height, width, channels] = golden.shape("steps/target");
    const plane = height * width;
    const values = Float32Array.from(
      { length: target.length },
      (_, k) => target[(k % plane) * channels + Math.floor(k / plane)] / 127.5 - 1,
    );
    const weights = seededWeights(readGolden(goldensOf("lpips")[0].path));
    const startNoise = new Map(
      Object.entries(setting.noise_seeds).map(([name, seed]) => {
        const layer = name.replace("synthesis.", "").replace(".noise_const", "");
        return [layer, new RandomState(seed).randn(generator.buffers.get(name)!.size)];
      }),
    );
    const projector = new Projector(generator, Tensor.from(values, [1, channels, height, width]), {
      steps: setting.steps,
      features: lpipsPerception(new Lpips(weights, weights)),
      startNoise,
      noiseWeight: setting.noise_weight,
      perturbation: (step, count) => new RandomState(setting.w_noise_seeds[step]).randn(count),
    });
    const reports = [];
    const ws: number[] = [];
    for (let step = 0; step < setting.steps; step++) {
      reports.push(projector.step());
      ws.push(...projector.w.toFloat64Array());
    }
    near(
      reports.map(({ distance }) => distance),
      "steps/dist",
      1e-4,
    );
    near(
      reports.map(({ correlation }) => correlation),
      "steps/reg",
      1e-4,
    );
    near(
      reports.map(({ loss }) => loss),
      "steps/loss",
      1e-4,
    );
    near(ws, "steps/w", 1e-4);
    for (const [layer, map] of projector.noise()) near(map, `steps/final/synthesis.${layer}.noise_const`, 1e-4);
    near(projector.image().toArray(), "steps/final_image", 1e-4);
  });
});

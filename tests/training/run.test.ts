/** A run from its definition: one seed decides it, its phases can be made one at a time, and growing runs follow their schedule. */
import { beforeAll, describe, expect, test } from "vitest";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { RandomState } from "../../src/nn/random.js";
import { scope } from "../../src/nn/tensor.js";
import { ImageDataset } from "../../src/stylegan/training/dataset.js";
import { networkPreset } from "../../src/stylegan/training/presets.js";
import { buildRun, momentOf, type Run, runStep } from "../../src/stylegan/training/run.js";
import { type Phase, trainingStep } from "../../src/stylegan/training/step.js";

beforeAll(async () => setKernels(await createKernels({ threads: 1 })));

const SIDE = 8;

function dataset(): ImageDataset {
  const random = new RandomState(1);
  const files = Array.from({ length: 16 }, (_, k) => {
    const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.randint(0, 256));
    const bytes = encodePixels({ width: SIDE, height: SIDE, channels: 3, data });
    return { name: `${k}.png`, read: () => bytes };
  });
  return new ImageDataset(files);
}

function run(seed: number, preset: "auto" | "config-d" = "auto"): Run {
  const size = { resolution: SIDE, zDim: 8, wDim: 8, channelBase: 64, channelMax: 8, batch: 4 };
  return buildRun({ ...networkPreset(preset, size), seed }, dataset());
}

const numbers = (parameters: ReadonlyMap<string, { toArray(): Float32Array }>): number[] =>
  [...parameters.values()].flatMap((tensor) => [...tensor.toArray()]);

describe("a run", () => {
  test("the seed decides every number", () => {
    const losses = [1, 1, 2].map((seed) => {
      const one = run(seed);
      return [0, 1, 2].map(() => runStep(one, momentOf(one, one.state.progress.images)).losses);
    });
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[2]).not.toEqual(losses[0]);
    expect(Object.keys(losses[0][0])).toEqual(["Gmain", "Greg", "Dmain", "Dreg"]);
    expect(Object.keys(losses[0][1])).toEqual(["Gmain", "Dmain"]);
  });

  test("networks that grow take the lod of the moment", () => {
    const one = run(3, "config-d");
    const moment = momentOf(one, 0);
    runStep(one, moment);
    expect(moment.moment).not.toBeNull();
    const { generator, average, discriminator } = one.state;
    expect(generator.buffers.get("synthesis.lod")!.item()).toBe(moment.moment!.lod);
    expect(average.buffers.get("synthesis.lod")!.item()).toBe(moment.moment!.lod);
    expect(discriminator.buffers.get("lod")!.item()).toBe(moment.moment!.lod);
  });

  test("where the layers in training change, Adam begins anew: no steps, no moments", () => {
    const one = run(3, "config-d");
    const begin = momentOf(one, 0);
    const at = (lod: number) => ({ ...begin, moment: { ...begin.moment!, lod } });
    const steps = (lod: number): readonly number[] => {
      runStep(one, at(lod));
      const { generatorOptimizer, discriminatorOptimizer } = one.state;
      return [generatorOptimizer.steps, discriminatorOptimizer.steps];
    };
    // Greg is due in the first step: two updates of G, and Dreg one more of D.
    const fresh = run(3, "config-d");
    runStep(fresh, at(0));
    expect([fresh.state.generatorOptimizer.steps, fresh.state.discriminatorOptimizer.steps]).toEqual([2, 2]);
    expect(steps(0)).toEqual([2, 2]);
    expect(steps(0)).toEqual([3, 3]);
    expect(steps(0.5)).toEqual([1, 1]);
    expect(steps(0.25)).toEqual([2, 2]);
  });

  test.each<[Phase, "generator" | "discriminator"]>([
    ["Gmain", "generator"],
    ["Greg", "generator"],
    ["Dmain", "discriminator"],
    ["Dreg", "discriminator"],
  ])("%s alone changes the %s alone, and the step does not count", (phase, network) => {
    const { state, samplerFor, order, dataset: data } = run(5);
    const other = network === "generator" ? "discriminator" : "generator";
    // A second step: no penalty is due, but it is asked for.
    state.progress.steps = 1;
    const before = { [network]: numbers(state[network].parameters), [other]: numbers(state[other].parameters) };
    const average = numbers(state.average.parameters);
    const report = scope(() => {
      const inputs = {
        ...samplerFor(4).draw(state, (due) => due === phase),
        real: data.images(order.next(4)),
        realC: null,
      };
      return trainingStep(state, inputs, { only: [phase] });
    });
    expect(Object.keys(report.losses)).toEqual([phase]);
    expect(numbers(state[network].parameters)).not.toEqual(before[network]);
    expect(numbers(state[other].parameters)).toEqual(before[other]);
    expect(numbers(state.average.parameters)).toEqual(average);
    expect(state.progress).toMatchObject({ steps: 1, images: 0 });
  });
});

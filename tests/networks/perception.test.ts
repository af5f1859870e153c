/** Distances between images as laws, and their gradients against differences. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { noGrad, variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import {
  discriminatorPerception,
  type Perception,
  pixelPerception,
  pyramidPerception,
  squaredDistance,
} from "../../src/stylegan/latents/projection/perception.js";
import { PivotalTuner } from "../../src/stylegan/latents/projection/pivotalTuning.js";
import { Projector } from "../../src/stylegan/latents/projection/projector.js";
import { setTrainable } from "../../src/stylegan/networks.js";

const R = 16;
let perceptions: Perception[];
let networks: ReturnType<typeof createNetworks>;
const image = (seed: number): Float64Array => new RandomState(seed).randn(3 * R * R).map((value) => value / 3);
const tensor = (data: Float64Array): Tensor => Tensor.from(data, [1, 3, R, R]);
const distance = ({ features, between }: Perception, a: Float64Array, b: Float64Array): number =>
  noGrad(() => scope(() => between(features(tensor(a)), features(tensor(b))).item()));

beforeAll(() => {
  setKernels(createReferenceKernels("float64"));
  networks = createNetworks(networkGeometry({ resolution: R, zDim: 4, wDim: 4, mappingLayers: 1, channelMax: 6 }), 2);
  setTrainable(networks.discriminator, false);
  setTrainable(networks.generator, false);
  perceptions = [
    pixelPerception(),
    pyramidPerception(),
    discriminatorPerception(networks.discriminator),
    squaredDistance("sums", (x) => x),
  ];
});

describe("distances", () => {
  test("are 0 from an image to itself, positive to another, symmetric", () => {
    for (const perception of perceptions) {
      expect(distance(perception, image(1), image(1)), perception.name).toBe(0);
      expect(distance(perception, image(1), image(2)), perception.name).toBeGreaterThan(0);
      expect(distance(perception, image(1), image(2))).toBeCloseTo(distance(perception, image(2), image(1)), 12);
    }
  });

  test("a constant shift by s is s^2 in pixels, and that at each of 16, 8 and 4 pixels in a pyramid", () => {
    const shifted = image(1).map((value) => value + 0.5);
    const [pixels, pyramid] = perceptions;
    expect(distance(pixels, image(1), shifted)).toBeCloseTo(0.25, 12);
    expect(distance(pyramid, image(1), shifted)).toBeCloseTo(0.75, 12);
  });

  test("of a discriminator: one set of features a block, and gradients that differences confirm", () => {
    const perception = perceptions[2];
    const maps = noGrad(() => scope(() => perception.features(tensor(image(1)))));
    expect(maps.map(({ shape }) => shape[2])).toEqual([8, 4]);
    for (const each of perceptions) {
      const gradient = scope(() => {
        const target = noGrad(() => each.features(tensor(image(2))));
        const x = variable(tensor(image(1)));
        return grad([each.between(each.features(x), target)], [x])[0].toFloat64Array();
      });
      for (const k of [0, 100, 500]) {
        const at = (step: number): number => {
          const moved = image(1);
          moved[k] += step;
          return distance(each, moved, image(2));
        };
        expect((at(1e-6) - at(-1e-6)) / 2e-6, each.name).toBeCloseTo(gradient[k], 6);
      }
    }
  });
});

describe("projection with them", () => {
  const target = () =>
    noGrad(() =>
      scope(() =>
        networks.generator.forward(Tensor.from(new RandomState(9).randn(4), [1, 4]), null, { noiseMode: "const" }),
      ),
    );

  test("a state taken in the middle goes on bit for bit, in W and in W+", () => {
    for (const space of ["w", "w+"] as const) {
      const make = () => new Projector(networks.generator, target(), { steps: 12, wAvgSamples: 50, space });
      const [whole, first] = [make(), make()];
      for (let k = 0; k < 12; k++) whole.step();
      for (let k = 0; k < 5; k++) first.step();
      const second = make();
      second.restore(first.state());
      while (second.stepsDone < 12) second.step();
      expect([...second.w.toFloat64Array()]).toEqual([...whole.w.toFloat64Array()]);
      expect(second.noise()).toEqual(whole.noise());
    }
    expect(() =>
      new Projector(networks.generator, target(), { wAvgSamples: 50 }).restore({
        ...new Projector(networks.generator, target(), { wAvgSamples: 50, space: "w+" }).state(),
      }),
    ).toThrow("expected 4");
  });

  test("in W+ all layers move together, as in W, for the first half of the steps; then they part", () => {
    const make = (space: "w" | "w+") =>
      new Projector(networks.generator, target(), { steps: 12, wAvgSamples: 50, space });
    const [one, each] = [make("w"), make("w+")];
    for (let k = 0; k < 6; k++) {
      one.step();
      each.step();
      const [w, ws] = [one.w.toFloat64Array(), each.w.toFloat64Array()];
      for (const [index, value] of ws.entries()) expect(value).toBeCloseTo(w[index % 4], 9);
    }
    each.step();
    const ws = each.w.toFloat64Array();
    expect(ws.subarray(0, 4)).not.toEqual(ws.subarray(4, 8));
  });

  test("what the mask leaves out does not count", () => {
    const mask = new Float64Array(R * R);
    mask.fill(1, 0, (R * R) / 2);
    const changed = tensor(
      target()
        .toFloat64Array()
        .map((value, k) => (k % (R * R) < (R * R) / 2 ? value : 5)),
    );
    const run = (image: Tensor): number[] => {
      const projector = new Projector(networks.generator, image, { steps: 4, wAvgSamples: 50, mask });
      for (let k = 0; k < 4; k++) projector.step();
      return [...projector.w.toFloat64Array()];
    };
    expect(run(changed)).toEqual(run(target()));
  });

  test("pivotal tuning nears the target, and leaves the generator it was given alone", () => {
    const { generator } = networks;
    const before = generator.parameters.get("synthesis.b16.conv1.weight")!.toFloat64Array();
    const ws = Tensor.from(new RandomState(3).randn(generator.numWs * 4), [1, generator.numWs, 4]);
    const tuner = new PivotalTuner(generator, ws, target(), { perception: pyramidPerception(), learningRate: 0.01 });
    const first = tuner.step();
    let last = first;
    while (tuner.stepsDone < 40) last = tuner.step();
    expect(last).toBeLessThan(first / 3);
    expect(generator.parameters.get("synthesis.b16.conv1.weight")!.toFloat64Array()).toEqual(before);
  });
});

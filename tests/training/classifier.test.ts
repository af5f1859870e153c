/** The small classifier whose features a run can be measured by. */
import { beforeAll, describe, expect, test } from "vitest";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { init } from "../../src/index.js";
import { grad } from "../../src/nn/autograd/grad.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { Adam } from "../../src/nn/optim.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import {
  Classifier,
  crossEntropy,
  decodeClassifier,
  encodeClassifier,
} from "../../src/stylegan/evaluation/classifier.js";

beforeAll(() => init({ threads: 1 }));

describe("the classifier", () => {
  const config = { imgResolution: 8, imgChannels: 3, groups: [2, 3], width: 4, featureDims: 8 };
  const images = () => Tensor.from(new RandomState(4).randn(6 * 3 * 64), [6, 3, 8, 8]);

  test("written and read, it sees the same", () => {
    const classifier = new Classifier(config, initialContents(new RandomState(1)));
    const read = decodeClassifier(encodeClassifier(classifier));
    expect(read.config).toEqual(config);
    const x = images();
    expect(scope(() => read.features(x).toArray())).toEqual(scope(() => classifier.features(x).toArray()));
    expect(scope(() => read.forward(x).map(({ shape }) => shape))).toEqual([
      [6, 2],
      [6, 3],
    ]);
    expect(() => decodeClassifier(writeZip(new Map()))).toThrow(/safetensors/);
  });

  test("cross entropy: log of the number of classes for equal logits, unmoved by a shift, and by hand", () => {
    const loss = (values: readonly number[], labels: readonly number[]) =>
      scope(() => crossEntropy(Tensor.from(values, [labels.length, values.length / labels.length]), labels).item());
    expect(loss([5, 5, 5, 5, 5, 5], [0, 2])).toBeCloseTo(Math.log(3), 6);
    const byHand = -Math.log(Math.exp(1) / (Math.exp(1) + Math.exp(2) + Math.exp(4)));
    expect(loss([1, 2, 4], [0])).toBeCloseTo(byHand, 5);
    expect(loss([1001, 1002, 1004], [0])).toBeCloseTo(byHand, 4);
  });

  test("learns six images by heart", () => {
    const classifier = new Classifier(config, initialContents(new RandomState(1)));
    const optimizer = new Adam(classifier.parameters, { learningRate: 0.01 });
    const x = images();
    const labels = [
      [0, 1, 0, 1, 0, 1],
      [2, 1, 0, 2, 1, 0],
    ];
    let loss = Number.POSITIVE_INFINITY;
    for (let step = 0; step < 60; step++) {
      scope(() => {
        const [first, second] = classifier.forward(x);
        const losses = [crossEntropy(first, labels[0]), crossEntropy(second, labels[1])];
        loss = losses[0].item() + losses[1].item();
        optimizer.step(grad(losses, [...classifier.parameters.values()]));
      });
    }
    expect(loss).toBeLessThan(0.1);
  });
});

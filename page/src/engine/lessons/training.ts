/** Lessons about training: R1, lazy regularisation, path length, minibatch deviation, augmentation. */
import {
  augment,
  augmentPipelines,
  Discriminator,
  drawAugmentation,
  grad,
  initialContents,
  lazyRegularization,
  MinibatchStdLayer,
  networkPreset,
  noGrad,
  pathLengthPenalty,
  RandomState,
  r1Penalty,
  scope,
  Tensor,
  variable,
} from "../library.js";
import { greyPicture } from "../pictures.js";
import type { FloatImage } from "../render.js";
import { copyFrom, deviationOf, imagesOf, type Lesson, normals, parted, range, seedWs, show, stack } from "./tools.js";

export const r1: Lesson = ({ seed, network, gamma }, { model }) => {
  const size = { resolution: 64, zDim: 32, wDim: 32, channelBase: 1024, channelMax: 32, batch: 4 };
  const discriminator = new Discriminator(
    networkPreset("auto", size).discriminator,
    initialContents(new RandomState(network)),
  );
  const images = imagesOf(
    model,
    range(3).map((k) => seedWs(model, seed + k)),
  );
  const results = images.map((image) =>
    scope(() => {
      const x = variable(Tensor.from(image.data, [1, ...image.shape]));
      const logits = discriminator.forward(x, null);
      const [slope] = grad([logits], [x]);
      const { penalty } = r1Penalty(
        (real) => discriminator.forward(real, null),
        Tensor.from(image.data, [1, ...image.shape]),
        gamma,
      );
      return { slope: parted(copyFrom(slope))[0], penalty: penalty.item(), logit: logits.item() };
    }),
  );
  return {
    pictures: results.flatMap(({ slope, logit }, k) => {
      const [channels, height, width] = slope.shape;
      const plane = height * width;
      const size = Float32Array.from({ length: plane }, (_, at) =>
        Math.sqrt(range(channels).reduce((sum, c) => sum + slope.data[c * plane + at] ** 2, 0)),
      );
      return [
        show(images[k], `Seed ${seed + k}, logit ${logit.toFixed(3)}`),
        { picture: greyPicture(size, width, height), caption: "Where it looks" },
      ];
    }),
    columns: 6,
    text: `R1 with γ = ${gamma.toFixed(1)}: ${results.map(({ penalty }) => penalty.toExponential(2)).join(", ")}. The discriminator is not trained.`,
  };
};

export const lazy: Lesson = ({ interval }) => {
  const { learningRate, betas } = lazyRegularization(interval, 0.002, [0, 0.99]);
  const steps = range(33);
  const due = (every: number): number[] => steps.map((step) => (step % every === 0 ? 1 : 0));
  return {
    pictures: [],
    chart: {
      title: "Which steps compute the penalty",
      unit: "step",
      lines: [{ name: `every ${interval}`, x: steps, y: due(interval) }],
    },
    text: `Adam with lr ${learningRate.toPrecision(4)} and β₂ ${betas[1].toPrecision(4)} makes ${interval + 1} updates where it made ${interval} with 0.002 and 0.99.`,
  };
};

export const pathLength: Lesson = async ({ from, to, draw }, { model, goOn, partial }) => {
  const { generator } = model;
  const [a, b] = [seedWs(model, from), seedWs(model, to)];
  const times = range(13).map((k) => k / 12);
  const lengths: number[] = [];
  const images: FloatImage[] = [];
  const view = () => {
    const mean = lengths.reduce((sum, value) => sum + value, 0) / lengths.length;
    return {
      pictures: images.filter((_, k) => k % 3 === 0).map((image, k) => show(image, `t = ${(k / 4).toFixed(2)}`)),
      chart: {
        title: "|Jᵀy| along the path",
        unit: "t",
        lines: [
          { name: "length", x: times.slice(0, lengths.length), y: [...lengths] },
          { name: "mean", x: [0, 1], y: [mean, mean] },
        ],
      },
      text: `Deviation ${deviationOf(lengths).toFixed(3)} about ${mean.toFixed(3)}: what the penalty holds down.`,
    };
  };
  for (const [k, t] of times.entries()) {
    const ws = a.map((value, at) => value + t * (b[at] - value));
    images.push(imagesOf(model, [ws])[0]);
    const { length } = scope(() => {
      const synthesize = (w: Tensor): Tensor => generator.synthesis.forward(w, { noiseMode: "const" });
      const noise = normals(draw, [1, 3, 64, 64]);
      const start = variable(stack([ws], generator));
      const { plMean } = pathLengthPenalty(synthesize, start, noise, { plMean: 0, decay: 1, weight: 1 });
      return { length: plMean };
    });
    lengths.push(length);
    if (k < times.length - 1) {
      if (!(await goOn())) break;
      partial(view());
    }
  }
  return view();
};

export const minibatchStd: Lesson = ({ seed, collapse }, { model }) => {
  const images = imagesOf(
    model,
    range(4).map((k) => seedWs(model, seed + k)),
  );
  const mean = images[0].data.map((_, at) => images.reduce((sum, { data }) => sum + data[at] / 4, 0));
  const moved = (t: number): FloatImage[] =>
    images.map(({ data, shape }) => ({ shape, data: data.map((value, at) => value + t * (mean[at] - value)) }));
  const layer = new MinibatchStdLayer({ groupSize: 4, numChannels: 1 });
  const value = (t: number): number =>
    noGrad(() =>
      scope(() => {
        const all = moved(t);
        const x = Tensor.from(Float32Array.from(all.flatMap(({ data }) => [...data])), [4, ...all[0].shape]);
        const y = layer.forward(x).toArray();
        return y[3 * 64 * 64]; // the first pixel of the map that was added
      }),
    );
  const times = range(11).map((k) => k / 10);
  return {
    pictures: moved(collapse).map((image, k) => show(image, `Seed ${seed + k}`)),
    chart: {
      title: "The extra map, while four images become one",
      unit: "collapse",
      lines: [
        { name: "value", x: times, y: times.map(value) },
        { name: "now", x: [collapse, collapse], y: [0, value(collapse)] },
      ],
    },
    text: `At ${(100 * collapse).toFixed(0)} % the map says ${value(collapse).toFixed(3)}.`,
  };
};

const kinds = ["blit", "geom", "color", "filter", "noise", "cutout", "bgc", "bgcfnc"] as const;

export const augmentation: Lesson = ({ seed, p, draw, kind }, { model }) => {
  const [image] = imagesOf(model, [seedWs(model, seed)]);
  const count = 6;
  const name = kinds[kind];
  const pipeline = augmentPipelines[name];
  const shape = [count, ...image.shape];
  const augmented = noGrad(() =>
    scope(() => {
      const draws = drawAugmentation(new RandomState(draw), pipeline, shape);
      const x = Tensor.from(Float32Array.from(range(count).flatMap(() => [...image.data])), shape);
      return copyFrom(augment(x, { pipeline, p, draws }));
    }),
  );
  return {
    pictures: [
      show(image, "The image"),
      ...parted(augmented).map((one, k) => show(one, k === 0 ? "What the discriminator sees" : "")),
    ],
    text: `Pipeline ${name}, p = ${p.toFixed(2)}. With p = 0 the image stays as it is, whatever is drawn.`,
  };
};

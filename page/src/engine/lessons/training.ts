/** Lessons about training: R1, lazy regularisation, path length, minibatch deviation, augmentation. */

import { usualTraining } from "../../train/command.js";
import {
  augment,
  augmentPipelines,
  drawAugmentation,
  lazyRegularization,
  MinibatchStdLayer,
  noGrad,
  pathLengthPenalty,
  RandomState,
  scope,
  Tensor,
  variable,
} from "../library.js";
import { greyPicture } from "../pictures.js";
import type { LessonView, Picture } from "../protocol.js";
import type { FloatImage } from "../render.js";
import { Trainer } from "../trainer.js";
import { copyFrom, deviationOf, imagesOf, type Lesson, normals, parted, range, seedWs, show, stack } from "./tools.js";

/** Real images that the slope is measured at: a group of the minibatch deviation. */
const REALS = 4;
/** Steps between two looks. */
const LOOK_STEPS = 10;
/** The curve of the run before, to compare with. */
let curveBefore: { readonly name: string; readonly x: readonly number[]; readonly y: readonly number[] } | null = null;

export const r1: Lesson = async ({ gamma, steps, seed }, { data, goOn, partial }) => {
  const trainer = await Trainer.start(data, { ...usualTraining, r1Gamma: gamma, seed });
  const before = curveBefore;
  const curve = { name: `γ = ${gamma}`, x: [] as number[], y: [] as number[] };
  const view = (): LessonView => {
    const slopes = trainer.slopes(REALS);
    const square = slopes.reduce((sum, { gradient }) => sum + squareOf(gradient) / REALS, 0);
    curve.x.push(trainer.steps);
    curve.y.push(square);
    const logit = slopes.reduce((sum, one) => sum + one.logit / REALS, 0);
    return {
      pictures: [
        ...slopes.map((one) => show(one.image, `logit ${one.logit.toFixed(2)}`)),
        ...slopes.map(({ gradient }, k) => ({ picture: sizePicture(gradient), caption: k === 0 ? "its slope" : "" })),
      ],
      columns: REALS,
      chart: {
        title: "E|∇D(x)|² at real images",
        unit: "step",
        lines: [
          { name: curve.name, x: [...curve.x], y: [...curve.y] },
          ...(before === null ? [] : [{ ...before, name: `${before.name}, the run before` }]),
        ],
      },
      text:
        `After ${trainer.steps} steps the slope at real images is ${square.toPrecision(3)}, R1 γ/2 of it: ` +
        `${((gamma / 2) * square).toPrecision(3)}; their mean logit is ${logit.toFixed(2)}.`,
    };
  };
  partial(view());
  // Cancelled between two looks, it shows what there is.
  const context = { goOn, partial: () => {} };
  while (trainer.steps < steps && (await goOn())) {
    await trainer.train(Math.min(LOOK_STEPS, steps - trainer.steps), context);
    if (trainer.steps < steps) partial(view());
  }
  const last = view();
  curveBefore = curve;
  return last;
};

const squareOf = ({ data }: FloatImage): number => data.reduce((sum, value) => sum + value * value, 0);

/** The length of each pixel's colours, from black to white. */
function sizePicture({ data, shape }: FloatImage): Picture {
  const [channels, height, width] = shape;
  const plane = height * width;
  const size = Float32Array.from({ length: plane }, (_, at) =>
    Math.sqrt(range(channels).reduce((sum, c) => sum + data[c * plane + at] ** 2, 0)),
  );
  return greyPicture(size, width, height);
}

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

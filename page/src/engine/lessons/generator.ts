/** Lessons about the generator: growing, constant input, mapping, AdaIN, noise, mixing, skip, truncation. */
import { curve } from "../../../../docs/tables/data/f.json";
import {
  adain,
  Generator,
  imagesAtLod,
  initialContents,
  instanceNorm,
  mixStyles,
  NoiseGenerator,
  networkPreset,
  noGrad,
  RandomState,
  scale,
  scope,
  Tensor,
} from "../library.js";
import { greyPicture } from "../pictures.js";
import type { FloatImage } from "../render.js";
import {
  copyFrom,
  deviationOf,
  distance,
  imagesOf,
  type Lesson,
  mapsOf,
  PSI,
  parted,
  range,
  seedWs,
  show,
  stack,
} from "./tools.js";

const STEPS = 7;

export const growing: Lesson = ({ seed, lod }, { model }) => {
  const [image] = imagesOf(model, [seedWs(model, seed)]);
  const faded = scope(() => copyFrom(imagesAtLod(Tensor.from(image.data, [1, ...image.shape]), lod)));
  // A network that grows, before training: each resolution has its own way to the image.
  const size = { resolution: 64, zDim: 32, wDim: 32, channelBase: 1024, channelMax: 16 };
  const contents = initialContents(new RandomState(3));
  const network = new Generator(networkPreset("config-d", size).generator, contents);
  const untrained = noGrad(() =>
    scope(() => {
      const z = Tensor.from(new RandomState(seed).randn(32), [1, 32]);
      return copyFrom(scale(network.forward(z, null, { noiseMode: "none", lod }), 0.5));
    }),
  );
  const level = Math.floor(lod);
  const side = 64 / 2 ** level;
  return {
    pictures: [
      show(parted(faded)[0], `A real image at lod ${lod.toFixed(2)}`),
      show(parted(untrained)[0], "A growing generator, before training"),
    ],
    text: `${side}×${side} pixels differ${lod > level ? `, faded by ${((lod - level) * 100).toFixed(0)} % to ${side / 2}×${side / 2}` : ""}.`,
  };
};

export const constant: Lesson = ({ seed }, { model }) => {
  const input = model.generator.parameters.get("synthesis.b4.const")!;
  const maps = mapsOf(copyFrom(input), 8);
  const images = imagesOf(
    model,
    [seed, seed + 1, seed + 2].map((one) => seedWs(model, one)),
  );
  return {
    pictures: [
      ...maps.map((picture, k) => ({
        picture,
        caption: "",
        ...(k === 0 && { heading: "The constant: its first maps, the same for every image" }),
      })),
      ...images.map((image, k) => ({
        ...show(image, `Seed ${seed + k}`),
        ...(k === 0 && { heading: "Images that start from it" }),
      })),
    ],
    columns: 8,
    text: `The input is ${input.shape.join("×")} numbers, learned once. Only the styles differ between these images.`,
  };
};

export const mapping: Lesson = ({ from, to, t }, { model }) => {
  const { generator } = model;
  const { zDim } = generator;
  const z = (seed: number): Float64Array => Float64Array.from(new RandomState(seed).randn(zDim));
  const [a, b] = [z(from), z(to)];
  const times = range(13).map((k) => k / 12);
  const wsOfZ = (time: number): Float32Array =>
    noGrad(() =>
      scope(() => {
        const mixed = a.map((value, k) => value + time * (b[k] - value));
        return generator.mapping.forward(Tensor.from(mixed, [1, zDim]), null, { truncationPsi: PSI }).toArray();
      }),
    );
  const [wa, wb] = [wsOfZ(0), wsOfZ(1)];
  const wsOfW = (time: number): Float32Array => wa.map((value, k) => value + time * (wb[k] - value));
  const alongZ = imagesOf(model, times.map(wsOfZ));
  const alongW = imagesOf(model, times.map(wsOfW));
  const steps = (images: readonly FloatImage[]): number[] =>
    images.slice(1).map((image, k) => distance(image, images[k]));
  const [inZ, inW] = [steps(alongZ), steps(alongW)];
  const [nowZ, nowW] = [imagesOf(model, [wsOfZ(t)])[0], imagesOf(model, [wsOfW(t)])[0]];
  const total = (values: readonly number[]): string => values.reduce((x, y) => x + y).toFixed(2);
  return {
    pictures: [show(nowZ, `Straight in z, t = ${t.toFixed(2)}`), show(nowW, `Straight in w, t = ${t.toFixed(2)}`)],
    chart: {
      title: "How far each step moves the image",
      unit: "t",
      lines: [
        { name: "along z", x: times.slice(1), y: inZ },
        { name: "along w", x: times.slice(1), y: inW },
      ],
    },
    text: `From one image to the other the pixels travel ${total(inZ)} along z and ${total(inW)} along w: the straight way in w is the shorter one.`,
  };
};

/** Features of one layer of the bundled model, [1, C, H, W]. */
function features(model: Parameters<Lesson>[1]["model"], seed: number, layer: string): FloatImage {
  let seen: FloatImage | null = null;
  imagesOf(model, [seedWs(model, seed)], {
    noiseMode: "const",
    onLayer: (name: string, output: Tensor) => {
      if (name === layer) seen = copyFrom(output);
    },
  });
  return seen!;
}

export const adaIn: Lesson = ({ seed, ys, yb }, { model }) => {
  const count = 6;
  const { data, shape } = features(model, seed, "b16.conv1");
  const plane = shape[2] * shape[3];
  // Maps of different strength and mean.
  const x = Float32Array.from(
    { length: count * plane },
    (_, k) => data[k] * (0.4 + 0.5 * Math.floor(k / plane)) + 0.5 * Math.floor(k / plane),
  );
  const [before, between, after] = scope(() => {
    const tensor = Tensor.from(x, [1, count, shape[2], shape[3]]);
    const scales = Tensor.from(
      range(count).map((k) => 1 + ys * (k / (count - 1))),
      [1, count],
    );
    const shifts = Tensor.from(
      range(count).map(() => yb),
      [1, count],
    );
    return [copyFrom(tensor), copyFrom(instanceNorm(tensor)), copyFrom(adain(tensor, scales, shifts))];
  });
  const row = (image: FloatImage, name: string) =>
    mapsOf(image, count, 4).map((picture, k) => {
      const values = image.data.subarray(k * plane, (k + 1) * plane);
      const mean = values.reduce((sum, value) => sum + value, 0) / plane;
      return {
        picture,
        caption: `μ ${mean.toFixed(1)}, σ ${deviationOf(values).toFixed(1)}`,
        ...(k === 0 && { heading: name }),
      };
    });
  return {
    pictures: [...row(before, "Before"), ...row(between, "Normalised"), ...row(after, "Styled")],
    columns: count,
    text: "Whatever strength a map had, the normalisation forgets it; the style alone decides.",
  };
};

/** Normal noise times a factor, in layers of some resolutions only. */
class PartialNoise extends NoiseGenerator {
  readonly #factor: number;
  readonly #from: number;

  constructor(seed: number, factor: number, from: number) {
    super(seed);
    this.#factor = factor;
    this.#from = from;
  }

  override normal(shape: readonly number[]): Tensor {
    return scale(super.normal(shape), shape[shape.length - 1] >= this.#from ? this.#factor : 0);
  }
}

export const noise: Lesson = ({ seed, strength, from }, { model }) => {
  const ws = seedWs(model, seed);
  const first = 4 * 2 ** from;
  const draw = (k: number): FloatImage =>
    imagesOf(model, [ws], { noiseMode: "random", random: new PartialNoise(k, strength, first) })[0];
  const images = range(12).map(draw);
  const [channels, height, width] = images[0].shape;
  const plane = height * width;
  const spread = Float32Array.from({ length: plane }, (_, at) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += deviationOf(images.map(({ data }) => data[c * plane + at])) ** 2;
    return Math.sqrt(sum / channels);
  });
  return {
    pictures: [
      show(imagesOf(model, [ws], { noiseMode: "none" })[0], "Without noise"),
      show(images[0], "One draw"),
      show(images[1], "Another"),
      {
        picture: greyPicture(spread, width, height),
        caption: `Where twelve draws differ, at most by ${Math.max(...spread).toFixed(2)}`,
      },
    ],
    text: `Noise times ${strength.toFixed(1)} in the layers from ${first}×${first} on.`,
  };
};

export const mixing: Lesson = ({ row, column, cutoff }, { model }) => {
  const { generator } = model;
  const [a, b] = [seedWs(model, row), seedWs(model, column)];
  const cuts = [2, 4, 6, 8];
  const mixed = (cut: number): FloatImage =>
    noGrad(() =>
      scope(() => {
        const ws = mixStyles(stack([a], generator), stack([b], generator), cut);
        return parted(copyFrom(generator.synthesis.forward(ws, { noiseMode: "const" })))[0];
      }),
    );
  const [one, two] = imagesOf(model, [a, b]);
  return {
    pictures: [
      show(one, `Seed ${row}`),
      show(mixed(cutoff), `The first ${cutoff} layers of ${row}, the others of ${column}`),
      show(two, `Seed ${column}`),
      ...cuts.map((cut) => show(mixed(cut), `Crossover at ${cut}`)),
    ],
    text: "Coarse layers carry the shape of the head, fine ones the colours.",
  };
};

export const skip: Lesson = ({ seed, until, trained }, { model }) => {
  const { generator } = model;
  const shown = 4 * 2 ** until;
  const isTrained = trained === 1;
  const network = isTrained ? generator : new Generator(generator.config, initialContents(new RandomState(1)));
  const outputs: { readonly name: string; readonly image: FloatImage }[] = [];
  const sum = noGrad(() =>
    scope(() => {
      const z = Tensor.from(new RandomState(seed).randn(network.zDim), [1, network.zDim]);
      const ws = network.mapping.forward(z, null, isTrained ? { truncationPsi: PSI } : {});
      const onLayer = (name: string, output: Tensor): void => {
        if (name.endsWith("torgb")) outputs.push({ name, image: parted(copyFrom(output))[0] });
      };
      return parted(copyFrom(network.synthesis.forward(ws, { noiseMode: "const", onLayer, until: shown })))[0];
    }),
  );
  return {
    pictures: [
      show(sum, `The sum up to ${shown}×${shown}`),
      ...outputs.map(({ image }) =>
        show(image, `${image.shape[1]}×${image.shape[2]} adds ${deviationOf(image.data).toFixed(2)}`),
      ),
    ],
    chart: {
      title: "What each resolution added while a network of 32×32 learned (row f of the tables)",
      unit: "thousand images",
      lines: curve[0].contributions.map(({ resolution }, k) => ({
        name: `${resolution}×${resolution}`,
        x: curve.map(({ kimg }) => kimg),
        y: curve.map(({ contributions }) => contributions[k].deviation),
      })),
    },
    text: isTrained
      ? "In the trained network the finer resolutions do most of the work."
      : "Before training every resolution gives about as much; what training makes of it is the other picture.",
  };
};

export const truncation: Lesson = ({ seed, psi }, { model }) => {
  const w = model.ofSeed(seed, 0);
  const at = (value: number): Float32Array => model.truncated(w, { psi: value, cutoff: null });
  const strip = range(STEPS).map((k) => 1 - (2 * k) / (STEPS - 1));
  const [now, ...others] = imagesOf(model, [at(psi), ...strip.map(at)]);
  return {
    pictures: [
      show(now, `ψ = ${psi.toFixed(2)}`),
      ...others.map((image, k) => show(image, `ψ ${strip[k].toFixed(2)}`)),
    ],
    text:
      psi === 0
        ? "The average of all w's."
        : psi < 0
          ? "On the other side of the average: this image's opposite."
          : "Nearer to the average, images are better and less alike themselves.",
  };
};

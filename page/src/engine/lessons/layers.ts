/** Lessons about single layers: filters, the droplet, modulation and demodulation, widths. */
import {
  Adam,
  add,
  addScalar,
  downsample2d,
  grad,
  instanceNorm,
  mean,
  modulatedConv2d,
  networkGeometry,
  noGrad,
  RandomState,
  reshape,
  scope,
  setupFilter,
  sqrt,
  square,
  sub,
  Tensor,
  upsample2d,
  variable,
} from "../library.js";
import { largestOf, mapPicture } from "../pictures.js";
import type { LessonView } from "../protocol.js";
import { copyFrom, deviationOf, imagesOf, type Lesson, normals, parted, range, seedWs, show } from "./tools.js";

const FILTERS = [[1], [1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 5, 10, 10, 5, 1]] as const;

export const filters: Lesson = ({ seed, taps }, { model }) => {
  const chosen = FILTERS[taps];
  const [image] = imagesOf(model, [seedWs(model, seed)]);
  const result = scope(() => {
    const filter = setupFilter([...chosen]);
    const half = downsample2d(Tensor.from(image.data, [1, ...image.shape]), filter);
    const small = downsample2d(half, filter);
    return [copyFrom(small), copyFrom(upsample2d(upsample2d(small, filter), filter))];
  });
  const sum = chosen.reduce<number>((total, tap) => total + tap, 0);
  const frequencies = range(65).map((k) => k / 64);
  const response = (frequency: number): number => {
    const [re, im] = chosen.reduce<readonly [number, number]>(
      ([x, y], tap, k) => [x + tap * Math.cos(Math.PI * frequency * k), y + tap * Math.sin(Math.PI * frequency * k)],
      [0, 0],
    );
    return Math.hypot(re, im) / sum;
  };
  return {
    pictures: [
      show(image, "An image"),
      show(parted(result[0])[0], "A quarter of its size"),
      show(parted(result[1])[0], "And back"),
    ],
    chart: {
      title: "What the filter lets through",
      unit: "frequency",
      lines: [{ name: `[${chosen.join(", ")}]`, x: frequencies, y: frequencies.map(response) }],
    },
    text:
      chosen.length === 1
        ? "Without a filter every fourth pixel is all that counts."
        : "A longer filter has fewer corners and less detail.",
  };
};

const SIDE = 16;
const P = SIDE * SIDE;
const STRENGTHS = [1, 0.8, 0.6, 0.4, 0.2, 0.1];
const UNIT = setupFilter([1]);

/** A smooth pattern of mean 0 and deviation 1. */
function pattern(seed: number): Float32Array {
  const random = new RandomState(seed);
  const waves = range(4).map(() => [random.normal(), random.normal(), 2 * Math.PI * random.uniform(), random.normal()]);
  const values = range(P).map((at) => {
    const [x, y] = [((at % SIDE) / SIDE) * 2 * Math.PI, (Math.floor(at / SIDE) / SIDE) * 2 * Math.PI];
    return waves.reduce(
      (sum, [kx, ky, phase, size]) => sum + size * Math.cos(Math.round(kx) * x + Math.round(ky) * y + phase),
      0,
    );
  });
  const average = values.reduce((sum, value) => sum + value, 0) / P;
  const scale = deviationOf(values) || 1;
  return Float32Array.from(values, (value) => (value - average) / scale);
}

/** One copy of each map, through a demodulated convolution. */
function demodulated(x: Tensor): Tensor {
  const maps = x.shape[1];
  const weight = new Float32Array(maps * maps * 9);
  for (let map = 0; map < maps; map++) weight[(map * maps + map) * 9 + 4] = 1;
  const styles = Tensor.from(new Float32Array(maps).fill(1), [1, maps]);
  return modulatedConv2d(x, Tensor.from(weight, [maps, maps, 3, 3]), styles, { filter: UNIT });
}

/** The gradient descent of docs/droplets.md, section 4. */
export const droplet: Lesson = async ({ seed, layer, steps }, { goOn, partial }) => {
  const shape = pattern(seed);
  const random = new RandomState(2);
  const maps = STRENGTHS.length;
  const isAdaIn = layer === 0;
  const x = variable(
    Tensor.persistent([1, maps, SIDE, SIDE], (data) => {
      for (let at = 0; at < data.length; at++) data[at] = shape[at % P] + 0.01 * random.normal();
    }),
  );
  const bias = variable(Tensor.persistent([maps], (data) => data.fill(0)));
  const targets = Float32Array.from({ length: maps * P }, (_, at) => STRENGTHS[Math.floor(at / P)] * shape[at % P]);
  const parameters = new Map([
    ["x", x],
    ["bias", bias],
  ]);
  const adam = new Adam(parameters, { betas: [0.9, 0.99] });
  const layerOf = (input: Tensor): Tensor => (isAdaIn ? instanceNorm(input) : demodulated(input));
  const view = (step: number): LessonView => {
    const features = x.toArray();
    const after = noGrad(() => scope(() => layerOf(x).toArray()));
    const rows = STRENGTHS.map((strength, map) => {
      const own = features.subarray(map * P, (map + 1) * P);
      const energy = own.reduce((sum, value) => sum + value * value, 0);
      const strongest = largestOf(own, 0, P) ** 2 / energy;
      const out = after.subarray(map * P, (map + 1) * P);
      const reached = out.reduce((sum, value, at) => sum + value * shape[at], 0) / P;
      return { strength, own, out, strongest, reached };
    });
    return {
      pictures: [
        ...rows.map(({ own, strength, strongest }, k) => ({
          picture: mapPicture(own, SIDE, SIDE, 8),
          caption: `t = ${strength}: ${(100 * strongest).toFixed(0)} % in one pixel`,
          ...(k === 0 && { heading: "Six maps that are to show one pattern at six strengths" }),
        })),
        ...rows.map(({ out, reached }, k) => ({
          picture: mapPicture(out, SIDE, SIDE, 3),
          caption: `reached ${reached.toFixed(2)}`,
          ...(k === 0 && { heading: "What the layer makes of them" }),
        })),
      ],
      columns: maps,
      text: `Step ${step}: ${isAdaIn ? "before a normalisation one pixel takes the energy" : "before demodulation the features just become weaker"}.`,
    };
  };
  for (let step = 0; step <= steps; step++) {
    scope(() => {
      const y = add(layerOf(x), reshape(bias, [1, maps, 1, 1]));
      const squares = square(sub(y, Tensor.from(targets, [1, maps, SIDE, SIDE])));
      const loss = mean(sqrt(addScalar(squares, 0.02 ** 2)));
      adam.learningRate = 0.05 * Math.min(1, 2 * (1 - step / (steps + 1)));
      adam.step(grad([loss], [x, bias]));
      return null;
    });
    if (step % 25 === 0) {
      if (!(await goOn())) break;
      partial(view(step));
    }
  }
  return view(steps);
};

export const modulation: Lesson = ({ channel, style }) => {
  const maps = 8;
  const outputs = scope(() => {
    const x = normals(1, [1, maps, 24, 24]);
    const weight = normals(2, [maps, maps, 3, 3]);
    const styles = new Float32Array(maps).fill(1);
    styles[channel] = style;
    const run = (demodulate: boolean): Float32Array =>
      modulatedConv2d(x, weight, Tensor.from(styles, [1, maps]), { filter: UNIT, demodulate }).toArray();
    return { without: run(false), with: run(true) };
  });
  const plane = 24 * 24;
  const deviations = (values: Float32Array): number[] =>
    range(maps).map((map) => deviationOf(values.subarray(map * plane, (map + 1) * plane)));
  const [without, demodulate] = [deviations(outputs.without), deviations(outputs.with)];
  const pictures = (values: Float32Array, scale: number, name: string) =>
    range(maps).map((map) => ({
      picture: mapPicture(values.subarray(map * plane, (map + 1) * plane), 24, 24, scale),
      caption: `σ ${deviations(values)[map].toFixed(1)}`,
      ...(map === 0 && { heading: name }),
    }));
  return {
    pictures: [
      ...pictures(outputs.without, 30, "Modulated"),
      ...pictures(outputs.with, 3, "Modulated and demodulated"),
    ],
    columns: maps,
    text: `Style ${channel} is ${style.toFixed(1)}, the others 1. Modulated, the outputs have deviations up to ${Math.max(...without).toFixed(1)}; demodulated all stay near 1 (${Math.min(...demodulate).toFixed(2)} to ${Math.max(...demodulate).toFixed(2)}).`,
  };
};

export const large: Lesson = ({ base, resolution }) => {
  const side = 4 * 2 ** resolution;
  const channelBase = 1024 * 2 ** base;
  const { generator } = networkGeometry({ resolution: side, channelBase });
  const channels = generator.synthesis.channels;
  let weights = 0;
  for (const [k, [, out]] of channels.entries()) {
    const before = k === 0 ? 0 : channels[k - 1][1];
    weights += 9 * out * (before + out);
  }
  return {
    pictures: [],
    chart: {
      title: "Feature maps at each resolution",
      unit: "log₂ of the resolution",
      lines: [
        { name: `base ${channelBase}`, x: channels.map(([r]) => Math.log2(r)), y: channels.map(([, out]) => out) },
      ],
    },
    text: `${channels.map(([r, out]) => `${r}²: ${out}`).join(", ")}. The 3×3 convolutions have ${(weights / 1e6).toFixed(1)} million weights.`,
  };
};

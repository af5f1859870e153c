/** Those pictures of docs/reading.md that need no trained network: curves, bars and timelines. */
import { RandomState, scope, Tensor } from "../../../dist/index.js";
import { add, filter2d, lerp, mean, setupFilter, slice } from "../../../dist/nn/index.js";
import { tensorShapes } from "../../../dist/stylegan/checkpoint/tensorShapes.js";
import { createNetworks, networkGeometry } from "../../../dist/stylegan/geometry.js";
import { MinibatchStdLayer } from "../../../dist/stylegan/minibatchStd.js";
import { networkPreset } from "../../../dist/stylegan/training/presets.js";
import { TrainingState } from "../../../dist/stylegan/training/step.js";
import { axes, BLUE, GREEN, GREY, ORANGE, PALE, Picture, RED } from "../picture.mjs";

const tensorSize = (shape) => shape.reduce((a, b) => a * b, 1);
/** What is trained of a network. */
const parametersOf = (config) =>
  [...tensorShapes(config).parameters.values()].reduce((all, shape) => all + tensorSize(shape), 0);

export const plots = {
  /** Which phases run in which step. */
  lazy(path) {
    const geometry = networkGeometry({ resolution: 4, zDim: 2, wDim: 2, mappingLayers: 1, channelMax: 2 });
    const state = new TrainingState(createNetworks(geometry, 0), {});
    const steps = 34;
    const picture = new Picture(60 + steps * 12, 96);
    const rows = {
      Gmain: () => true,
      Greg: () => state.isDue("Greg"),
      Dmain: () => true,
      Dreg: () => state.isDue("Dreg"),
    };
    Object.entries(rows).forEach(([phase, runs], row) => {
      const color = phase.startsWith("G") ? BLUE : RED;
      picture.text(4, 8 + row * 18, phase, { color });
      for (let step = 0; step < steps; step++) {
        state.progress.steps = step;
        picture.rect(56 + step * 12, 6 + row * 18, 10, 14, runs() ? color : PALE);
      }
    });
    for (const step of [0, 4, 8, 16, 32])
      picture.text(56 + step * 12 + 5, 82, String(step), { align: "middle", color: GREY });
    picture.save(path);
  },

  /** Feature maps at each resolution of configs E and F. */
  large(path) {
    const configs = ["config-e", "config-f"].map((name) => networkPreset(name, { resolution: 1024 }));
    const picture = new Picture(460, 250);
    const channels = configs.map(({ generator }) => generator.synthesis.channels);
    const { at } = axes(
      picture,
      { x: 56, y: 30, width: 384, height: 170 },
      {
        x: { from: 0, to: channels[0].length, ticks: [], label: "resolution" },
        y: { from: 0, to: 512, ticks: [0, 128, 256, 512], label: "feature maps" },
      },
    );
    channels[0].forEach(([resolution], k) => {
      configs.forEach((_, config) => {
        const [x, y] = at(k + 0.15 + config * 0.35, channels[config][k][1]);
        picture.rect(x, y, 13, at(0, 0)[1] - y, [BLUE, RED][config]);
      });
      picture.text(at(k + 0.5, 0)[0], 206, String(resolution), { align: "middle", color: GREY });
    });
    configs.forEach(({ generator }, config) => {
      const millions = (parametersOf(generator) / 1e6).toFixed(1);
      picture.text(440, 34 + 14 * config, `${"ef"[config]}: ${millions} million`, {
        align: "right",
        color: [BLUE, RED][config],
      });
    });
    picture.save(path);
  },

  /** The extra feature map while a batch collapses onto its mean. */
  minibatchStd(path) {
    const layer = new MinibatchStdLayer({ groupSize: 4, numChannels: 1 });
    const points = scope(() => {
      const x = Tensor.from(new RandomState(3).randn(4 * 8 * 16), [4, 8, 4, 4]);
      const centre = add(mean(x, { axes: [0], keepDims: true }), Tensor.zeros(x.shape));
      return Array.from({ length: 21 }, (_, k) => {
        const y = layer.forward(lerp(centre, x, k / 20));
        return [k / 20, slice(y, 1, 8, 9).toFloat64Array()[0]];
      });
    });
    const picture = new Picture(460, 220);
    const { curve, at } = axes(
      picture,
      { x: 50, y: 30, width: 390, height: 140 },
      {
        x: { from: 0, to: 1, ticks: [0, 0.5, 1], label: "how far the samples are from their mean" },
        y: { from: 0, to: 1, ticks: [0, 0.5, 1], label: "the extra feature map" },
      },
    );
    curve(points, BLUE);
    for (const point of points) picture.dot(...at(...point), BLUE);
    picture.save(path);
  },

  /** Frequency responses of the resampling filters, measured on an impulse. */
  filters(path) {
    const picture = new Picture(460, 240);
    const { curve } = axes(
      picture,
      { x: 50, y: 30, width: 390, height: 160 },
      {
        x: { from: 0, to: 0.5, ticks: [0, 0.25, 0.5], label: "frequency, in waves a pixel" },
        y: { from: 0, to: 1, ticks: [0, 0.5, 1], label: "what the filter lets through" },
      },
    );
    const filters = { "1 1": RED, "1 2 1": ORANGE, "1 3 3 1": BLUE };
    Object.entries(filters).forEach(([name, color], k) => {
      const size = 32;
      const response = scope(() => {
        const impulse = new Float64Array(size);
        impulse[size / 2] = 1;
        const row = Tensor.from(impulse, [1, 1, 1, size]);
        // Along one axis: a filter of one row.
        return filter2d(row, setupFilter([name.split(" ").map(Number)])).toFloat64Array();
      });
      const gain = (frequency) => {
        const angle = 2 * Math.PI * frequency;
        const part = (f) => response.reduce((all, value, at) => all + value * f(angle * at), 0);
        return Math.hypot(part(Math.cos), part(Math.sin));
      };
      curve(
        Array.from({ length: 101 }, (_, at) => [at / 200, gain(at / 200)]),
        color,
      );
      picture.text(70, 140 + 14 * k, name, { color });
    });
    picture.save(path);
  },

  /** Which row of the tables has what. */
  tables(path) {
    const names = [
      "table1-a",
      "table1-b",
      "table1-c",
      "table1-d",
      "table1-e",
      "table1-f",
      "config-b",
      "config-c",
      "config-d",
      "config-e",
      "config-f",
    ];
    const facts = {
      grows: ({ schedule }) => schedule !== null,
      "blur, r1": ({ settings }) => (settings.loss ?? "logistic") === "logistic",
      styles: ({ generator }) => generator.synthesis.useStyles ?? true,
      constant: ({ generator }) => (generator.synthesis.input ?? "constant") === "constant",
      noise: ({ generator }) => generator.synthesis.useNoise,
      mixing: ({ mixingProbability }) => mixingProbability > 0,
      demodulation: ({ generator }) => generator.kind !== "stylegan1-generator",
      "lazy reg": ({ settings }) => (settings.dRegInterval ?? 16) > 1,
      "path length": ({ settings }) => (settings.plWeight ?? 2) > 0,
      skip: ({ generator }) => generator.synthesis.architecture === "skip",
      large: ({ generator }) => new Map(generator.synthesis.channels).get(64) === 512,
    };
    const presets = names.map((name) => networkPreset(name, { resolution: 1024 }));
    const picture = new Picture(120 + names.length * 78, 34 + Object.keys(facts).length * 18);
    names.forEach((name, k) => {
      picture.text(120 + k * 78 + 34, 8, name, { align: "middle", color: k < 6 ? RED : BLUE });
    });
    Object.entries(facts).forEach(([fact, holds], row) => {
      picture.text(4, 30 + row * 18, fact);
      presets.forEach((preset, k) => {
        picture.rect(120 + k * 78 + 2, 28 + row * 18, 68, 14, holds(preset) ? GREEN : PALE);
      });
    });
    picture.save(path);
  },
};

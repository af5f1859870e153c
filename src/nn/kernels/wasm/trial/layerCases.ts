/** Fused layers for the trial of the wide build: every algorithm, every stage, feature maps that are overwritten. */
import type { ConvLayer, FeatureLayout, Shaped, Tail } from "../fused/types.js";
import type { TrialCase } from "./case.js";

interface LayerSizes {
  readonly n?: number;
  readonly channels: readonly [number, number];
  readonly height: number;
  readonly width?: number;
  readonly kernel?: 1 | 3;
  readonly up?: 1 | 2;
  readonly down?: 1 | 2;
  /** Bias, noise, activation. Default true. */
  readonly decorated?: boolean;
  /** How the feature maps come and go; large ones that come blocked are overwritten. Default "planar". */
  readonly layout?: FeatureLayout;
  readonly timed?: boolean;
}

const smooth = [0.125, 0.375, 0.375, 0.125];
const filter = {
  ...{ tapsY: 4, tapsX: 4, separable: { y: smooth, x: smooth } },
  taps: smooth.flatMap((y) => smooth.map((x) => y * x)),
};

function layerCase(name: string, sizes: LayerSizes): TrialCase {
  const { n = 1, channels, height, width = height, kernel = 3, up = 1, down = 1, decorated = true } = sizes;
  const { layout = "planar", timed = false } = sizes;
  const [inChannels, outChannels] = channels;
  const [outHeight, outWidth] = [(height * up) / down, (width * up) / down];
  const flow = { input: layout, output: layout, consumeInput: layout === "blocked" };
  const shaped = (...shape: number[]): Shaped => ({ shape });
  const layer: ConvLayer<Shaped> = {
    x: shaped(n, inChannels, height, width),
    weight: shaped(outChannels, inChannels, kernel, kernel),
    inputScales: shaped(n, inChannels),
    outputScales: "unit",
    noise: decorated ? shaped(1, 1, outHeight, outWidth) : null,
    noiseStrength: null,
    bias: decorated ? shaped(outChannels) : null,
    ...{ up, down, filter: up * down === 1 ? null : filter, flipWeight: true, weightGain: 0.9 },
    ...{ activation: decorated ? "lrelu" : "linear", gain: 1.3, clamp: decorated ? 4 : null },
  };
  const lengthOf = ({ shape }: Shaped): number => shape.reduce((a, b) => a * b, 1);
  const shapes = {
    ...{
      x: layer.x,
      weight: layer.weight,
      inputScales: shaped(n, inChannels),
      noise: shaped(1, 1, outHeight, outWidth),
    },
    ...{ bias: shaped(outChannels), y: shaped(n, outChannels, outHeight, outWidth) },
  };
  return {
    name: `layer ${name}`,
    lengths: Object.values(shapes).map(lengthOf),
    timed,
    run(kernels, [x, weight, inputScales, noise, bias, y]) {
      const fused = kernels.fused!;
      const given = { block: x, shape: shapes.x.shape };
      const output = fused.plan(layer, flow)!.run({
        x: layout === "blocked" ? fused.toLayout(given, "blocked") : given,
        weight: { block: weight, shape: shapes.weight.shape },
        inputScales: { block: inputScales, shape: shapes.inputScales.shape },
        outputScales: "unit",
        noise: decorated ? { block: noise, shape: shapes.noise.shape } : null,
        noiseStrength: null,
        bias: decorated ? { block: bias, shape: shapes.bias.shape } : null,
      });
      const planar = fused.toLayout(output, "planar");
      y.data.set(planar.block.data);
      fused.releaseWeights(weight);
      for (const block of new Set([output.block, planar.block])) kernels.release(block);
    },
  };
}

/** The last three layers of a network: channels of x, of features and of the image. */
function tailCase(name: string, channels: readonly [number, number, number], size: number): TrialCase {
  const [inChannels, between, colours] = channels;
  const shaped = (...shape: number[]): Shaped => ({ shape });
  const features = shaped(1, between, 2 * size, 2 * size);
  const common = { weightGain: 0.9, gain: 1.3, clamp: 4, down: 1, flipWeight: true, outputScales: null } as const;
  const bare = { ...common, noise: null, noiseStrength: null, bias: null } as const;
  const weights = [shaped(between, inChannels, 3, 3), shaped(between, between, 3, 3), shaped(colours, between, 1, 1)];
  const scales = [shaped(1, inChannels), shaped(1, between), shaped(1, between)];
  const inputs = [shaped(1, inChannels, size, size), features, features];
  const layers = [0, 1, 2].map((k) => {
    const [up, activation] = [k === 0 ? 2 : 1, k === 2 ? "linear" : "lrelu"] as const;
    return { ...bare, x: inputs[k], weight: weights[k], inputScales: scales[k], up, activation, filter };
  }) as readonly ConvLayer<Shaped>[] as Tail<ConvLayer<Shaped>>;
  const y = shaped(1, colours, 2 * size, 2 * size);
  const shapes = [inputs[0], ...weights, ...scales, y];
  return {
    name: `layers ${name}`,
    lengths: shapes.map(({ shape }) => shape.reduce((a, b) => a * b, 1)),
    timed: false,
    run(kernels, blocks) {
      const fused = kernels.fused!;
      const operand = (k: number) => ({ block: blocks[k], shape: shapes[k].shape });
      const tensors = layers.map((layer, k) => {
        return { ...layer, ...bare, weight: operand(1 + k), inputScales: operand(4 + k) };
      });
      const x = fused.toLayout(operand(0), "blocked");
      const output = fused.planTail(layers, 2)!.run(x, [tensors[0], tensors[1], tensors[2]]);
      blocks[7].data.set(output.block.data);
      for (const k of [1, 2, 3]) fused.releaseWeights(blocks[k]);
      kernels.release(output.block);
    },
  };
}

export const layerCases: readonly TrialCase[] = [
  layerCase("direct", { n: 2, channels: [24, 33], height: 4 }),
  layerCase("F2", { n: 2, channels: [9, 17], height: 13 }),
  layerCase("F4", { n: 2, channels: [24, 33], height: 21 }),
  layerCase("T2", { n: 2, channels: [24, 33], height: 11, up: 2 }),
  layerCase("T4", { channels: [16, 24], height: 37, up: 2 }),
  layerCase("halved", { channels: [16, 24], height: 22, down: 2 }),
  layerCase("1x1", { channels: [24, 33], height: 19, kernel: 1 }),
  layerCase("1x1, doubled", { channels: [16, 24], height: 19, kernel: 1, up: 2, decorated: false }),
  layerCase("1x1, halved", { channels: [16, 24], height: 22, kernel: 1, down: 2 }),
  layerCase("to an image", { channels: [24, 3], height: 21, kernel: 1, decorated: false }),
  layerCase("overwritten", { channels: [8, 8], height: 768, width: 1024, layout: "blocked" }),
  tailCase("to an image, in bands", [16, 24, 3], 40),
  layerCase("F4 of an image", { channels: [128, 128], height: 64, timed: true }),
  layerCase("T4 of an image", { channels: [64, 64], height: 64, up: 2, timed: true }),
];

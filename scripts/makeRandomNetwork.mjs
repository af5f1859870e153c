/**
 * Writes a StyleGAN2 generator with random weights in the native format: for benchmarks, and for trying things out.
 *
 *   node scripts/makeRandomNetwork.mjs --resolution 256 --channel-base 16384 OUT.safetensors
 *
 * The geometry is the official one: min(channel base / resolution, channel max) feature maps, z and w of 512, eight
 * mapping layers, architecture skip. Biases and noise strengths are normal numbers of deviation 0.2 rather than the
 * zeros of a new network, so that no term of a layer is idle. Needs the compiled library: npm run build.
 */
import { parseArgs } from "node:util";
import { init, RandomState, saveCheckpoint } from "../dist/index.js";
import { Generator } from "../dist/stylegan/generator.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    resolution: { type: "string", default: "256" },
    "channel-base": { type: "string", default: "16384" },
    "channel-max": { type: "string", default: "512" },
    "img-channels": { type: "string", default: "3" },
    seed: { type: "string", default: "0" },
  },
});
const [path] = positionals;
const imgResolution = Number(values.resolution);
if (path === undefined || positionals.length > 1 || !Number.isInteger(Math.log2(imgResolution)) || imgResolution < 4) {
  console.error(
    "usage: makeRandomNetwork.mjs [--resolution POWER_OF_2] [--channel-base N] [--channel-max N] [--img-channels N] " +
      "[--seed N] OUT.safetensors",
  );
  process.exit(1);
}

const resolutions = Array.from({ length: Math.log2(imgResolution) - 1 }, (_, k) => 4 * 2 ** k);
const channelsAt = (resolution) =>
  Math.min(Math.floor(Number(values["channel-base"]) / resolution), Number(values["channel-max"]));
const geometry = { zDim: 512, cDim: 0, wDim: 512, imgResolution, imgChannels: Number(values["img-channels"]) };
const config = {
  kind: "stylegan2-generator",
  ...geometry,
  mapping: {
    zDim: 512,
    cDim: 0,
    wDim: 512,
    numWs: 2 * resolutions.length,
    embedFeatures: 0,
    embedBias: true,
    inputNormalization: "separate",
    layerFeatures: new Array(8).fill(512),
    activation: "lrelu",
    lrMultiplier: 0.01,
    wAvgBeta: 0.998,
  },
  synthesis: {
    wDim: 512,
    imgResolution,
    imgChannels: geometry.imgChannels,
    channels: resolutions.map((resolution) => [resolution, channelsAt(resolution)]),
    architecture: "skip",
    resampleFilter: [1, 3, 3, 1],
    activation: "lrelu",
    convClamp: null,
    useNoise: true,
    scaleBeforeDemodulation: false,
  },
};

await init({ threads: 1 });
const random = new RandomState(Number(values.seed));
const gEma = new Generator(config, (name, _shape, data, initial) => {
  initial(data, random);
  const isIdle = /synthesis\.b\d+\.\w+\.(bias|noise_strength)$/.test(name);
  if (isIdle) for (let k = 0; k < data.length; k++) data[k] = 0.2 * random.normal();
});
await saveCheckpoint(path, { gEma });
// Worker threads of the kernels would keep the process alive.
process.exit(0);

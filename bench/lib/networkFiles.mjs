/** The networks that are timed: config F with random weights, made once and kept in out/bench. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { init, loadCheckpoint } from "../../dist/index.js";
import { exportOnnx } from "../../dist/stylegan/onnx/exportOnnx.js";

const FOLDER = new URL("../../out/bench/", import.meta.url);
const MAKER = fileURLToPath(new URL("../../scripts/makeRandomNetwork.mjs", import.meta.url));

/** Config F: half the feature maps at 256 and below, as the official configuration "paper256" has it. */
const channelBaseOf = (resolution) => (resolution <= 256 ? 16384 : 32768);

/**
 * @param {number} resolution
 * @param {{ onnx?: boolean }} options  also export the synthesis part as ONNX (always anew: the exporter may have changed)
 * @returns {Promise<{ native: string, onnx: string | null, config: object }>}
 */
export async function networkFiles(resolution, { onnx = false } = {}) {
  const channelBase = channelBaseOf(resolution);
  mkdirSync(FOLDER, { recursive: true });
  const pathTo = (ending) => fileURLToPath(new URL(`configF-${resolution}-${channelBase}.${ending}`, FOLDER));
  const native = pathTo("safetensors");
  const make = () => {
    console.log(`making ${native}`);
    execFileSync(process.execPath, [
      MAKER,
      ...["--resolution", String(resolution), "--channel-base", String(channelBase), "--seed", "0", native],
    ]);
  };
  if (!existsSync(native)) make();
  await init({ threads: 1 });
  let network = await loadCheckpoint(native, { networks: ["gEma"] }).catch(() => null);
  if (network === null) {
    // Written by another version of the library.
    rmSync(native);
    make();
    network = await loadCheckpoint(native, { networks: ["gEma"] });
  }
  const { gEma } = network;
  if (onnx) writeFileSync(pathTo("onnx"), exportOnnx(gEma, { part: "synthesis" }));
  return { native, onnx: onnx ? pathTo("onnx") : null, config: gEma.config };
}

/**
 * Floating-point operations of the convolutions of one image, counted as direct ones: 18 I O for every pixel of a 3x3
 * layer, at the lower resolution where it doubles. What a fast algorithm saves appears as more GFLOP/s.
 */
export function convFlops({ synthesis }) {
  let flops = 0;
  synthesis.channels.forEach(([resolution, channels], k) => {
    const pixels = resolution ** 2;
    flops += 18 * channels * channels * pixels;
    if (k > 0) flops += 18 * synthesis.channels[k - 1][1] * channels * (pixels / 4);
    flops += 2 * channels * synthesis.imgChannels * pixels;
  });
  return flops;
}

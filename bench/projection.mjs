/**
 * What a step of the projector costs, in passes of synthesis (frozen weights, one image), timed in turns:
 *
 *   npm run build && node bench/projection.mjs [--threads N] [--steps 40]
 *
 * A step is a pass forwards, recorded, the features and the noise term, and the way back to w and noise maps. The last column counts
 * processor time: on a busy machine a step, which is longer than a pass, is interrupted more often, and only that ratio can be trusted.
 */
import { parseArgs } from "node:util";
import { init, loadCheckpoint, noGrad, scope, Tensor } from "../dist/index.js";
import { createNetworks, networkGeometry } from "../dist/stylegan/geometry.js";
import { Projector, pixelPerception, pyramidPerception } from "../dist/stylegan/latents/index.js";
import { setTrainable } from "../dist/stylegan/networks.js";

const { values } = parseArgs({
  options: { threads: { type: "string", default: "1" }, steps: { type: "string", default: "40" } },
});
await init({ threads: Number(values.threads) });
const steps = Number(values.steps);
const { gEma } = await loadCheckpoint("models/faces64.safetensors", { networks: ["gEma"] });
const large = setTrainable(
  createNetworks(networkGeometry({ resolution: 256, channelBase: 16384 }), 1).generator,
  false,
);

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
const processorMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
console.log("| network | features | synthesis | step | passes | passes, processor time |\n|---|---|---|---|---|---|");
for (const [name, generator, count] of [
  ["faces64", gEma, steps],
  ["256x256, half the feature maps", large, Math.ceil(steps / 8)],
]) {
  for (const perception of [pixelPerception(), pyramidPerception()]) {
    const { imgResolution: side, imgChannels } = generator;
    const target = Tensor.from(new Float32Array(imgChannels * side * side), [1, imgChannels, side, side]);
    const projector = new Projector(generator, target, { steps: 1000, features: perception, wAvgSamples: 100 });
    const ws = projector.ws();
    const [passes, whole] = [[], []];
    let [passCpu, stepCpu] = [0, 0];
    for (let k = 0; k < count + 3; k++) {
      const [start, startCpu] = [performance.now(), processorMs()];
      noGrad(() => scope(() => void generator.synthesis.forward(ws, { noiseMode: "const" }).internals.block));
      const [between, betweenCpu] = [performance.now(), processorMs()];
      projector.step();
      if (k < 3) continue;
      passes.push(between - start);
      whole.push(performance.now() - between);
      passCpu += betweenCpu - startCpu;
      stepCpu += processorMs() - betweenCpu;
    }
    const [pass, step] = [median(passes), median(whole)];
    const row = [name, perception.name, `${pass.toFixed(1)} ms`, `${step.toFixed(1)} ms`, (step / pass).toFixed(2)];
    console.log(`| ${row.join(" | ")} | ${(stepCpu / passCpu).toFixed(2)} |`);
  }
}

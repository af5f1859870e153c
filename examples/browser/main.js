/**
 * Seed to image in a page. With cross-origin isolation (serve.mjs sends the headers) the kernels use every core, without
 * it one; the images are the same.
 */
import { CheckpointError, init, loadCheckpoint, noGrad, scope, seedsToZ, Tensor, toPixels } from "stylegan";

const element = (id) => document.getElementById(id);
const status = element("status");
let gEma = null;

/** Shows a message, and waits until it can be seen: what follows may keep this thread busy. */
async function say(text) {
  status.value = text;
  await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Runs a handler; what goes wrong is shown, not lost. */
function handle(action) {
  return async (event) => {
    event.preventDefault();
    element("generate").disabled = true;
    try {
      await action(event);
    } catch (error) {
      status.value = error instanceof CheckpointError ? error.message : `Error: ${error.message}`;
    }
    element("generate").disabled = gEma === null;
  };
}

/** An image [1, C, H, W] as the canvas wants it: red, green, blue, opaque. Grey images have one channel. */
function imageData(image) {
  const [, channels, height, width] = image.shape;
  const pixels = toPixels(image);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let at = 0; at < width * height; at++) {
    for (let k = 0; k < 3; k++) data[4 * at + k] = pixels[channels * at + (channels < 3 ? 0 : k)];
  }
  return new ImageData(data, width, height);
}

async function open() {
  const [file] = element("file").files;
  if (file === undefined) return;
  gEma = null;
  await say(`Reading ${file.name}`);
  const checkpoint = await loadCheckpoint(file, { networks: ["gEma"] });
  gEma = checkpoint.gEma;
  const { imgResolution, cDim } = gEma;
  for (const field of [element("label"), element("label").labels[0]]) field.hidden = cDim === 0;
  element("label").max = Math.max(0, cDim - 1);
  element("label").disabled = cDim === 0;
  status.value = `${file.name}: ${checkpoint.format}, ${imgResolution}x${imgResolution}${cDim ? `, ${cDim} classes` : ""}`;
}

async function generate() {
  await say("Generating");
  const [seed, truncationPsi, label] = ["seed", "trunc", "label"].map((id) => element(id).valueAsNumber);
  const start = performance.now();
  const shown = noGrad(() =>
    scope(() => {
      const oneHot = Array.from({ length: gEma.cDim }, (_, index) => (index === label ? 1 : 0));
      const c = gEma.cDim === 0 ? null : Tensor.from(oneHot, [1, gEma.cDim]);
      return imageData(gEma.forward(seedsToZ([seed], gEma.zDim), c, { truncationPsi, noiseMode: "const" }));
    }),
  );
  const canvas = element("canvas");
  [canvas.width, canvas.height] = [shown.width, shown.height];
  canvas.getContext("2d").putImageData(shown, 0, 0);
  status.value = `Seed ${seed}: ${Math.round(performance.now() - start)} ms`;
}

await init();
element("file").addEventListener("change", handle(open));
element("form").addEventListener("submit", handle(generate));
status.value = crossOriginIsolated
  ? "Ready, on all cores"
  : "Ready, on one core: the page is not cross-origin isolated";

/** Projection of a picture into W, step by step, with what has been found so far. */
import { noGrad, Projector, scope, Tensor } from "../library.js";
import type { Model } from "../model.js";
import type { Picture, Projected } from "../protocol.js";
import { copyOf, pictureOf } from "../render.js";

const REPORT_STEPS = 5;

export async function project(
  model: Model,
  target: Picture,
  steps: number,
  context: { readonly goOn: () => Promise<boolean>; readonly partial: (value: Projected) => void },
): Promise<Projected> {
  const { generator, info } = model;
  const projector = new Projector(generator, tensorOf(target, info.channels), { steps, wAvgSamples: 1000 });
  let last: Projected | null = null;
  for (let step = 1; step <= steps; step++) {
    const { distance } = projector.step();
    // Others are heard after every step: in a large network one takes seconds.
    const goesOn = await context.goOn();
    if (goesOn && step % REPORT_STEPS !== 0 && step !== steps) continue;
    const w = projector.w.toArray();
    const image = noGrad(() => scope(() => copyOf(projector.image())));
    last = { step, distance, w, picture: pictureOf(image) };
    if (!goesOn) break;
    if (step < steps) context.partial({ ...last, w: w.slice() });
  }
  return last!;
}

/** Red, green, blue as [1, C, H, W] from -1 to 1; grey networks see the mean. */
function tensorOf({ width, height, data }: Picture, channels: number): Tensor {
  const plane = width * height;
  const values = new Float32Array(channels * plane);
  for (let at = 0; at < plane; at++) {
    const rgb = [data[4 * at], data[4 * at + 1], data[4 * at + 2]];
    for (let c = 0; c < channels; c++) {
      const value = channels === 1 ? (rgb[0] + rgb[1] + rgb[2]) / 3 : rgb[Math.min(c, 2)];
      values[c * plane + at] = value / 127.5 - 1;
    }
  }
  return Tensor.from(values, [1, channels, height, width]);
}

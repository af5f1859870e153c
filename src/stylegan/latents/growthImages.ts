/**
 * How an image comes about, from 4x4 on: the sums of toRgb layers in a skip generator (StyleGAN2, figure 7 b), the
 * levels of detail of a network that grows. Tests: tests/networks/walks.test.ts.
 */
import { noGrad } from "../../nn/autograd/record.js";
import { add } from "../../nn/ops/arith.js";
import { setupFilter, upsample2d } from "../../nn/ops/upfirdn2d.js";
import { scope, Tensor } from "../../nn/tensor.js";
import { upscale2d } from "../growing/lod.js";
import type { AnyGenerator } from "../networks.js";

/**
 * The image at 4x4, 8x8, ... and at full size, each enlarged to full size with hard edges.
 *
 * @param ws [1, numWs, wDim]; constant noise
 * @returns [1, C, R, R] each; the last is the generator's image
 * @throws RangeError for networks that make one image at the end
 */
export function growthImages(generator: AnyGenerator, ws: Tensor): Tensor[] {
  const { imgResolution, imgChannels, config } = generator;
  const levels = Math.log2(imgResolution) - 1;
  if (config.kind !== "stylegan2-generator") {
    return Array.from({ length: levels }, (_, level) =>
      noGrad(() => scope(() => generator.synthesis.forward(ws, { noiseMode: "const", lod: levels - 1 - level }))),
    );
  }
  const { architecture, resampleFilter } = config.synthesis;
  if (architecture !== "skip") {
    throw new RangeError(
      `a ${architecture} generator makes one image, at the end; only skip generators show it growing`,
    );
  }
  return noGrad(() =>
    scope(() => {
      const rgbs: { readonly data: Float64Array; readonly resolution: number }[] = [];
      generator.synthesis.forward(ws, {
        noiseMode: "const",
        onLayer: (name, output) => {
          if (name.endsWith(".torgb")) rgbs.push({ data: output.toFloat64Array(), resolution: output.shape[2] });
        },
      });
      const filter = setupFilter(resampleFilter);
      let image: Tensor | null = null;
      return rgbs.map(({ data, resolution }) => {
        const rgb = Tensor.from(data, [1, imgChannels, resolution, resolution]);
        image = image === null ? rgb : add(upsample2d(image, filter), rgb);
        return upscale2d(image, imgResolution / resolution);
      });
    }),
  );
}

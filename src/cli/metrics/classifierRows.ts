/** Features of the small classifier: a distance for those who have no Inception file, and never called FID. */
import { resize } from "../../formats/index.js";
import { noGrad, scope, Tensor } from "../../index.js";
import type { Classifier, ImagePixels } from "../../stylegan/evaluation/index.js";
import type { ImageSet } from "./images.js";
import type { RowSource } from "./rows.js";
import type { OpenWeights } from "./weights.js";

const BATCH = 25;

/** A row an image; images of another size than the classifier's are resized. */
export function classifierRows(images: ImageSet, { network, sha256 }: OpenWeights<Classifier>): RowSource {
  const { featureDims } = network;
  return {
    label: images.label,
    identity: { features: "classifier", weights: sha256, ...images.identity },
    width: featureDims,
    compute(begin, end) {
      const rows = new Float32Array((end - begin) * featureDims);
      for (let first = begin; first < end; first += BATCH) {
        const n = Math.min(BATCH, end - first);
        const batch = Array.from({ length: n }, (_, k) => images.image(first + k));
        const features = noGrad(() => scope(() => network.features(asTensor(batch, network)).toArray()));
        rows.set(features, (first - begin) * featureDims);
      }
      return rows;
    },
  };
}

/** [N, C, H, W], values from -1 to 1; colours become grey for a classifier of one channel by their mean. */
function asTensor(images: readonly ImagePixels[], { config }: Classifier): Tensor {
  const { imgResolution: side, imgChannels } = config;
  const plane = side * side;
  return Tensor.filled([images.length, imgChannels, side, side], (data) => {
    images.forEach((image, n) => {
      const { channels, data: pixels } = resize(image, side, side);
      for (let at = 0; at < plane; at++) {
        for (let channel = 0; channel < imgChannels; channel++) {
          let value = 0;
          if (imgChannels === 1) for (let c = 0; c < channels; c++) value += pixels[at * channels + c] / channels;
          else value = pixels[at * channels + Math.min(channel, channels - 1)];
          data[(n * imgChannels + channel) * plane + at] = value / 127.5 - 1;
        }
      }
    });
  });
}

/**
 * Plans the gradient of 3x3 convolutions in their weights by transform points (assembly/pointsF4.ts for stride 1, pointsS4.ts
 * for stride 2):
 *
 *   dw = G^T [ sum over tiles of (B^T x B) . (A dy A^T) ] G
 *
 * Tiles of all images are taken in groups whose points fit the cache; group after group adds to the sum in the same order,
 * whatever the number of threads: within a group the work is split by image and channels, then by point.
 */
import type { MicroTile } from "./planConv.js";
import type { Conv2dGeometry } from "./types.js";
import type { Conv2dAlgorithm } from "./wasmConv.js";
import type { Engine } from "./wasmEngine.js";

/** What a stride asks of the kernels. Codes as in assembly/points.ts. */
const forms = {
  1: { points: 36, input: 0, grad: 1, window: 6, step: 4 },
  2: { points: 81, input: 2, grad: 3, window: 9, step: 8 },
} as const;

/**
 * With less work, transforming the weights costs more than it saves; and small networks, whose gradients through the
 * minibatch standard deviation feel every rounding, get the accuracy of the direct form.
 */
const leastProducts = 2 ** 18;
const fewestChannels = 8;
/** Points of a group: about half of what a second-level cache holds; but sums of fewer tiles would spend their time on loading and storing. */
const groupBytes = 1280 * 1024;
const fewestTiles = 32;
/** Keeps the streams of the points out of each other's cache sets. */
const skewBytes = 64;
const pixelBytes = 32;

/** Whether a convolution, or one of its adjoints, is computed by transform points. */
export function isPointsProblem(g: Conv2dGeometry): boolean {
  return (
    g.kernelHeight === 3 &&
    g.kernelWidth === 3 &&
    (g.stride === 1 || g.stride === 2) &&
    g.groups === 1 &&
    Math.min(g.inChannels, g.outChannels) >= fewestChannels &&
    g.n * g.outHeight * g.outWidth * g.inChannels * g.outChannels >= leastProducts
  );
}

export function pointsConv2dWeightGrad(tile: MicroTile): Conv2dAlgorithm {
  return {
    name: "points",
    applies: isPointsProblem,
    run(engine, x, dy, dw, geometry) {
      const { n, inChannels, outChannels, height, width, outHeight, outWidth, padY, padX } = geometry;
      const stride = geometry.stride as 1 | 2;
      const form = forms[stride];
      const tilesY = Math.ceil(outHeight / 4);
      const tilesX = Math.ceil(outWidth / 4);
      const inBlocks = Math.ceil(inChannels / 8);
      const outBlocks = Math.ceil(outChannels / 8);
      const mostTiles = Math.max(
        fewestTiles,
        Math.floor(groupBytes / (form.points * (inBlocks + outBlocks) * pixelBytes)),
      );
      // A group is some images, or some rows of tiles of one image.
      const groupRows = Math.max(1, Math.min(tilesY, Math.floor(mostTiles / tilesX)));
      const groupImages = groupRows < tilesY ? 1 : Math.max(1, Math.min(n, Math.floor(mostTiles / (tilesY * tilesX))));
      const groupTiles = groupImages * groupRows * tilesX;

      const inStride = inBlocks * groupTiles * pixelBytes + skewBytes;
      const outStride = outBlocks * groupTiles * pixelBytes + skewBytes;
      const sumBytes = 36 * inBlocks * outBlocks * 256;
      const columns = (tilesX - 1) * form.step + form.window;
      const scratchStride = Math.ceil((81 + form.window * columns) / 2) * 64;
      const bytes = form.points * (inStride + outStride) + sumBytes + engine.workers * scratchStride;
      engine.withScratch(bytes, (v) => {
        const w = v + form.points * inStride;
        const u = w + form.points * outStride;
        const scratch = u + sumBytes;
        let accumulate = 0;
        for (let image = 0; image < n; image += groupImages) {
          const images = Math.min(groupImages, n - image);
          for (let row = 0; row < tilesY; row += groupRows) {
            const rows = Math.min(groupRows, tilesY - row);
            const tiles = images * rows * tilesX;
            const blockBytes = tiles * pixelBytes;
            const part = { images, row, rows, tilesX, blockBytes, scratch, scratchStride };
            transform(
              engine,
              { ...part, kind: form.input, v, pointStride: inStride },
              {
                ...{
                  pointer: x + image * inChannels * height * width * 4,
                  channels: inChannels,
                  height,
                  width,
                  padY,
                  padX,
                },
              },
            );
            transform(
              engine,
              { ...part, kind: form.grad, v: w, pointStride: outStride },
              {
                ...{ pointer: dy + image * outChannels * outHeight * outWidth * 4, channels: outChannels },
                ...{ height: outHeight, width: outWidth, padY: 0, padX: 0 },
              },
            );
            engine.run("sumOfPoints", 36, [
              ...[stride, v, w, u, inBlocks, outBlocks, tiles, inStride, outStride, accumulate, tile.cols],
            ]);
            accumulate = 1;
          }
        }
        const frame = [stride, u, dw, inChannels, outChannels, scratch, scratchStride];
        engine.run("weightsFromPoints", outBlocks, frame);
      });
    },
  };
}

interface Part {
  readonly kind: number;
  readonly images: number;
  readonly row: number;
  readonly rows: number;
  readonly tilesX: number;
  readonly v: number;
  readonly pointStride: number;
  readonly blockBytes: number;
  readonly scratch: number;
  readonly scratchStride: number;
}

interface Images {
  readonly pointer: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly padY: number;
  readonly padX: number;
}

function transform(engine: Engine, part: Part, images: Images): void {
  engine.run("toPoints", part.images * Math.ceil(images.channels / 8), [
    ...[part.kind, images.pointer, images.channels, images.height, images.width, images.padY, images.padX],
    ...[part.row, part.rows, part.tilesX, part.v, part.pointStride, part.blockBytes, part.scratch, part.scratchStride],
  ]);
}

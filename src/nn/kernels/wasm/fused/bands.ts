/**
 * The last layers of a network, up-convolution, convolution, image, in bands of rows: the map between the first two, the largest of all, is
 * never whole in memory. (What the convolution makes becomes an image while it is in the cache: `convToImage`.) A band is computed as
 * if it were a map of its own, with rows above and below that only its neighbours need right: what is beyond its edges is taken for
 * zero, and spoils
 *
 *   up-convolution   above, the first row of the transposed convolution, as only one product of a tile sees the row above it; below, its
 *                    last two; and what the filter makes of them, 2 rows more
 *   convolution      the tiles at the edge (4 rows), which therefore are not computed
 *
 * Tiles lie where they lie in the whole map, so that the result is the same, bit for bit.
 */
import { type ConvJob, planJob } from "./job.js";
import type { MicroTile } from "./plan.js";

/** A layer of a band, and the first row of its output in the whole map. */
interface BandLayer {
  readonly job: ConvJob;
  readonly row: number;
}

export interface Band {
  /** Rows of the image. */
  readonly from: number;
  readonly to: number;
  readonly up: BandLayer;
  readonly conv: BandLayer;
}

/** A map is cut into parts of at most this, of at least so many rows. */
const bandBytes = 48 * 1024 * 1024;
const fewestRows = 256;

/** How many bands the layers are cut into. */
export function bandsOf({ shape }: ConvJob): number {
  const { n, outChannels, outHeight, outWidth } = shape;
  const bytes = n * Math.ceil(outChannels / 8) * outHeight * outWidth * 32;
  return Math.max(1, Math.min(Math.ceil(bytes / bandBytes), Math.floor(outHeight / fewestRows)));
}

/** @param count at most, each of a multiple of 8 rows */
export function planBands(up: ConvJob, conv: ConvJob, count: number, tile: MicroTile, workers: number): Band[] {
  const height = up.shape.outHeight;
  const rows = Math.ceil(height / count / 8) * 8;
  const bands: Band[] = [];
  for (let from = 0; from < height; from += rows) {
    const to = Math.min(height, from + rows);
    const above = (most: number): number => Math.max(0, from - most);
    const below = (most: number): number => Math.min(height, to + (to === height ? 0 : most));
    const [upFrom, upTo, convFrom, convTo] = [above(8), below(8), above(4), below(4)];
    const upShape = { ...up.shape, height: (upTo - upFrom) / 2, outHeight: upTo - upFrom };
    const convRows = { height: convTo - convFrom, outHeight: to - convFrom, imageFrom: (from - convFrom) / 4 };
    const convShape = { ...conv.shape, inPlace: false, ...convRows };
    bands.push({
      from,
      to,
      up: { job: planJob(upShape, tile, workers, up.settings), row: upFrom },
      conv: { job: planJob(convShape, tile, workers, conv.settings), row: convFrom },
    });
  }
  return bands;
}

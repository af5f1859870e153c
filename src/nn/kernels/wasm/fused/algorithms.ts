/** Which algorithm computes a fused layer: it alone fixes the arithmetic of an output. */

import { DIRECT, F2, F4, T2, T4 } from "../frames/fused.js";

/** Direct sums; Winograd F(2x2,3x3), F(4x4,3x3); Toom-Cook for the transposed convolution, 2 and 4 inputs at a time. */
export type Algorithm = "direct" | "f2" | "f4" | "t2" | "t4";

interface AlgorithmFacts {
  /** Its number in assembly/fused/job.ts. */
  readonly code: number;
  /** Edge of the tile: outputs of a stride-1 convolution, inputs of a transposed one. */
  readonly step: number;
  /** Products per tile and axis. */
  readonly points: number;
  /** Distinct weight matrices per axis. */
  readonly matrices: number;
}

export const algorithms: Readonly<Record<Algorithm, AlgorithmFacts>> = {
  direct: { code: DIRECT, step: 1, points: 1, matrices: 1 },
  f2: { code: F2, step: 2, points: 4, matrices: 4 },
  f4: { code: F4, step: 4, points: 6, matrices: 6 },
  t2: { code: T2, step: 2, points: 5, matrices: 4 },
  t4: { code: T4, step: 4, points: 9, matrices: 6 },
};

/** Whether it computes the stride-2 transposed convolution and its filter. */
export function isTransposed(algorithm: Algorithm): boolean {
  return algorithm === "t2" || algorithm === "t4";
}

/** What the choice depends on: never on the batch or on threads, so that weights are prepared once. */
export interface ConvKind {
  readonly kernel: 1 | 3;
  readonly up: 1 | 2;
  readonly down: 1 | 2;
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

interface TableRow extends Pick<ConvKind, "kernel" | "up" | "down"> {
  /** Pixels. */
  readonly from?: number;
  readonly upTo: number;
  /** Channels, of both sides. */
  readonly channels?: readonly [number, number];
  readonly algorithm: Algorithm;
}

/**
 * The table: the first row that fits, by the smaller side of the input. Small images have so few tiles that reading the weights
 * dominates: below 8 pixels they are used as they are, F2 and T2 keep them at 1.8 times their raw size instead of 4; large images
 * want few products, and so do small ones whose weights stay in the cache. docs/kernels.md has the measurements.
 */
const table: readonly TableRow[] = [
  { kernel: 1, up: 1, down: 1, upTo: Infinity, algorithm: "direct" },
  { kernel: 1, up: 2, down: 1, upTo: Infinity, algorithm: "direct" },
  { kernel: 1, up: 1, down: 2, upTo: Infinity, algorithm: "direct" },
  { kernel: 3, up: 1, down: 2, upTo: Infinity, algorithm: "direct" },
  { kernel: 3, up: 1, down: 1, from: 8, upTo: 15, channels: [16, 256], algorithm: "f4" },
  { kernel: 3, up: 1, down: 1, upTo: 7, algorithm: "direct" },
  { kernel: 3, up: 1, down: 1, upTo: 15, algorithm: "f2" },
  { kernel: 3, up: 1, down: 1, upTo: Infinity, algorithm: "f4" },
  { kernel: 3, up: 2, down: 1, upTo: 31, algorithm: "t2" },
  { kernel: 3, up: 2, down: 1, upTo: Infinity, algorithm: "t4" },
];

export function chooseAlgorithm({ kernel, up, down, height, width, inChannels, outChannels }: ConvKind): Algorithm {
  const side = Math.min(height, width);
  const row = table.find((entry) => {
    const { from = 0, upTo, channels: [fewest, most] = [0, Infinity] } = entry;
    const fits = Math.min(inChannels, outChannels) >= fewest && Math.max(inChannels, outChannels) <= most;
    return entry.kernel === kernel && entry.up === up && entry.down === down && from <= side && side <= upTo && fits;
  });
  return row!.algorithm;
}

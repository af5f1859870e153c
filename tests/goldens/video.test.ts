/** The paths of a video against a second spline solver and numpy (fixtures/video), and the image of one frame. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { init } from "../../src/index.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { toPixels } from "../../src/stylegan/images.js";
import { interpolate, slerpUnit } from "../../src/stylegan/latents/interpolation.js";
import { buildGenerator } from "../../src/stylegan/networks.js";
import { checkpointNamed, compare, goldensOf, readGolden } from "../support/goldens.js";

interface CubicCase {
  readonly name: string;
  readonly K: number;
  readonly wFrames: number;
  readonly wraps: number;
}

describe.each(goldensOf("video"))("$name", ({ path }) => {
  const golden = readGolden(path);
  const json = (name: string): unknown => JSON.parse(golden.metadata[name] ?? "[]");
  const rows = (count: number, at: (frame: number) => ArrayLike<number>): number[] =>
    Array.from({ length: count }, (_, frame) => Array.from(at(frame))).flat();

  test.each(json("cubic") as CubicCase[])("$name", ({ name, K, wFrames, wraps }) => {
    const data = golden.data(`${name}/keys`);
    const curve = interpolate({ data, count: K, dims: data.length / K }, { wraps });
    const { difference } = compare(
      rows(K * wFrames, (frame) => curve(frame / wFrames)),
      golden.data(`${name}/frames`),
    );
    expect(difference).toBeLessThan(1e-12);
  });

  test.each(json("z") as { name: string; K: number; wFrames: number }[])("$name", ({ name, K, wFrames }) => {
    const data = golden.data(`${name}/keys`);
    const dims = data.length / K;
    for (const kind of ["linear", "slerp"] as const) {
      const curve = interpolate({ data, count: K, dims }, { kind });
      const frames = rows(K * wFrames, (frame) => curve(frame / wFrames));
      expect(compare(frames, golden.data(`${name}/${kind}`)).difference).toBeLessThan(1e-12);
    }
    const key = (index: number) => data.subarray((index % K) * dims, ((index % K) + 1) * dims);
    const frames = rows(K * wFrames, (frame) => {
      const from = Math.floor(frame / wFrames);
      return slerpUnit(key(from), key(from + 1), (frame % wFrames) / wFrames);
    });
    expect(compare(frames, golden.data(`${name}/slerp_unit`)).difference).toBeLessThan(1e-12);
  });

  test("through the w's of a checkpoint, and the image half-way", async () => {
    const { name, wFrames, seeds } = json("checkpoint") as { name: string; wFrames: number; seeds: number[] };
    const { path: file, golden: official } = checkpointNamed(name);
    const ws = official.data("ws_psi0.7");
    await init({ threads: 1 });
    const generator = buildGenerator(readCheckpoint(readFileSync(file), { networks: ["gEma"] }).networks.gEma!);
    const { numWs, wDim } = generator;
    const curve = interpolate({ data: ws, count: seeds.length, dims: numWs * wDim });
    const frames = rows(seeds.length * wFrames, (frame) => curve(frame / wFrames).subarray(0, wDim));
    expect(compare(frames, golden.data("checkpoint/w_frames")).difference).toBeLessThan(1e-6);
    const pixels = scope(() =>
      noGrad(() => {
        const w = Tensor.from(curve(1 / wFrames), [1, numWs, wDim]);
        return toPixels(generator.synthesis.forward(w, { noiseMode: "const" }));
      }),
    );
    const expected = golden.data("checkpoint/frame1_u8");
    const { difference } = compare(pixels, expected);
    expect(difference).toBeLessThanOrEqual(1);
    expect(pixels.filter((value, index) => value !== expected[index]).length).toBeLessThan(20);
  });
});

/**
 * Growing networks, official and as this project stores them: each golden at levels of detail has a pickle, which is
 * written as native safetensors and read back, and the copy, with the level of detail taken from its buffer, must make
 * what the official implementation made of the original. (checkpoints.test.ts checks the pickles themselves.)
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnyDiscriminator, type AnyGenerator, encodeCheckpoint, init, loadCheckpoint } from "../../src/index.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { setLod } from "../../src/stylegan/training/schedule.js";
import { checkpointBeside, compare, type Golden, type GoldenFile, goldensOf, readGolden } from "../support/goldens.js";

const goldens = goldensOf("checkpoint").filter(({ path }) =>
  readGolden(path).names.some((name) => /^(img_const|logits)_lod(?!0$)/.test(name)),
);

const tensor = (golden: Golden, name: string): Tensor => Tensor.from(golden.data(name), golden.shape(name));

/** Largest difference relative to the largest value. */
function relative(golden: Golden, name: string, run: () => Tensor): number {
  const actual = scope(() => noGrad(run).toFloat64Array());
  const { difference, largest } = compare(actual, golden.data(name));
  return difference / largest;
}

async function roundTrip(file: GoldenFile): Promise<{ readonly gEma: AnyGenerator; readonly d: AnyDiscriminator }> {
  const { gEma, d } = await loadCheckpoint(checkpointBeside(file), { networks: ["gEma", "d"] });
  const bytes = Buffer.concat([...encodeCheckpoint({ gEma, d })]);
  const copy = await loadCheckpoint(bytes);
  expect(copy.format).toBe("native safetensors");
  expect(copy.gEma!.config).toEqual(gEma!.config);
  expect(copy.d!.config).toEqual(d!.config);
  return { gEma: copy.gEma!, d: copy.d! };
}

describe.each(goldens)("$name", (file) => {
  const golden = readGolden(file.path);
  const atLod = (prefix: string): string[] => golden.names.filter((name) => name.startsWith(prefix));
  let networks: Awaited<ReturnType<typeof roundTrip>>;

  beforeAll(async () => {
    await init({ kernels: "reference" });
    networks = await roundTrip(file);
  });
  afterAll(() => init({ kernels: "auto" }));

  test.each(atLod("img_const_lod"))("%s", (name) => {
    const { gEma } = networks;
    setLod(gEma, Number(name.slice("img_const_lod".length)));
    // The file keeps float32. Nothing of StyleGAN changes in it; StyleGAN2's style biases are stored plus 1, and rounded.
    const tolerance = gEma.config.kind === "stylegan1-generator" ? 1e-9 : 16 * 2 ** -24;
    const ws = tensor(golden, golden.has("ws_psi0.7") ? "ws_psi0.7" : "ws_psi0.7_cutoff8");
    expect(relative(golden, name, () => gEma.synthesis.forward(ws, { noiseMode: "const" }))).toBeLessThanOrEqual(
      tolerance,
    );
  });

  test.each(atLod("logits_lod"))("%s", (name) => {
    const { d } = networks;
    setLod(d, Number(name.slice("logits_lod".length)));
    const c = golden.has("c") ? tensor(golden, "c") : null;
    expect(relative(golden, name, () => d.forward(tensor(golden, "D_in"), c))).toBeLessThanOrEqual(1e-9);
  });
});

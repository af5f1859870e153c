/**
 * Every checkpoint under FIXTURES that has a golden beside it against what the official implementation computed from it. Each tensor of a golden file is checked by the first rule below that knows
 * its name; one that no rule knows fails. New fixtures need no new code.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Checkpoint, init, loadCheckpoint } from "../../src/index.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { toPixels } from "../../src/stylegan/images.js";
import { checkpointBeside, compare, type Golden, goldensOf, readGolden } from "../support/goldens.js";

/** A golden tensor's name, the networks, and the golden inputs: what the library makes of them. */
interface Context {
  readonly networks: Required<Checkpoint>;
  readonly input: (name: string) => Tensor | null;
  readonly golden: Golden;
}

/** The w's that the images were made from: truncated, with whichever cutoff the family uses. */
const imageWs = ({ golden }: Context): string =>
  ["ws_psi0.7", "ws_psi0.7_cutoff8", "ws"].find((name) => golden.has(name))!;

/** The first rows of a tensor. */
function head(x: Tensor | null, rows: number): Tensor | null {
  if (x === null) return null;
  const [, ...rest] = x.shape;
  const size = rest.reduce((product, extent) => product * extent, rows);
  return Tensor.from(x.toFloat64Array().subarray(0, size), [rows, ...rest]);
}

function image(context: Context, noiseMode: "const" | "none", lod?: number): Tensor {
  return context.networks.gEma.synthesis.forward(context.input(imageWs(context))!, { noiseMode, lod });
}

/** The discriminator's input: given, or the images clamped to [-1, 1]. */
function discriminatorInput(context: Context): Tensor {
  const given = context.input("D_in");
  if (given !== null) return given;
  const images = context.input("img_const")!;
  const clamped = images.toFloat64Array().map((value) => Math.max(-1, Math.min(1, value)));
  return Tensor.from(clamped, images.shape);
}

type Rule = readonly [pattern: RegExp, run: (context: Context, match: RegExpExecArray) => Tensor];

const RULES: readonly Rule[] = [
  [
    /^ws(?:_psi([\d.]+?))?(?:_cutoff(\d+))?$/,
    ({ networks, input }, [, psi, cutoff]) =>
      networks.gEma.mapping.forward(input("z")!, input("c"), {
        truncationPsi: psi === undefined ? 1 : Number(psi),
        truncationCutoff: cutoff === undefined ? null : Number(cutoff),
      }),
  ],
  [/^img_(const|none)$/, (context, [, mode]) => image(context, mode as "const" | "none")],
  [/^img_const_lod([\d.]+)$/, (context, [, lod]) => image(context, "const", Number(lod))],
  [/^G_img_none$/, ({ networks, input }) => networks.g.forward(input("z")!, input("c"), { noiseMode: "none" })],
  [
    /^logits(_pair)?$/,
    (context, [, pair]) => {
      const rows = pair === undefined ? context.golden.shape("z")[0] : 2;
      const img = discriminatorInput(context);
      return context.networks.d.forward(head(img, rows)!, head(context.input("c"), rows));
    },
  ],
  [
    /^logits_lod([\d.]+)$/,
    (context, [, lod]) =>
      context.networks.d.forward(discriminatorInput(context), context.input("c"), { lod: Number(lod) }),
  ],
  [
    /^layer\.(.+)$/,
    (context, [, layer]) => {
      const seen: { data?: Float64Array; shape?: readonly number[] } = {};
      const ws = head(context.input(imageWs(context)), 1)!;
      const onLayer = (name: string, output: Tensor): void => {
        if (name === layer) Object.assign(seen, { data: output.toFloat64Array(), shape: output.shape });
      };
      context.networks.gEma.synthesis.forward(ws, { noiseMode: "const", onLayer });
      if (seen.data === undefined) throw new Error(`the synthesis network has no layer ${layer}`);
      return Tensor.from(seen.data, seen.shape);
    },
  ],
];

const INPUTS = new Set(["z", "c", "D_in"]);

function checkPixels(context: Context, name: string): void {
  const lod = /lod([\d.]+)/.exec(name)?.[1];
  const pixels = scope(() => toPixels(image(context, "const", lod === undefined ? undefined : Number(lod))));
  const expected = context.golden.data(name);
  expect(pixels.length).toBe(expected.length);
  let worst = 0;
  let different = 0;
  pixels.forEach((value, index) => {
    worst = Math.max(worst, Math.abs(value - expected[index]));
    if (value !== expected[index]) different++;
  });
  expect(worst, `${name}: largest difference in levels`).toBeLessThanOrEqual(1);
  expect(different / pixels.length, `${name}: share of different bytes`).toBeLessThan(0.001);
}

function checkTensor(context: Context, name: string, tolerance: number): void {
  for (const [pattern, run] of RULES) {
    const match = pattern.exec(name);
    if (match === null) continue;
    const { actual, shape } = scope(() => {
      const result = run(context, match);
      expect(result.requiresGrad, "a loaded network is frozen: nothing is recorded").toBe(false);
      return { actual: result.toFloat64Array(), shape: result.shape };
    });
    expect(shape).toEqual(context.golden.shape(name));
    const { difference, largest } = compare(actual, context.golden.data(name));
    expect(largest, `${name}: the golden has a signal`).toBeGreaterThan(0);
    expect(difference / largest, `${name}: largest difference over largest value`).toBeLessThanOrEqual(tolerance);
    return;
  }
  throw new Error(`no rule knows the golden tensor ${name}`);
}

describe.each(["reference", "simd"] as const)("%s kernels", (kernels) => {
  beforeAll(() => init({ kernels }));
  afterAll(() => init({ kernels: "auto" }));

  describe.each(goldensOf("checkpoint"))("$name", (file) => {
    const golden = readGolden(file.path);
    let context: Context;

    beforeAll(async () => {
      const networks = (await loadCheckpoint(checkpointBeside(file))) as Required<Checkpoint>;
      const input = (name: string): Tensor | null =>
        golden.has(name) ? Tensor.from(golden.data(name), golden.shape(name)) : null;
      context = { networks, input, golden };
    });

    test.each(golden.names.filter((name) => !INPUTS.has(name)))("%s", (name) => {
      if (name.startsWith("u8")) return checkPixels(context, name);
      const double = golden.dtype(name) === "F64" && kernels === "reference";
      checkTensor(context, name, double ? 1e-9 : 1e-4);
    });
  });
});

/** `stylegan export` from a checkpoint on disk to a model that runs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportCommand } from "../../src/cli/commands/export.js";
import { UsageError } from "../../src/cli/terminal.js";
import { loadCheckpoint } from "../../src/index.js";
import { recordedTerminal, runCommand } from "../support/commandLine.js";
import { withOnnxModel } from "../support/onnxRuntime.js";

const checkpoint = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r32-cond5.pkl", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stylegan-onnx-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]): Promise<string> {
  const { terminal, out, err } = recordedTerminal();
  await exportCommand(terminal).parseAsync(args, { from: "user" });
  return out() + err();
}

test("the whole generator, with psi as an input, into a folder that is made", async () => {
  const path = join(folder, "deep", "both.onnx");
  const said = await run(checkpoint, path, "--trunc", "input", "--trunc-cutoff", "4");
  expect(said).toMatch(/^\S+both\.onnx: z to img, \d+\.\d MB\n$/);
  await withOnnxModel(readFileSync(path), async (model) => {
    expect([...model.inputs].sort()).toEqual(["c", "truncation_psi", "z"]);
    expect(model.outputs).toEqual(["img"]);
  });
  expect(readdirSync(join(folder, "deep"))).toEqual(["both.onnx"]);
});

test("a part of it", async () => {
  const path = join(folder, "synthesis.onnx");
  const said = await run(checkpoint, path, "--part", "synthesis", "--noise-mode", "none");
  expect(said).toContain("ws to img");
  await withOnnxModel(readFileSync(path), async (model) => expect(model.inputs).toEqual(["ws"]));
});

test("a name that does not say ONNX is refused, and nothing is written", async () => {
  await expect(run(checkpoint, join(folder, "network.pkl"))).rejects.toThrow(UsageError);
  expect(readdirSync(folder)).toEqual([]);
});

test("info says what the model is, in words and as JSON, without reading its weights", async () => {
  const path = join(folder, "both.onnx");
  await run(checkpoint, path, "--trunc", "input");
  const { code, out } = await runCommand("info", path);
  expect(code).toBe(0);
  expect(out).toContain(`${path}: ONNX model of stylegan export\n`);
  expect(out).toMatch(/inputs +z \[N, 32\], c \[N, 5\], truncation_psi \[\]\n/);
  expect(out).toMatch(/outputs +img \[N, 3, 32, 32\]\n/);
  expect(out).toMatch(/imgResolution +32\n/);
  const told = JSON.parse((await runCommand("info", path, "--json")).out);
  const { gEma } = await loadCheckpoint(checkpoint, { networks: ["gEma"] });
  expect(told).toMatchObject({ part: "both", opset: 13, config: gEma.config });
  expect(told.numbers).toBeGreaterThan(10_000);
});

test("models of other programs, and cut off ones, are named as what they are", async () => {
  const path = join(folder, "both.onnx");
  await run(checkpoint, path);
  const own = readFileSync(path);
  const refused = async (bytes: Uint8Array): Promise<string> => {
    writeFileSync(path, bytes);
    const { code, err } = await runCommand("info", path);
    expect(code).toBe(1);
    return err;
  };
  expect(await refused(own.subarray(0, 2000))).toContain("an ONNX model, made by `stylegan export`; the checkpoint");
  const foreign = Buffer.from(own);
  foreign.write("pytorch!", 4, "latin1");
  expect(await refused(foreign)).toContain("this is not a StyleGAN checkpoint but an ONNX model; expected");
});

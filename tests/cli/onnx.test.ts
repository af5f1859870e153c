/** `stylegan export` from a checkpoint on disk to a model that runs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportCommand } from "../../src/cli/commands/export.js";
import { UsageError } from "../../src/cli/terminal.js";
import { withOnnxModel } from "../support/onnxRuntime.js";

const checkpoint = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r32-cond5.pkl", import.meta.url));
let folder: string;
let said: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stylegan-onnx-"));
  said = "";
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]): Promise<void> {
  const say = (text: string): void => {
    said += text;
  };
  await exportCommand({ out: say, err: say, isInteractive: false, columns: 80 }).parseAsync(args, { from: "user" });
}

test("the whole generator, with psi as an input, into a folder that is made", async () => {
  const path = join(folder, "deep", "both.onnx");
  await run(checkpoint, path, "--trunc", "input", "--trunc-cutoff", "4");
  expect(said).toMatch(/^\S+both\.onnx: z to img, \d+\.\d MB\n$/);
  await withOnnxModel(readFileSync(path), async (model) => {
    expect([...model.inputs].sort()).toEqual(["c", "truncation_psi", "z"]);
    expect(model.outputs).toEqual(["img"]);
  });
  expect(readdirSync(join(folder, "deep"))).toEqual(["both.onnx"]);
});

test("a part of it", async () => {
  const path = join(folder, "synthesis.onnx");
  await run(checkpoint, path, "--part", "synthesis", "--noise-mode", "none");
  expect(said).toContain("ws to img");
  await withOnnxModel(readFileSync(path), async (model) => expect(model.inputs).toEqual(["ws"]));
});

test("a name that does not say ONNX is refused, and nothing is written", async () => {
  await expect(run(checkpoint, join(folder, "network.pkl"))).rejects.toThrow(UsageError);
  expect(readdirSync(folder)).toEqual([]);
});

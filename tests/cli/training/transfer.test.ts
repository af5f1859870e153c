/** `stylegan train --resume FILE`: a run that starts from a checkpoint has its geometry; and what commands say of files. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodePixels } from "../../../src/formats/image/pngEncoding.js";
import { readSafetensors, writeSafetensors } from "../../../src/formats/safetensors.js";
import { writeZip } from "../../../src/formats/zipEncoder.js";
import { encodeCheckpoint, loadCheckpoint } from "../../../src/index.js";
import { RandomState } from "../../../src/nn/random.js";
import { runCommand, scratchFolder } from "../../support/commandLine.js";

const folder = scratchFolder("transfer");
const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const official = fixture("checkpoints/sg2ada-r32-skip-resnet.pkl");

const data = join(folder, "noise.zip");
const random = new RandomState(5);
const images = Array.from({ length: 8 }, (_, index): [string, Uint8Array] => {
  const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.randint(0, 256));
  return [`${index}.png`, encodePixels({ width: 32, height: 32, channels: 3, data: pixels })];
});
writeFileSync(data, writeZip(new Map(images)));

const train = (name: string, ...args: string[]) =>
  runCommand(
    ...["train", "--data", data, "--outdir", join(folder, name), "--aug", "noaug", "--batch", "4"],
    ...["--kimg", "0.004", "--tick", "0.004", "--threads", "1", ...args],
  );
const definitionOf = (name: string) => JSON.parse(readFileSync(join(folder, name, "run.json"), "utf8"));

describe("the geometry of a run is that of the checkpoint", () => {
  test("all of it, where the images are the same: no tensor is left over", async () => {
    const { code, err } = await train("same", "--resume", official);
    expect(code, err).toBe(0);
    expect(err).toMatch(/^\d+ tensors start from .*skip-resnet\.pkl$/m);
    expect(err).not.toContain("are not");
    const { g, d } = await loadCheckpoint(official);
    expect(definitionOf("same").generator).toEqual(g!.config);
    expect(definitionOf("same").discriminator).toEqual(d!.config);
    expect(g!.config.mapping.layerFeatures).toHaveLength(8); // where --cfg auto has 2
  });

  test("what names and shapes do not show, too: the mapping's learning-rate multiplier and activation", async () => {
    const { g } = await loadCheckpoint(official, { networks: ["g"] });
    const { metadata, tensors } = readSafetensors(Buffer.concat([...encodeCheckpoint({ g: g! })]));
    const text = metadata.get("g")!.replace('"lrMultiplier":0.01', '"lrMultiplier":0.1').replace("lrelu", "relu");
    const file = join(folder, "learns.safetensors");
    const entries = [...tensors].map(([name, tensor]) => ({ name, dtype: "f32" as const, tensor }));
    writeFileSync(file, writeSafetensors(entries, new Map([...metadata, ["g", text]])));
    const { code, err } = await train("learns", "--resume", file);
    expect(code, err).toBe(0);
    expect(definitionOf("learns").generator.mapping).toMatchObject({ lrMultiplier: 0.1, activation: "relu" });
  });

  test("options say otherwise: every tensor left over on either side is named", async () => {
    const { code, err } = await train("fewer", "--resume", official, "--map-layers", "2");
    expect(code, err).toBe(0);
    const unused = Array.from({ length: 6 }, (_, i) => `g.mapping.fc${i + 2}.weight, g.mapping.fc${i + 2}.bias`);
    expect(err).toMatch(/^warning: 12 tensors of .*skip-resnet\.pkl are not used: /m);
    expect(err).toContain(unused.join(", "));
    expect(definitionOf("fewer").generator.mapping.layerFeatures).toHaveLength(2);
  });

  test("words of the official tool", async () => {
    const none = await train("noresume", "--resume", "noresume", "--channel-base", "256", "--channel-max", "8");
    expect(none.code, none.err).toBe(0);
    const name = await train("named", "--resume", "ffhq256");
    expect(name.code).not.toBe(0);
    expect(name.err).toContain(
      "--resume ffhq256: the official tool downloads a network of this name; here give its file",
    );
    const wide = await train("wide", "--resume", fixture("cases/tf-base-3x5.pkl"));
    expect(wide.err).toContain("makes images of 24x40 pixels; training takes square ones");
  });
});

describe("what was ignored and assumed is told once", () => {
  const extra = fixture("cases/tf-extra-variables.pkl");
  const note = 'ignored, because no network of this kind has them: "epochs", "epochs_1"';
  test("by commands, as a warning; by info, in its words", async () => {
    const made = await runCommand("generate", "--network", extra, "--seeds", "0,1", "--outdir", join(folder, "out"));
    expect(made.code, made.err).toBe(0);
    expect(made.err.split(note)).toHaveLength(2);
    const { out } = await runCommand("info", extra);
    expect(out).toContain(`note: ${note}`);
    expect(out).toContain("Gs, the averaged generator\n");
    expect(JSON.parse((await runCommand("info", extra, "--json")).out)).toMatchObject({
      names: { gEma: "Gs", g: "G", d: "D" },
      warnings: [note],
    });
  });

  test("info without a file describes the bundled model", async () => {
    const { code, out } = await runCommand("info");
    expect(code).toBe(0);
    expect(out).toMatch(/faces64\.safetensors: native safetensors/);
  });

  test("images that are not square, on a sheet", async () => {
    const outdir = join(folder, "wide-images");
    const args = ["--seeds", "0-5", "--grid", "2x3", "--zoom", "2", "--outdir", outdir];
    const { code, err } = await runCommand("generate", "--network", fixture("cases/tf-base-3x5.pkl"), ...args);
    expect(code, err).toBe(0);
    const header = readFileSync(join(outdir, "grid.png")).subarray(16, 24);
    expect([header.readUInt32BE(0), header.readUInt32BE(4)]).toEqual([3 * 40 * 2, 2 * 24 * 2]);
  });
});

/** Bun and Deno, from npm: the library and the command line draw Node's pixels. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { check, expect, project, run } from "./lib.mjs";

const program = `
import { encodePng, loadCheckpoint, noGrad, scope, seedsToZ } from "stylegan";
import { writeFileSync } from "node:fs";
const { gEma } = await loadCheckpoint("bundled", { networks: ["gEma"] });
const png = noGrad(() => scope(() =>
  encodePng(gEma.forward(seedsToZ([0], gEma.zDim), null, { truncationPsi: 0.7, noiseMode: "const" }))));
writeFileSync(process.argv.at(-1), png);
process.exit(0);
`;

export async function runtimes(archive) {
  const folder = await project("runtimes", { packages: [archive, "bun@1", "deno@2"], files: { "draw.mjs": program } });
  await run("node", ["draw.mjs", "node.png"], { cwd: folder });
  const expected = readFileSync(join(folder, "node.png"));
  const command = "node_modules/stylegan/dist/cli/main.js";
  const ways = [
    ["Bun", "bun", []],
    ["Deno", "deno", ["run", "-A"]],
  ];
  for (const [name, file, flags] of ways) {
    const runtime = await installed(folder, file);
    await check(`${name}, library`, async () => {
      const said = await run(runtime, [...flags, "draw.mjs", `${file}.png`], { cwd: folder, minutes: 2 });
      report(readFileSync(join(folder, `${file}.png`)), expected);
      return said.trim().slice(0, 200) || undefined;
    });
    await check(`${name}, command line`, async () => {
      const out = `out-${file}`;
      const args = ["generate", "--seeds", "0", "--trunc", "0.7", "--noise-mode", "const", "--outdir", out];
      await run(runtime, [...flags, command, ...args], { cwd: folder, minutes: 2 });
      report(readFileSync(join(folder, out, "seed0000.png")), expected);
    });
  }
  await check("Deno, without any permission", async () => {
    const deno = await installed(folder, "deno");
    const text = `import { init } from "stylegan"; await init({ threads: 1 }); console.log("fine"); Deno.exit(0);`;
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(folder, "bare.mjs"), text);
    const said = await run(deno, ["run", "--no-prompt", "bare.mjs"], { cwd: folder, minutes: 2 });
    expect(said.includes("fine"), said);
  });
}

/** The program of a runtime; npm leaves out the scripts that would put it in its place. */
async function installed(folder, name) {
  const bin = join(folder, "node_modules", ".bin", name);
  try {
    await run(bin, ["--version"], { cwd: folder });
    return bin;
  } catch {
    await run("npm", ["rebuild", name, "--foreground-scripts", "--ignore-scripts=false"], { cwd: folder });
    await run(bin, ["--version"], { cwd: folder });
    return bin;
  }
}

function report(png, expected) {
  expect(png.equals(expected), "another picture than Node draws");
}

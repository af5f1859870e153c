/** The archive itself: its weight, what linters of packages say, and the first things that somebody tries. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { check, expect, project, root, run, work } from "./lib.mjs";

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** Not JavaScript for importers, but to be read or fetched by their address. */
const isFile = (name) => /[.](wasm|js|safetensors)$/.test(name);
const entries = Object.keys(exports).filter((name) => !isFile(name) && !name.endsWith(".json"));

const MOST_BYTES = 2_000_000;
const tools = ["publint@0.3", "@arethetypeswrong/cli@0.18"];

export async function packageItself(archive) {
  await check("weight", () => {
    const { size } = statSync(archive);
    expect(size <= MOST_BYTES, `the archive has ${size} bytes, at most ${MOST_BYTES}`);
    return `${size} bytes`;
  });

  await check("no file names a source map: none are shipped", async () => {
    const folder = join(work, "unpacked");
    mkdirSync(folder);
    await run("tar", ["xzf", archive, "-C", folder]);
    const files = readdirSync(folder, { recursive: true }).filter((name) => /[.](js|ts|css|map)$/.test(name));
    expect(files.length > 100, `${files.length} files`);
    const naming = files.filter((name) =>
      /^\/[/*][#@] sourceMappingURL=/m.test(readFileSync(join(folder, name), "utf8")),
    );
    expect(naming.length === 0 && !files.some((name) => name.endsWith(".map")), `maps: ${naming.slice(0, 3)}`);
  });

  await check("publint and attw", async () => {
    const folder = await project("linters", { packages: tools });
    await run("npx", ["publint", "run", "--strict", archive], { cwd: folder });
    const files = Object.keys(exports).filter(isFile);
    await run("npx", ["attw", archive, "--profile", "esm-only", "--exclude-entrypoints", ...files], { cwd: folder });
  });

  await check("an empty folder: npx stylegan generate", async () => {
    const folder = await project("empty", { packages: [archive] });
    await run("npx", ["stylegan", "generate", "--seeds", "0-3", "--trunc", "0.7", "--outdir", "out"], { cwd: folder });
    for (const seed of [0, 1, 2, 3]) expect(existsSync(join(folder, "out", `seed000${seed}.png`)), `seed ${seed}`);
    await explore(folder);
  });

  await check("require, and every entry", async () => {
    const names = entries.map((entry) => entry.replace(/^[.]/, "stylegan"));
    const program = (load) => `(async () => {
      for (const name of ${JSON.stringify(names)}) {
        const entry = ${load};
        if (Object.keys(entry).length === 0) throw new Error(name + " exports nothing");
      }
      const { loadCheckpoint } = ${load.replace("name", '"stylegan"')};
      const { existsSync } = ${load.replace("name", '"node:fs"')};
      const { gEma } = await loadCheckpoint("bundled", { networks: ["gEma"] });
      console.log(gEma.imgResolution);
    })().catch((error) => { console.error(error); process.exit(1); });`;
    const folder = await project("require", {
      packages: [archive],
      files: { "a.cjs": program("require(name)"), "b.mjs": program("await import(name)") },
    });
    for (const file of ["a.cjs", "b.mjs"]) {
      const said = await run(process.execPath, [file], { cwd: folder });
      expect(said.trim().endsWith("64"), said);
    }
    const resolve = `const { readFileSync } = require("node:fs");
      for (const name of ["models/faces64.safetensors", "kernels/simd.wasm", "kernels/worker.js"])
        if (readFileSync(require.resolve("stylegan/" + name)).length < 1000) throw new Error(name);`;
    await run(process.execPath, ["-e", resolve], { cwd: folder });
    return names.join(", ");
  });
}

/** Its page and model are there: `stylegan explore` serves both. */
async function explore(folder) {
  const server = spawn("npx", ["stylegan", "explore", "--no-open", "--port", "0"], { cwd: folder, detached: true });
  try {
    const address = await new Promise((resolve, reject) => {
      server.stdout.once("data", (text) => resolve(String(text).split("\n")[0]));
      server.stderr.once("data", (text) => reject(new Error(String(text))));
    });
    for (const [path, begins] of Object.entries({ "": "<!doctype html>", "models/faces64.safetensors": "" })) {
      const response = await fetch(address + path);
      const text = await response.text();
      expect(response.ok && text.length > 1000 && text.startsWith(begins), `${address}${path}: ${response.status}`);
    }
  } finally {
    process.kill(-server.pid);
  }
}

/** From an address of git: built where it is installed, the page, too. Clones the last commit. */
export async function fromGit() {
  await check("npm install git+file://...", async () => {
    const clone = join(work, "clone");
    await run("git", ["clone", "--quiet", "--depth", "1", `file://${root}`, clone]);
    const folder = await project("git", {});
    await run("npm", ["install", "--no-audit", "--no-fund", `git+file://${clone}`], { cwd: folder, minutes: 20 });
    await run("npx", ["stylegan", "generate", "--seeds", "0", "--outdir", "out"], { cwd: folder });
    expect(existsSync(join(folder, "out", "seed0000.png")), "seed 0");
    await explore(folder);
  });
}

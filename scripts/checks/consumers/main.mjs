/**
 * The package as others get it, packed and installed into projects of their own with default settings:
 *
 *   npm run build && node scripts/checks/consumers/main.mjs [package] [types] [bundlers] [next] [runtimes] [git]
 *
 * Without names all but git. Needs the npm registry, and Chromium for bundlers and next (CHROMIUM, or /usr/bin/chromium).
 */
import { bundlers, next } from "./bundlers.mjs";
import { cleanUp, pack, summary } from "./lib.mjs";
import { fromGit, packageItself } from "./package.mjs";
import { runtimes } from "./runtimes.mjs";
import { types } from "./types.mjs";

const parts = { package: packageItself, types, bundlers, next, runtimes, git: fromGit };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts).filter((name) => name !== "git");
const unknown = names.find((name) => !(name in parts));
if (unknown !== undefined) throw new Error(`there is no part ${unknown}; there is ${Object.keys(parts).join(", ")}`);

try {
  const archive = await pack();
  for (const name of names) await parts[name](archive);
} finally {
  cleanUp();
}
process.exitCode = summary();

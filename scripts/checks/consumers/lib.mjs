/** What the checks of consumers share: the packed package, projects in folders of their own, commands, results. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Not within the repository: nothing may be found in its node_modules. */
export const work = mkdtempSync(join(tmpdir(), "stylegan-consumers-"));
export const cleanUp = () => rmSync(work, { recursive: true, force: true });

/** Runs a command to its end; rejects, with what it said, when it fails or takes too long. */
export function run(command, args, { cwd = work, minutes = 5, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), minutes * 60_000);
    child.stdout.on("data", (text) => {
      said += text;
    });
    child.stderr.on("data", (text) => {
      said += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(said);
      else reject(new Error(`${command} ${args.join(" ")}: ${signal ?? `exit code ${code}`}\n${said.slice(-4000)}`));
    });
  });
}

const npmFlags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];

/** Packs the package as npm would publish it; the path of the archive. */
export async function pack() {
  await run("npm", ["pack", "--pack-destination", work], { cwd: root });
  const name = readdirSync(work).find((file) => file.endsWith(".tgz"));
  return join(work, name);
}

/** A project in a folder of its own, with files and the packages that it names installed. */
export async function project(name, { packages = [], files = {}, type = "module", settings = {} }) {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  const manifest = { name: name.replaceAll(/[^a-z0-9-]/g, "-"), private: true, type, ...settings };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  if (packages.length > 0) await run("npm", ["install", ...npmFlags, ...packages], { cwd: folder, minutes: 10 });
  return folder;
}

const failures = [];

/** Runs one check: says how it went, and goes on. */
export async function check(name, body) {
  const start = performance.now();
  try {
    const says = await body();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`ok      ${name} (${seconds} s)${says === undefined ? "" : `: ${says}`}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

export function expect(condition, says) {
  if (!condition) throw new Error(says);
}

/** Prints what failed; the exit code of the whole. */
export function summary() {
  console.log(failures.length === 0 ? "all consumers are fine" : `${failures.length} failed: ${failures.join(", ")}`);
  return failures.length === 0 ? 0 : 1;
}

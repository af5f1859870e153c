/**
 * The main job of `npm start`: a sheet of images under out/. From the bundled model when models/ has one, else from a
 * small checkpoint of the tests: its weights are random, so it shows that all works, in abstract patterns.
 */
import { join, relative, resolve } from "node:path";
import { bundledModel } from "../dist/cli/networks.js";
import { runCli } from "../dist/cli/program.js";

const root = resolve(import.meta.dirname, "..");
const outdir = join(root, "out");
const model = bundledModel();
// Noise of random strength would hide the patterns of the random network.
const job =
  model === null
    ? { network: "tests/fixtures/checkpoints/sg3repo-stylegan2-r32.pkl", grid: "6x8", noise: "none" }
    : { network: relative(root, model), grid: "4x6", noise: "const" };
const [rows, columns] = job.grid.split("x").map(Number);
const seeds = `0-${rows * columns - 1}`;

console.log(`Seeds ${seeds} of ${job.network}`);
const choices = ["--seeds", seeds, "--grid", job.grid, "--trunc", "0.7", "--noise-mode", job.noise];
process.exitCode = await runCli(["generate", "--network", join(root, job.network), ...choices, "--outdir", outdir]);
if (process.exitCode === 0) console.log(`Open ${join(outdir, "grid.png")}`);

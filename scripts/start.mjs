/**
 * The main job of `npm start`: what the bundled model draws, as three sheets under out/ (or the folder given). Each is
 * made by a command that can be typed as it is printed.
 *
 *   faces        seeds 0, 1, 2, ..., as they come
 *   truncation   StyleGAN, figure 8: a seed in each row, psi from 1 to -1
 *   mixing       StyleGAN, figure 3: shape and pose of the column's seed, all else of the row's
 */
import { join } from "node:path";
import { runCli } from "../dist/cli/program.js";

const sheets = {
  faces: "generate --seeds 0-23 --trunc 0.7 --grid 4x6 --zoom 2",
  truncation: "generate --seeds 0-3 --trunc 1,0.7,0.5,0,-0.5,-1 --grid --zoom 2",
  mixing: "mix --rows 0-3 --cols 4-8 --styles 0-3 --trunc 0.7 --zoom 2",
};

const out = process.argv[2] ?? "out";
for (const [name, command] of Object.entries(sheets)) {
  const folder = join(out, name);
  const args = [...command.split(" "), "--outdir", folder];
  console.log(`\nnpx stylegan ${args.join(" ")}`);
  process.exitCode = await runCli(args);
  if (process.exitCode !== 0) break;
}
if (process.exitCode === 0) {
  const list = Object.keys(sheets).map((name) => `\n  ${join(out, name, "grid.png")}`);
  console.log(`\nOpen${list.join("")}`);
}

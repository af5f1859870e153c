/**
 * The figures of the model card and of the run before it:
 *
 *   node scripts/docs/modelCard.mjs
 *
 * They come from the bundled model and from the records of the two runs, models/faces/curve32.json and curve64.json, which
 * frechetCurve.mjs writes. Pictures go to docs/images; text goes between the marks <!-- part --> and <!-- /part --> of
 * models/README.md and docs/training.md. What is not there yet is left out. Needs the compiled library (npm run build).
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bundledModel } from "../../dist/cli/networks.js";
import { runCli } from "../../dist/cli/program.js";
import { formatDuration } from "../../dist/cli/progress.js";
import { loadCheckpoint } from "../../dist/index.js";
import { curveTable, distanceAt, plotCurve } from "../runs/runs.mjs";

const root = join(import.meta.dirname, "../..");
const card = join(root, "models", "README.md");
const picture = (name) => join(root, "docs", "images", `${name}.png`);

/** Puts text between the marks of a part. */
function fill(page, part, text) {
  const [begin, end] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const [before, rest, more] = readFileSync(page, "utf8").split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined || more !== undefined) throw new Error(`${page} needs ${begin} and ${end}, once`);
  writeFileSync(page, `${before}${begin}\n\n${text}\n\n${end}${after}`);
  console.log(`wrote ${part} into ${page}`);
}

/** A command line on lines of the page's width. */
function folded(command) {
  const lines = [""];
  for (const word of command.split(/ (?=--)/)) {
    if (lines.at(-1).length + word.length > 112) lines.push("");
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines.join(" \\\n  ");
}

/** The record of a run in words and numbers. */
function describe({ command, kimg, seconds, engine, images, curve }, baseKimg) {
  const rate = ((1000 * kimg) / seconds).toFixed(0);
  const tenth = distanceAt(curve, baseKimg) / 10;
  const reached = curve.find(({ frechetDistance }) => frechetDistance < tenth);
  return [
    `\`\`\`\n${folded(command)}\n\`\`\``,
    `${kimg.toFixed(0)} kimg in ${formatDuration(seconds * 1000)}, ${rate} images a second` +
      `${engine === undefined ? "" : ` (${engine})`}. The Fréchet distance of ${images} images:`,
    curveTable(curve, { baseKimg }),
    ...(reached === undefined
      ? []
      : [
          `After ${reached.kimg} kimg, ${formatDuration(reached.seconds * 1000)}, it is below a tenth of what it was ` +
            `after ${baseKimg} kimg.`,
        ]),
  ].join("\n\n");
}

function writeRun(size, page, baseKimg) {
  const path = join(root, "models", "faces", `curve${size}.json`);
  if (!existsSync(path)) return;
  const record = JSON.parse(readFileSync(path, "utf8"));
  plotCurve(record.curve, picture(`faces${size}-curve`), { baseKimg });
  fill(page, `run${size}`, describe(record, baseKimg));
}

async function writeModel(path) {
  const folder = mkdtempSync(join(tmpdir(), "stylegan-card-"));
  execFileSync(process.execPath, [join(root, "scripts", "start.mjs"), folder], { cwd: root, stdio: "ignore" });
  for (const name of ["faces", "truncation", "mixing"]) copyFileSync(join(folder, name, "grid.png"), picture(name));
  for (const psi of [1, 0.7]) {
    const outdir = join(folder, `psi${psi}`);
    const choices = `--seeds 0-47 --trunc ${psi} --grid 4x12`.split(" ");
    const code = await runCli(["generate", ...choices, "--outdir", outdir]);
    if (code !== 0) throw new Error("generate failed");
    copyFileSync(join(outdir, "grid.png"), picture(`faces-psi${psi}`));
  }
  rmSync(folder, { recursive: true });

  const { gEma } = await loadCheckpoint(path);
  const { synthesis, mapping } = gEma.config;
  const count = [...gEma.parameters.values()].reduce((all, { size }) => all + size, 0);
  const rows = {
    file: `\`${basename(path)}\`, ${(statSync(path).size / 1e6).toFixed(1)} MB, float16`,
    network: `StyleGAN2, ${synthesis.architecture} generator, ${gEma.imgResolution}x${gEma.imgResolution}`,
    parameters: count.toLocaleString("en"),
    "feature maps": synthesis.channels.map(([side, maps]) => `${maps} at ${side}x${side}`).join(", "),
    "z, w": `${gEma.zDim}, ${gEma.wDim}; ${mapping.layerFeatures.length} mapping layers; ${gEma.numWs} styles`,
  };
  const line = ([name, what]) => `| ${name} | ${what} |`;
  fill(card, "model", ["| | |\n| --- | --- |", ...Object.entries(rows).map(line)].join("\n"));
}

writeRun(32, join(root, "docs", "training.md"), 10);
writeRun(64, card);
const model = bundledModel();
if (model !== null) await writeModel(model);
// Worker threads of the kernels would keep the process alive.
process.exit(0);

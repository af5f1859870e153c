/** `stylegan directions find` and `sheet`: directions in W without labels, and what they do. */
import { basename, dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { writeFile } from "../../files.js";
import { writeNpz } from "../../formats/index.js";
import { RandomState } from "../../index.js";
import {
  applyEdits,
  type Directions,
  directionArrays,
  pcaDirections,
  sefaDirections,
} from "../../stylegan/latents/index.js";
import { makeFolder } from "../files.js";
import { checkFormat, Sheet, synthesize } from "../images/pictures.js";
import { openDirection } from "../latents/edits.js";
import { wsOfSeed } from "../latents/stored.js";
import { openTruncation } from "../latents/truncation.js";
import { labelOf, openGenerator } from "../networks.js";
import {
  addEngineOptions,
  classOption,
  type EngineOptions,
  parseAmounts,
  parseCount,
  parseNumber,
  parseSeed,
  zoomOption,
} from "../options.js";
import { formatDuration, Progress } from "../progress.js";
import { parseLayers, parseNumberList, parseSeeds } from "../seeds.js";
import { type Terminal, UsageError } from "../terminal.js";

interface FindOptions extends EngineOptions {
  readonly network?: string;
  readonly method: "sefa" | "pca";
  readonly layers: readonly number[] | "all";
  readonly samples: number;
  readonly components: number;
  readonly seed: number;
  readonly class?: number;
}

interface SheetOptions extends EngineOptions {
  readonly network?: string;
  readonly directions: string;
  readonly indices: readonly number[];
  readonly seeds: readonly number[];
  readonly range: readonly [number, number];
  readonly steps: number;
  readonly layers?: readonly number[] | "all";
  readonly trunc: number;
  readonly class?: number;
  readonly outdir: string;
  readonly zoom?: number;
}

const parseLayerSet = (text: string): readonly number[] | "all" => (text.trim() === "all" ? "all" : parseLayers(text));

const networkOption = (): Option =>
  new Option("--network <file>", "checkpoint to use: a file or an address (default: the bundled model)");

export function directionsCommand(terminal: Terminal): Command {
  return new Command("directions")
    .description("Directions in W that change images much: find them, and look at what they do.")
    .addCommand(findCommand(terminal))
    .addCommand(sheetCommand(terminal))
    .addHelpText("after", '\nUse them: stylegan generate --seeds 0-3 --edit "directions.npz:2@0-3=+2.5"');
}

function findCommand(terminal: Terminal): Command {
  const command = new Command("find")
    .description("Write a file of directions: SeFa, from the weights, or PCA of w.")
    .argument("<out>", "file to write, NAME.npz: directions [K, wDim], eigenvalues [K], layers")
    .addOption(networkOption())
    .addOption(
      new Option("--method <kind>", "sefa: closed form; pca: of many w's").choices(["sefa", "pca"]).default("sefa"),
    )
    .addOption(
      new Option("--layers <list>", "layers they are for, as 0-1; sefa finds what changes their styles")
        .argParser(parseLayerSet)
        .default("all"),
    )
    .addOption(new Option("-n, --samples <count>", "latents, for pca").argParser(parseCount(2)).default(100_000))
    .addOption(new Option("-c, --components <count>", "directions to keep").argParser(parseCount(1)).default(80))
    .addOption(new Option("--seed <number>", "of the latents, for pca").argParser(parseSeed).default(0))
    .addOption(classOption())
    .addHelpText(
      "after",
      "\nExamples:\n  $ stylegan directions find --network ffhq.pkl --layers 0-3 directions.npz\n  $ stylegan directions find --method pca -n 100000 -c 20 directions.npz",
    );
  return addEngineOptions(command).action((out: string, options: FindOptions) => find(out, options, terminal));
}

async function find(out: string, options: FindOptions, terminal: Terminal): Promise<void> {
  if (!out.endsWith(".npz")) throw new UsageError(`the file to write must end in .npz, got ${out}`);
  const opened = await openGenerator(options.network, options, terminal);
  const { generator, name } = opened;
  const { method, samples, seed, components: count } = options;
  const layers = options.layers === "all" ? null : options.layers;
  const missing = layers?.find((layer) => layer >= generator.numWs);
  if (missing !== undefined) {
    throw new UsageError(`--layers: ${name} has no layer ${missing}: its layers are 0 to ${generator.numWs - 1}`);
  }
  const c = method === "pca" ? labelOf(options.class, opened, terminal) : null;
  const progress = new Progress(method === "pca" ? Math.ceil(samples / 1000) : 1, terminal);
  let found: Directions;
  try {
    found =
      method === "sefa"
        ? sefaDirections(generator, { layers, count })
        : pcaDirections(generator, { samples, seed, count, c, onProgress: () => progress.tick("thousand w's") });
  } finally {
    progress.end();
  }
  makeFolder(dirname(out));
  writeFile(out, writeNpz(directionArrays({ ...found, layers: layers ?? found.layers })));
  const total = found.directions.length;
  terminal.out(`${total} directions of ${name} by ${method} in ${out} (${formatDuration(progress.elapsedMs)})\n`);
}

function sheetCommand(terminal: Terminal): Command {
  const command = new Command("sheet")
    .description("A sheet for each direction, direction00.png and on: a seed in each row, steps along it to the right.")
    .addOption(networkOption())
    .requiredOption("--directions <file>", "file of directions: .npz, .npy or .pt")
    .addOption(
      new Option("-i, --indices <list>", "which of them, as 0-4")
        .argParser((text) => parseNumberList(text, { what: "indices", max: 99_999 }))
        .default([0, 1, 2, 3, 4], "0-4"),
    )
    .addOption(new Option("--seeds <list>", "the rows").argParser(parseSeeds).default([0, 1, 2, 3, 4], "0-4"))
    .addOption(
      new Option("--range <low,high>", "from the left to the right").argParser(parseAmounts).default([-3, 3], "-3,3"),
    )
    .addOption(
      new Option("--steps <count>", "images in a row")
        .argParser((text) => {
          const value = parseCount(2)(text);
          if (value > 99) throw new InvalidArgumentError("Expected at most 99.");
          return value;
        })
        .default(7),
    )
    .addOption(new Option("--layers <list>", "layers to move (default: those of the file)").argParser(parseLayerSet))
    .addOption(new Option("--trunc <psi>", "truncation of the seeds").argParser(parseNumber).default(1))
    .addOption(classOption())
    .option("--outdir <folder>", "where to put the sheets; made when it is not there", "out")
    .addOption(zoomOption())
    .addHelpText(
      "after",
      "\nExamples:\n  $ stylegan directions sheet --directions directions.npz -i 0-9 --seeds 0-4 --trunc 0.7 --outdir sheets\n  $ stylegan directions sheet --network ffhq.pkl --directions age.npy -i 0 --range -5,5 --layers 0-7",
    );
  return addEngineOptions(command).action((options: SheetOptions) => sheet(options, terminal));
}

async function sheet(options: SheetOptions, terminal: Terminal): Promise<void> {
  const { directions: file, indices, seeds, range, steps, outdir, zoom, trunc } = options;
  const opened = await openGenerator(options.network, options, terminal);
  const { generator } = opened;
  checkFormat(generator, "png");
  const all = Array.from({ length: generator.numWs }, (_, layer) => layer);
  const layers = options.layers === "all" ? all : (options.layers ?? null);
  const chosen = indices.map((index) => ({ index, ...openDirection({ file, index, layers }, generator) }));
  const c = labelOf(options.class, opened, terminal);
  const truncate = openTruncation(generator, { trunc: { kind: "psis", psis: [trunc] } }, c);
  makeFolder(outdir);
  const progress = new Progress(chosen.length, terminal);
  const noise = { noiseMode: "const", random: new RandomState(0) } as const;
  try {
    for (const { index, ...edit } of chosen) {
      const picture = new Sheet(generator, { rows: seeds.length, columns: steps }, zoom);
      for (const [row, seed] of seeds.entries()) {
        for (let step = 0; step < steps; step++) {
          const amount = range[0] + ((range[1] - range[0]) * step) / (steps - 1);
          const ws = () => applyEdits(truncate(wsOfSeed(generator, seed, c), trunc), [{ ...edit, amount }]);
          picture.put(row * steps + step, synthesize(generator, ws, noise));
        }
      }
      const path = join(outdir, `direction${String(index).padStart(2, "0")}.png`);
      writeFile(path, picture.encode());
      progress.step(path);
    }
  } finally {
    progress.end();
  }
  const sheets = chosen.length === 1 ? "1 sheet" : `${chosen.length} sheets`;
  terminal.out(`${sheets} of ${basename(file)} in ${outdir} (${formatDuration(progress.elapsedMs)})\n`);
}

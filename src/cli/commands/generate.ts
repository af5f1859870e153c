/**
 * `stylegan generate`: images from seeds, or from stored w's.
 *
 * Every image depends on its own seed only: z is numpy's RandomState(seed), as in the official tools, and random noise
 * goes on drawing from the same generator, layer after layer, as in the official TensorFlow tool. With several psi, the
 * images of a seed lie next to each other on the sheet, with the same noise: the truncation of StyleGAN's figure 8.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { type AnyGenerator, type NoiseMode, RandomState, Tensor } from "../../index.js";
import { applyEdits, setNoise } from "../../stylegan/latents/index.js";
import { makeFolder } from "../files.js";
import { checkFormat, type ImageFormat, Sheet, synthesize } from "../images/pictures.js";
import { type SeriesImage, writeSeries } from "../images/series.js";
import { addEditOptions, type EditOptions, openEdits } from "../latents/edits.js";
import { openLatents } from "../latents/stored.js";
import {
  addTruncationOptions,
  openTruncation,
  parseTruncation,
  type TruncationOptions,
} from "../latents/truncation.js";
import { labelOf, openGenerator } from "../networks.js";
import {
  addEngineOptions,
  classOption,
  type EngineOptions,
  type GridSize,
  imageFormats,
  jsonOption,
  noiseModeOption,
  parseGrid,
  parseNumber,
  zoomOption,
} from "../options.js";
import { parseSeeds } from "../seeds.js";
import { type Terminal, UsageError } from "../terminal.js";

interface GenerateOptions extends EngineOptions, EditOptions, TruncationOptions {
  readonly network?: string;
  readonly seeds?: readonly number[];
  readonly class?: number;
  readonly noiseMode: NoiseMode;
  readonly lod?: number;
  readonly projectedW?: string;
  /** As people type it. */
  readonly projected_w?: string;
  readonly outdir: string;
  /** true: a size that suits. */
  readonly grid?: GridSize | true;
  readonly zoom?: number;
  readonly format: ImageFormat;
  readonly json?: true;
}

/** One image to make: its file name without the ending, the seed of everything random in it, and its w's. */
interface Job {
  readonly name: string;
  readonly seed: number;
  readonly from: SeriesImage["from"];
  /** -> [1, numWs, wDim]; runs inside a scope. */
  makeWs(random: RandomState): Tensor;
}

/** Any number of jobs, of which one exists at a time. */
interface Jobs {
  readonly count: number;
  at(index: number): Job;
}

const examples = `
Examples:
  $ stylegan generate 0-3 --trunc 0.7
  $ stylegan generate --network ffhq.pkl --seeds 85,265,297 --trunc 0.7
  $ stylegan generate --seeds 0-3 --trunc 0,0.25,0.5,0.75,1 --grid --zoom 2 --outdir out/truncation
  $ stylegan generate --network cifar10.pkl --seeds 0-35 --class 1 --grid 6x6 --outdir out/cars
  $ stylegan generate --network karras2019stylegan-ffhq-1024x1024.pkl --seeds 5 --trunc 0.7 --lod 2
  $ stylegan generate --network ffhq.pkl --seeds 3 --trunc 0.7 --edit "directions.npz:2@0-3=+2.5" --style "b32.conv0[286]=+5"
  $ stylegan generate --network ffhq.pkl --projected-w out/projected_w.npz --format npy`;

export function generateCommand(terminal: Terminal): Command {
  const command = new Command("generate")
    .description("Make images: one file a seed, seed0085.png, in a folder.")
    .option("--network <file>", "checkpoint to use: a file or an address (default: the bundled model)")
    .argument("[seeds]", "the same as --seeds", seedsArgument)
    .addOption(new Option("--seeds <list>", "seeds, for example 0,1,4-6").argParser(parseSeeds))
    .addOption(
      new Option(
        "--trunc <psi>",
        "truncation: below 1 less variety and better images; with a list, every seed with each of them; " +
          "0.7@0-7,1@8-17 for a value by layer (default: 1)",
      ).argParser(parseTruncation),
    )
    .addOption(classOption())
    .addOption(noiseModeOption())
    .addOption(
      new Option(
        "--lod <level>",
        "networks that grow: 0 for full resolution, 1 for half of it, and so on; fractions fade (default: the stored one)",
      ).argParser(parseNumber),
    )
    .option("--projected-w <file>", "w's to show instead of seeds: what 'stylegan project' writes, .npz, .npy or .pt")
    .addOption(new Option("--projected_w <file>").hideHelp())
    .option("--outdir <folder>", "where to put the images; made when it is not there", "out")
    .addOption(
      new Option(
        "--grid [RxC]",
        "also a sheet of R rows and C columns, grid.png (default size: a square; with several psi, one row for each seed)",
      ).argParser(parseGrid),
    )
    .addOption(zoomOption())
    .addOption(new Option("--format <kind>", "npy: float32 [C, H, W]").choices(imageFormats).default("png"))
    .addOption(jsonOption())
    .addHelpText("after", examples);
  return addEngineOptions(addEditOptions(addTruncationOptions(command))).action(
    (listed: readonly number[] | undefined, options: GenerateOptions) => {
      if (listed !== undefined && options.seeds !== undefined) {
        throw new UsageError("seeds are given twice: once with --seeds, once without");
      }
      const seeds = listed ?? options.seeds;
      return generate(
        { ...options, ...(seeds !== undefined && { seeds: distinct(seeds, "seed", terminal) }) },
        terminal,
      );
    },
  );
}

/** Seeds, or a hint for those who put the checkpoint there. */
function seedsArgument(text: string): number[] {
  if (/^[\d,\s-]+$/.test(text)) return parseSeeds(text);
  throw new InvalidArgumentError(`Expected seeds such as 0,1,4-6. For a checkpoint: --network ${text}`);
}

/** Numbers without those that were there before: an image has one file, however often it is asked for. */
function distinct(numbers: readonly number[], what: string, terminal: Terminal): readonly number[] {
  const once = [...new Set(numbers)];
  if (once.length < numbers.length) {
    const again = numbers.find((value, index) => numbers.indexOf(value) < index);
    terminal.err(`warning: ${what} ${again} is there more than once; each is made once\n`);
  }
  return once;
}

async function generate(options: GenerateOptions, terminal: Terminal): Promise<void> {
  const { seeds, grid, zoom, format, noiseMode, outdir } = options;
  const projectedW = options.projectedW ?? options.projected_w;
  const psis = distinct(psisOf(options), "psi", terminal);
  if (seeds === undefined && projectedW === undefined) {
    throw new UsageError("what to generate? Give --seeds LIST (for example 0,1,4-6) or --projected-w FILE");
  }
  if (zoom !== undefined && grid === undefined)
    throw new UsageError("--zoom enlarges a sheet: ask for one with --grid");
  const ofSeeds = projectedW === undefined ? gridFor(grid, seeds!.length, psis.length) : null;

  const opened = await openGenerator(options.network, options, terminal);
  checkFormat(opened.generator, format);
  checkLod(options.lod, opened);
  const { generator, edits } = openEdits(opened.generator, options);
  const jobs =
    projectedW === undefined
      ? seedJobs({ ...opened, generator }, options, psis, terminal)
      : projectedJobs(generator, projectedW, options, terminal);
  const size = ofSeeds ?? gridFor(grid, jobs.count, 1);
  const sheet = size === null ? null : new Sheet(generator, size, zoom);
  makeFolder(outdir);
  const imageAt = (index: number): SeriesImage => {
    const { name, seed, from, makeWs } = jobs.at(index);
    const random = new RandomState(seed);
    const make = (): Tensor =>
      synthesize(generator, () => applyEdits(makeWs(random), edits), { noiseMode, random, lod: options.lod });
    return { name, from, places: [index], make };
  };
  await writeSeries(jobs.count, imageAt, { outdir, format, sheet, json: options.json ?? false }, terminal);
}

function checkLod(
  lod: number | undefined,
  { generator, name }: { readonly generator: AnyGenerator; readonly name: string },
): void {
  if (lod === undefined) return;
  if (generator.config.kind === "stylegan2-generator") {
    throw new UsageError(`--lod: ${name} is a ${generator.config.synthesis.architecture} network, which does not grow`);
  }
  const coarsest = Math.log2(generator.imgResolution) - 2;
  if (lod < 0 || lod > coarsest) throw new UsageError(`--lod: ${name} has levels 0 to ${coarsest}, got ${lod}`);
}

/** The size of the sheet of `seeds` seeds, each with `psis` images next to each other; null for no sheet. */
function gridFor(grid: GridSize | true | undefined, seeds: number, psis: number): GridSize | null {
  if (grid === undefined) return null;
  const count = seeds * psis;
  if (grid === true) {
    const columns = psis > 1 ? psis : Math.ceil(Math.sqrt(count));
    return { rows: Math.ceil(count / columns), columns };
  }
  if (count > grid.rows * grid.columns) {
    throw new UsageError(`--grid ${grid.rows}x${grid.columns} has no room for ${count} images`);
  }
  return grid;
}

/** The values of psi that every seed is shown with. */
const psisOf = ({ trunc }: TruncationOptions): readonly number[] =>
  trunc?.kind === "psis" ? trunc.psis.map((psi) => psi + 0) : [1]; // -0 is 0

function seedJobs(
  opened: { readonly generator: AnyGenerator; readonly name: string },
  options: GenerateOptions,
  psis: readonly number[],
  terminal: Terminal,
): Jobs {
  const { generator } = opened;
  const c = labelOf(options.class, opened, terminal);
  const truncate = openTruncation(generator, options, c);
  const seeds = options.seeds!;
  return {
    count: seeds.length * psis.length,
    at(index) {
      const [seed, psi] = [seeds[Math.floor(index / psis.length)], psis[index % psis.length]];
      return {
        name: `seed${String(seed).padStart(4, "0")}${psis.length > 1 ? `-psi${psi}` : ""}`,
        seed,
        from: { seed, psi },
        makeWs: (random) => {
          const z = Tensor.from(random.randn(generator.zDim), [1, generator.zDim]);
          return truncate(generator.mapping.forward(z, c), psi);
        },
      };
    },
  };
}

/** One image for each w in the file, proj00.png and on, with the noise that lies beside them. */
function projectedJobs(generator: AnyGenerator, path: string, options: GenerateOptions, terminal: Terminal): Jobs {
  const { seeds, trunc, truncCutoff, newCenter, class: classNumber } = options;
  const others = {
    "--seeds": seeds,
    "--trunc": trunc,
    "--trunc-cutoff": truncCutoff,
    "--new-center": newCenter,
    "--class": classNumber,
  };
  const ignored = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (ignored.length > 0) terminal.err(`warning: ignored with --projected-w: ${ignored.join(", ")}\n`);
  const { count, ws, noise, noises } = openLatents(path, generator);
  setNoise(generator, noise);
  const { numWs, wDim } = generator;
  return {
    count,
    at: (index) => ({
      name: `proj${String(index).padStart(2, "0")}`,
      seed: index,
      from: { index },
      makeWs: () => {
        if (noises !== undefined) setNoise(generator, noises[index]);
        return Tensor.from(ws.subarray(index * numWs * wDim, (index + 1) * numWs * wDim), [1, numWs, wDim]);
      },
    }),
  };
}

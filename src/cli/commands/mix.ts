/**
 * `stylegan mix`: style mixing (StyleGAN, section 3.1). Some layers take the w of the column's seed, the others that of
 * the row's: coarse layers give pose and shape, fine ones colours.
 *
 *   w = w_row;  w[styles] = w_col[styles]      after truncating both in all layers
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { type AnyGenerator, type NoiseMode, noGrad, RandomState, scope, Tensor } from "../../index.js";
import {
  applyEdits,
  type StyleRangeName,
  styleRange,
  styleRangeNames,
  takeStyles,
} from "../../stylegan/latents/index.js";
import { makeFolder } from "../files.js";
import { checkFormat, Sheet, synthesize } from "../images/pictures.js";
import { type SeriesImage, writeSeries } from "../images/series.js";
import { addEditOptions, type EditOptions, openEdits } from "../latents/edits.js";
import { labelOf, openGenerator } from "../networks.js";
import {
  addEngineOptions,
  classOption,
  type EngineOptions,
  jsonOption,
  noiseModeOption,
  parseNumber,
  zoomOption,
} from "../options.js";
import { parseLayers, parseSeeds } from "../seeds.js";
import { type Terminal, UsageError } from "../terminal.js";

interface MixOptions extends EngineOptions, EditOptions {
  readonly network?: string;
  readonly rows: readonly number[];
  readonly cols: readonly number[];
  readonly styles: readonly number[] | StyleRangeName;
  readonly trunc: number;
  readonly class?: number;
  readonly noiseMode: NoiseMode;
  readonly outdir: string;
  readonly zoom?: number;
  readonly json?: true;
}

/** One image to make, and its places on the sheet. */
interface Cell {
  readonly row: number;
  readonly col: number;
  readonly places: number[];
}

const examples = `
Files: ROW-COL.png for every pair, SEED-SEED.png for every seed alone, and all of them on grid.png.

Examples:
  $ stylegan mix --network ffhq.pkl --rows 85,100,75,458,1500 --cols 55,821,1789,293 --trunc 0.7
  $ stylegan mix --network ffhq.pkl --rows 85,100 --cols 55,821 --styles fine --outdir out/colours`;

export function mixCommand(terminal: Terminal): Command {
  const command = new Command("mix")
    .description("Mix styles: the rows' images, with some layers' styles taken from the columns'.")
    .option("--network <file>", "checkpoint to use: a file or an address (default: the bundled model)")
    .addOption(
      new Option("--rows <list>", "seeds of the rows, for example 85,100,75")
        .argParser(parseSeeds)
        .makeOptionMandatory(),
    )
    .addOption(new Option("--cols <list>", "seeds of the columns").argParser(parseSeeds).makeOptionMandatory())
    .addOption(
      new Option("--styles <list>", "layers that take the column's style: coarse, middle, fine, or a list from 0")
        .argParser(parseStyles)
        .default(DEFAULT_STYLES, "0-6, or the first half of a network of up to seven layers"),
    )
    .addOption(
      new Option("--trunc <psi>", "truncation: below 1 less variety and better images")
        .argParser(parseNumber)
        .default(1),
    )
    .addOption(classOption())
    .addOption(noiseModeOption())
    .option("--outdir <folder>", "where to put the images; made when it is not there", "out")
    .addOption(zoomOption())
    .addOption(jsonOption())
    .addHelpText("after", examples);
  return addEngineOptions(addEditOptions(command)).action((options: MixOptions) => mix(options, terminal));
}

/** StyleGAN's coarse and middle layers at 1024x1024, of which a small network may have no others. */
const DEFAULT_STYLES: readonly number[] = [0, 1, 2, 3, 4, 5, 6];

function parseStyles(text: string): readonly number[] | StyleRangeName {
  const range = styleRangeNames.find((name) => name === text.trim());
  if (range !== undefined) return range;
  if (!/\d/.test(text)) {
    throw new InvalidArgumentError(`Expected ${styleRangeNames.join(", ")}, or layers such as 0,1,4-6, got '${text}'.`);
  }
  return parseLayers(text);
}

/** @throws UsageError for layers that the network does not have */
function layersOf(
  styles: MixOptions["styles"],
  { numWs, imgResolution }: AnyGenerator,
  name: string,
): readonly number[] {
  if (typeof styles === "string") {
    const layers = styleRange(styles, numWs);
    if (layers.length > 0) return layers;
    throw new UsageError(`--styles: ${name}, at ${imgResolution}x${imgResolution}, has no ${styles} layers`);
  }
  if (styles === DEFAULT_STYLES && numWs <= styles.length) return styles.slice(0, Math.ceil(numWs / 2));
  const missing = styles.find((layer) => layer >= numWs);
  if (missing === undefined) return styles;
  throw new UsageError(`--styles: ${name} has no layer ${missing}: its layers are 0 to ${numWs - 1}`);
}

async function mix(options: MixOptions, terminal: Terminal): Promise<void> {
  const { rows, cols, trunc, noiseMode, outdir, zoom } = options;
  const opened = await openGenerator(options.network, options, terminal);
  const styles = layersOf(options.styles, opened.generator, opened.name);
  if (options.styles === DEFAULT_STYLES && styles.length < DEFAULT_STYLES.length) {
    const { numWs } = opened.generator;
    terminal.err(
      `note: ${opened.name} has ${numWs} layers; 0-${styles.length - 1} take the column's style (--styles)\n`,
    );
  }
  const { generator, edits } = openEdits(opened.generator, options);
  const { numWs, wDim } = generator;
  checkFormat(generator, "png");
  const c = labelOf(options.class, opened, terminal);
  const sheet = new Sheet(generator, { rows: rows.length + 1, columns: cols.length + 1 }, zoom);
  makeFolder(outdir);

  const wOf = new Map<number, Float32Array>();
  for (const seed of new Set([...rows, ...cols])) wOf.set(seed, truncatedWs(generator, seed, c, trunc));

  const cells = sheetCells(rows, cols);
  const imageAt = (index: number): SeriesImage => {
    const { row, col, places } = cells[index];
    const make = (): Tensor => {
      const w = takeStyles(wOf.get(row)!, wOf.get(col)!, styles, wDim);
      const makeWs = (): Tensor => applyEdits(Tensor.from(w, [1, numWs, wDim]), edits);
      return synthesize(generator, makeWs, { noiseMode, random: noiseOf(row, generator.zDim) });
    };
    return { name: `${row}-${col}`, from: { row, col }, places, make };
  };
  await writeSeries(cells.length, imageAt, { outdir, format: "png", sheet, json: options.json ?? false }, terminal);
}

/** The images of the sheet, each once: column seeds along the top, row seeds down the left, nothing in the corner. */
function sheetCells(rows: readonly number[], cols: readonly number[]): Cell[] {
  const cells = new Map<string, Cell>();
  const add = (row: number, col: number, y: number, x: number) => {
    const key = `${row}-${col}`;
    const cell = cells.get(key) ?? { row, col, places: [] };
    cell.places.push(y * (cols.length + 1) + x);
    cells.set(key, cell);
  };
  for (const [x, col] of cols.entries()) add(col, col, 0, x + 1);
  for (const [y, row] of rows.entries()) {
    add(row, row, y + 1, 0);
    for (const [x, col] of cols.entries()) add(row, col, y + 1, x + 1);
  }
  return [...cells.values()];
}

/** w of a seed for every layer [numWs * wDim], truncated in all of them. */
function truncatedWs(generator: AnyGenerator, seed: number, c: Tensor | null, truncationPsi: number): Float32Array {
  return noGrad(() =>
    scope(() => {
      const z = Tensor.from(new RandomState(seed).randn(generator.zDim), [1, generator.zDim]);
      return generator.mapping.truncate(generator.mapping.forward(z, c), { truncationPsi }).toArray();
    }),
  );
}

/** The generator of random noise that `stylegan generate` uses for this seed: after the latent. */
function noiseOf(seed: number, zDim: number): RandomState {
  const random = new RandomState(seed);
  random.randn(zDim);
  return random;
}

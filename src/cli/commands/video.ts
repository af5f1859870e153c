/**
 * `stylegan video`: paths through latents as a film, like the official gen_video. One frame at a time is in memory; the
 * ending of the output decides how it is written.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { type AnyGenerator, RandomState, type Tensor } from "../../index.js";
import {
  applyEdits,
  circle,
  easings,
  interpolationKinds,
  noiseLayers,
  noiseMap,
  setNoise,
} from "../../stylegan/latents/index.js";
import { checkFormat, Sheet, synthesize } from "../images/pictures.js";
import { addEditOptions, type EditOptions, openEdits, parseDirection } from "../latents/edits.js";
import { openLatents } from "../latents/stored.js";
import { labelOf, openGenerator } from "../networks.js";
import {
  addEngineOptions,
  classOption,
  type EngineOptions,
  type GridSize,
  parseAmounts,
  parseCount,
  parseNumber,
  parseSeed,
  zoomOption,
} from "../options.js";
import { formatDuration, Progress } from "../progress.js";
import { parseSeeds } from "../seeds.js";
import { type Terminal, UsageError } from "../terminal.js";
import { LayerView } from "../video/layerView.js";
import { makeScene, processes, type Scene, type SceneOptions } from "../video/scenes.js";
import { checkVideoPath, writeVideo } from "../video/writers.js";

interface VideoOptions extends EngineOptions, EditOptions, SceneOptions {
  readonly network?: string;
  readonly output: string;
  readonly fps: number;
  readonly noiseMode: "const" | "loop" | "none";
  readonly layer?: string;
  readonly class?: number;
  readonly zoom?: number;
}

const examples = `
Examples:
  $ stylegan video --network ffhq.pkl --seeds 0-31 --trunc 0.7 --grid 4x2 --output lerp.mp4
  $ stylegan video --seeds 0-3 --trunc 0.7 --w-frames 30 --fps 30 --output faces.png
  $ stylegan video --seeds 3 --process truncation --trunc 1-0 --output truncation.gif --fps 25
  $ stylegan video --seeds 3,8 --process mix --output frames/
  $ stylegan video --seeds 3 --direction directions.npz:2@0-3 --range -4,4 --output swing.webm
  $ stylegan video --seeds 3 --process layers --no-loop --output growing.gif --fps 25`;

/** `4x2` -> 4 wide, 2 high, as in the official tool */
function parseVideoGrid(text: string): GridSize {
  const match = /^(\d{1,3})x(\d{1,3})$/.exec(text);
  const size = { columns: Number(match?.[1] ?? 0), rows: Number(match?.[2] ?? 0) };
  if (size.rows === 0 || size.columns === 0) {
    throw new InvalidArgumentError("Expected width x height: 4x2 is 4 wide, 2 high.");
  }
  return size;
}

/** `0.7` -> [0.7, 0.7]; `1-0.5` -> [1, 0.5]; ends may be negative: `1--1` */
function parsePsiRange(text: string): readonly [number, number] {
  const number = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
  const match = new RegExp(`^(${number})(?:-(${number}))?$`, "i").exec(text.trim());
  if (match === null) throw new InvalidArgumentError("Expected a number, or a range such as 1-0.5.");
  const from = parseNumber(match[1]);
  return [from, match[2] === undefined ? from : parseNumber(match[2])];
}

function parseFps(text: string): number {
  const value = parseNumber(text);
  if (!(value >= 0.1 && value <= 1000)) throw new InvalidArgumentError("Expected 0.1 to 1000 frames a second.");
  return value;
}

export function videoCommand(terminal: Terminal): Command {
  const choice = (flags: string, description: string, choices: readonly string[]): Option =>
    new Option(flags, description).choices(choices).default(choices[0]);
  const command = new Command("video")
    .description(
      "Films of latents on the move: .mp4 and .webm (with ffmpeg), animated .png, .gif, or a folder of frames.",
    )
    .option("--network <file>", "checkpoint to use: a file or an address (default: the bundled model)")
    .requiredOption("--output <path>", "the file or folder to write; its ending says what")
    .optionsGroup("What it shows:")
    .addOption(new Option("--seeds <list>", "keys to pass through, for example 0-31").argParser(parseSeeds))
    .option("--projected-w <file>", "w's of a file as keys, before those of --seeds")
    .addOption(new Option("--projected_w <file>").hideHelp())
    .addOption(choice("--process <kind>", "from key to key, or a sweep of something else", processes))
    .addOption(
      new Option("--direction <file>", "FILE:INDEX@LAYERS: swings along a direction, see --range").argParser(
        parseDirection,
      ),
    )
    .addOption(new Option("--range <low,high>", "how far along it").argParser(parseAmounts).default([-3, 3], "-3,3"))
    .addOption(
      new Option("--trunc <psi>", "truncation; a range such as 1-0.5 is swept (default: 1)").argParser(parsePsiRange),
    )
    .addOption(classOption())
    .option("--layer <name>", "show three feature maps of this layer, b64.conv1 for example, and not the image")
    .addOption(
      choice("--noise-mode <mode>", "the network's noise, noise that turns and closes, or none", [
        "const",
        "loop",
        "none",
      ]),
    )
    .optionsGroup("How it moves:")
    .addOption(choice("--kind <kind>", "of path from key to key", interpolationKinds))
    .addOption(choice("--space <space>", "the space of the path", ["w", "z"]))
    .addOption(choice("--easing <kind>", "the speed between keys, or of a sweep", easings))
    .option("--no-loop", "end at the last key (or the end of a sweep), and not back at the first")
    .addOption(
      new Option("--w-frames <count>", "frames from key to key, or of a sweep").argParser(parseCount(1)).default(120),
    )
    .addOption(new Option("--fps <count>", "frames a second").argParser(parseFps).default(60))
    .optionsGroup("Layout:")
    .addOption(
      new Option("--grid <WxH>", "many at once: 4x2 is 4 wide, 2 high (default: 1x1)").argParser(parseVideoGrid),
    )
    .addOption(
      new Option("--num-keyframes <count>", "keys a place; seeds repeat as needed (default: seeds / places)").argParser(
        parseCount(1),
      ),
    )
    .addOption(new Option("--shuffle-seed <seed>", "shuffles the keys over places and time").argParser(parseSeed))
    .addOption(zoomOption())
    .optionsGroup("Edits:")
    .addHelpText("after", examples);
  addEditOptions(command).optionsGroup("Engine:");
  return addEngineOptions(command).action((options: VideoOptions & { readonly projected_w?: string }) =>
    video({ ...options, projectedW: options.projectedW ?? options.projected_w }, terminal),
  );
}

async function video(options: VideoOptions, terminal: Terminal): Promise<void> {
  const { output, fps, zoom, noiseMode } = options;
  checkVideoPath(output);
  const opened = await openGenerator(options.network, options, terminal);
  checkFormat(opened.generator, "png");
  const { generator, edits } = openEdits(opened.generator, options);
  const c = labelOf(options.class, opened, terminal);
  const scene = makeScene(generator, c, options);
  if (scene.image !== undefined && (options.layer !== undefined || edits.length > 0)) {
    throw new UsageError("--process layers shows the image as it grows: leave --layer and --edit out");
  }
  if (options.projectedW !== undefined) {
    const { noise, noises } = openLatents(options.projectedW, generator);
    setNoise(generator, noise);
    if (noises !== undefined) {
      terminal.err("warning: each w of the file has noise of its own; the film has that of the first all the way\n");
    }
  }
  const turn = noiseMode === "loop" ? noiseLoop(generator, options.seeds?.[0] ?? 0, scene.frames) : () => {};
  const view = options.layer === undefined ? null : new LayerView(generator, options.layer);
  const show = (place: number, frame: number): Tensor => {
    if (scene.image !== undefined) return scene.image(place, frame);
    const ws = (): Tensor => applyEdits(scene.ws(place, frame), edits);
    const noise = { noiseMode: noiseMode === "none" ? "none" : "const", random: new RandomState(0) } as const;
    return view === null ? synthesize(generator, ws, noise) : view.image(ws, noise, place);
  };

  const sheet = new Sheet(generator, scene.grid, zoom);
  const format = { ...sheet.pixels, frames: scene.frames, fps };
  const progress = new Progress(scene.frames, terminal);
  try {
    await writeVideo(output, format, terminal, async (write) => {
      for (let frame = 0; frame < scene.frames; frame++) {
        turn(frame);
        for (let place = 0; place < scene.grid.rows * scene.grid.columns; place++) sheet.put(place, show(place, frame));
        await write(sheet.pixels);
        progress.tick("frames");
      }
    });
  } finally {
    progress.end();
  }
  terminal.out(`${describe(scene, fps)} in ${output} (${formatDuration(progress.elapsedMs)})\n`);
}

function describe({ frames, grid }: Scene, fps: number): string {
  const places = grid.rows * grid.columns === 1 ? "" : `, ${grid.columns} wide and ${grid.rows} high`;
  return `${frames} frames, ${(frames / fps).toFixed(1)} s${places}`;
}

/** Noise maps that turn from the stored ones through others and back: cos(t) n0 + sin(t) n1, of the same variance. */
function noiseLoop(generator: AnyGenerator, seed: number, frames: number): (frame: number) => void {
  const random = new RandomState(seed);
  random.randn(generator.zDim); // as generate goes on after z
  const pairs = noiseLayers(generator).map((layer) => {
    const start = noiseMap(generator, layer).toFloat64Array();
    return { layer, start, other: random.randn(start.length) };
  });
  return (frame) => {
    setNoise(generator, new Map(pairs.map(({ layer, start, other }) => [layer, circle(start, other, frame / frames)])));
  };
}

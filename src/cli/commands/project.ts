/**
 * `stylegan project`: from an image to the w and the noise with which the generator makes it, as the official projector does, on
 * features that need no download, or on LPIPS. Interrupted and resumed, it comes to the same bits.
 */
import { existsSync, rmSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { readFile, writeFile } from "../../files.js";
import {
  cropCentre,
  decodeImage,
  encodePixels,
  type PixelImage,
  resize,
  withChannels,
  writeNpz,
} from "../../formats/index.js";
import { type AnyGenerator, RandomState, saveCheckpoint, Tensor, toPixels } from "../../index.js";
import {
  decodeProjectionState,
  encodeProjectionState,
  latentArrays,
  PivotalTuner,
  Projector,
  setNoise,
} from "../../stylegan/latents/index.js";
import { makeFolder, readAs } from "../files.js";
import { synthesize } from "../images/pictures.js";
import { featureKinds, openPerception, type PerceptionOptions } from "../latents/perception.js";
import {
  isFinished,
  removeRecord,
  type SettingOptions,
  settingOf,
  type Tuning,
  weightsDigest,
  writeRecord,
} from "../latents/projectionRecord.js";
import { openStart } from "../latents/stored.js";
import { labelOf, openGenerator } from "../networks.js";
import { addEngineOptions, classOption, type EngineOptions, parseCount, parseNumber, parseSeed } from "../options.js";
import { formatDuration, Progress } from "../progress.js";
import { Interrupted, type Terminal, UsageError, watchInterrupt } from "../terminal.js";
import { checkVideoPath, writeVideo } from "../video/writers.js";

interface ProjectOptions extends EngineOptions, PerceptionOptions, SettingOptions {
  readonly network?: string;
  readonly target: readonly string[];
  readonly outdir: string;
  /** true: as many steps as usual. */
  readonly pti?: number | true;
  readonly ptiLr: number;
  readonly resume?: boolean;
}

/** Constant noise draws nothing. */
const NO_RANDOM = new RandomState(0);
const PTI_STEPS = 350;
const STATE_FILE = "projection-state.safetensors";
/** Steps between states that a killed run can go on from. */
const STATE_STEPS = 50;
const MAX_FRAMES = 240;
const VIDEO_FPS = 30;

const examples = `
Files: target.png, proj.png, projected_w.npz (w [1, numWs, wDim], noise/LAYER), with --pti tuned.safetensors and
tuned.png; projection.json says what they were made with.

Examples:
  $ stylegan project --network ffhq.pkl --target me.jpg --outdir out --lpips vgg16-397923af.pth,vgg.pth
  $ stylegan project --target face.png --outdir out --num-steps 500 --space w+ --save-video out/way.mp4
  $ stylegan project --network ffhq.pkl --target me.jpg --outdir out --pti
  $ stylegan generate --network ffhq.pkl --projected-w out/projected_w.npz --outdir again`;

function parseWeight(text: string): number {
  const value = parseNumber(text);
  if (value < 0) throw new InvalidArgumentError("Expected a number of at least 0.");
  return value;
}

function parseTargets(text: string): readonly string[] {
  const paths = text.split(",").map((path) => path.trim());
  if (paths.includes("")) throw new InvalidArgumentError("Expected images such as a.png,b.jpg.");
  return paths;
}

export function projectCommand(terminal: Terminal): Command {
  const number = (flags: string, description: string, fallback: number): Option =>
    new Option(flags, description).argParser(parseWeight).default(fallback);
  const command = new Command("project")
    .description("Find the w and the noise with which a generator makes a given image.")
    .option("--network <file>", "checkpoint to use: a file or an address (default: the bundled model)")
    .addOption(
      new Option(
        "--target <images>",
        "PNG or JPEG of any size, several with commas; the largest square in the middle is taken",
      )
        .argParser(parseTargets)
        .makeOptionMandatory(),
    )
    .option("--outdir <folder>", "where to put what is found; with several targets a folder each in it", "out")
    .addOption(new Option("--num-steps <count>", "steps of the optimisation").argParser(parseCount(0)).default(1000))
    .addOption(new Option("--seed <number>", "of the noise").argParser(parseSeed).default(303))
    .addOption(
      new Option("--space <space>", "w: one w for all layers; w+: one for each").choices(["w", "w+"]).default("w"),
    )
    .addOption(
      new Option("--features <kind>", "what images are compared by; auto says which it takes")
        .choices(featureKinds)
        .default("auto"),
    )
    .option(
      "--lpips <files>",
      "VGG16.pth,LIN.pth: torchvision's vgg16-397923af.pth and the lpips package's weights/v0.1/vgg.pth",
    )
    .option("--init <start>", "mean, a seed, or a file of w's", "mean")
    .addOption(number("--lr <rate>", "learning rate", 0.1))
    .addOption(number("--reg-noise-weight <weight>", "of the term that keeps noise noise", 1e5))
    .addOption(number("--mse <weight>", "of the mean squared error of the pixels, beside the features", 0))
    .option("--mask <image>", "where the image counts: white does, black does not")
    .addOption(classOption())
    .option("--save-video <path>", "the way there, beside the target: .mp4, .webm, .png, .gif or a folder")
    .addOption(
      new Option(
        "--pti [steps]",
        "then train the generator to make the target there (pivotal tuning; default: 350 steps)",
      ).argParser(parseCount(1)),
    )
    .addOption(number("--pti-lr <rate>", "learning rate of that", 3e-4))
    .option("--resume", "go on where an interrupted run in --outdir stopped; targets that are finished are passed over")
    .addHelpText("after", examples);
  return addEngineOptions(command).action((options: ProjectOptions) => project(options, terminal));
}

async function project(options: ProjectOptions, terminal: Terminal): Promise<void> {
  const { target: paths, outdir, saveVideo } = options;
  if (saveVideo !== undefined) {
    if (paths.length > 1) throw new UsageError("--save-video shows one target: give one");
    checkVideoPath(saveVideo);
  }
  const names = paths.map((path) => basename(path, extname(path)));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`two targets are called ${twice}; their results would be one`);
  const opened = await openGenerator(options.network, options, terminal, { discriminator: true });
  const { generator } = opened;
  if (generator.imgChannels !== 1 && generator.imgChannels !== 3) {
    throw new UsageError(`images of ${generator.imgChannels} channels cannot be projected: 1 or 3 can`);
  }
  const targets = paths.map((path) => openImage(path, generator.imgResolution, generator.imgChannels as 1 | 3));
  const mask = options.mask === undefined ? null : openImage(options.mask, generator.imgResolution, 1);
  const c = labelOf(options.class, opened, terminal);
  const perception = openPerception(opened, options, c, terminal);
  const weights = weightsDigest(opened, perception.name, options);
  for (const [index, target] of targets.entries()) {
    const folder = paths.length === 1 ? outdir : join(outdir, names[index]);
    makeFolder(folder);
    const { start, startNoise } = openStart(options.init, generator, c);
    const projector = new Projector(generator, tensorOf(target), {
      steps: options.numSteps,
      features: perception,
      space: options.space,
      start,
      startNoise,
      c,
      learningRate: options.lr,
      noiseWeight: options.regNoiseWeight,
      mse: options.mse,
      mask: mask === null ? null : Array.from(mask.data, (value) => value / 255),
      seed: options.seed,
    });
    await projectOne({ projector, target, folder, options, weights }, terminal);
  }
}

/** One target on its way. */
interface Projection {
  readonly projector: Projector;
  readonly target: PixelImage;
  readonly folder: string;
  readonly options: ProjectOptions;
  /** Of the weights of all networks that have a part in it. */
  readonly weights: string;
}

/** The largest square in the middle, by Lanczos at the generator's resolution. */
function openImage(path: string, side: number, channels: 1 | 3): PixelImage {
  return readAs(path, (bytes) => resize(cropCentre(withChannels(decodeImage(bytes), channels)), side, side));
}

/** [1, C, H, W], values from -1 to 1 */
function tensorOf({ data, width, height, channels }: PixelImage): Tensor {
  const plane = width * height;
  const values = new Float32Array(channels * plane);
  for (let k = 0; k < values.length; k++) values[k] = data[(k % plane) * channels + Math.floor(k / plane)] / 127.5 - 1;
  return Tensor.from(values, [1, channels, height, width]);
}

async function projectOne(projection: Projection, terminal: Terminal): Promise<void> {
  const { projector, target, folder, options } = projection;
  const setting = settingOf(projection);
  const tuning = tuningOf(options);
  if (options.resume && !existsSync(join(folder, STATE_FILE))) {
    const names = ["proj.png", "projected_w.npz", ...(tuning === null ? [] : ["tuned.safetensors", "tuned.png"])];
    const films = options.saveVideo === undefined ? [] : [options.saveVideo];
    if (isFinished(folder, { setting, tuning }, [...names.map((name) => join(folder, name)), ...films])) {
      terminal.out(`${join(folder, "projected_w.npz")} is finished already\n`);
      return;
    }
    terminal.err(`nothing in ${folder} to go on from: begins at step 0\n`);
  }
  removeRecord(folder);
  writeFile(join(folder, "target.png"), encodePixels(target));
  const start = performance.now();
  const way = await descend(projection, setting, terminal);
  const elapsed = formatDuration(performance.now() - start);
  const { generator } = projector;
  const { numWs, wDim } = generator;
  // What the file holds, to the bit: float32.
  const ws = Float64Array.from(projector.ws().toArray());
  const noise = new Map(
    [...projector.noise()].map(([layer, map]) => [layer, Float64Array.from(Float32Array.from(map))]),
  );
  const file = join(folder, "projected_w.npz");
  writeFile(file, writeNpz(latentArrays({ count: 1, ws, noise }, generator)));
  setNoise(generator, noise);
  const show = (w: Float64Array): PixelImage => pixelsOf(generator, w);
  const image = show(ws);
  writeFile(join(folder, "proj.png"), encodePixels(image));
  if (options.saveVideo !== undefined) await saveWay(options.saveVideo, way.map(show), target, terminal);
  terminal.out(
    `${file} and proj.png: ${psnr(image, target).toFixed(1)} dB after ${projector.stepsDone} steps (${elapsed})\n`,
  );
  if (tuning !== null) await tune(projection, tuning, Tensor.from(ws, [1, numWs, wDim]), terminal);
  writeRecord(folder, { setting, tuning });
  rmSync(join(folder, STATE_FILE), { force: true });
}

const tuningOf = ({ pti, ptiLr }: ProjectOptions): Tuning | null =>
  pti === undefined ? null : { steps: pti === true ? PTI_STEPS : pti, learningRate: ptiLr };

/** The image of w [numWs * wDim], as bytes. */
function pixelsOf(generator: AnyGenerator, w: Float64Array): PixelImage {
  const { numWs, wDim, imgResolution: side, imgChannels } = generator;
  const noise = { noiseMode: "const", random: NO_RANDOM } as const;
  const image = synthesize(generator, () => Tensor.from(w, [1, numWs, wDim]), noise);
  return { width: side, height: side, channels: imgChannels as 1 | 3, data: toPixels(image) };
}

/** All steps; returns the w's on the way, for a video. */
async function descend(
  { projector, folder, options }: Projection,
  setting: string,
  terminal: Terminal,
): Promise<Float64Array[]> {
  const { numSteps, resume } = options;
  const path = join(folder, STATE_FILE);
  const about = { setting };
  const way: Float64Array[] = [];
  if (resume && existsSync(path)) {
    const found = openState(path);
    if (found.about.get("setting") !== about.setting) {
      throw new UsageError(`--resume: ${path} is of another projection: its target or options were different`);
    }
    projector.restore(found.state);
    for (let frame = 0; found.state.tensors.has(`way/${frame}`); frame++)
      way.push(found.state.tensors.get(`way/${frame}`)!);
    terminal.err(`goes on after step ${projector.stepsDone} of ${numSteps}\n`);
  }
  const save = (): void => {
    const state = projector.state();
    const frames = way.map((w, frame) => [`way/${frame}`, w] as const);
    writeFile(path, encodeProjectionState({ ...state, tensors: new Map([...state.tensors, ...frames]) }, about));
  };
  const every = Math.max(1, Math.ceil(numSteps / MAX_FRAMES));
  const keep = (): void => {
    if (options.saveVideo !== undefined && projector.stepsDone % every === 0) way.push(projector.ws().toFloat64Array());
  };
  if (projector.stepsDone === 0) keep();
  const progress = new Progress(numSteps - projector.stepsDone, terminal);
  // Ctrl-C once: after the step, with a state; twice: at once.
  const interrupt = watchInterrupt();
  try {
    while (projector.stepsDone < numSteps) {
      const { distance } = projector.step();
      keep();
      progress.tick(`${projector.perception.name} ${distance.toPrecision(4)}`);
      if (projector.stepsDone % STATE_STEPS === 0 || projector.stepsDone === numSteps) save();
      await new Promise((resolve) => setImmediate(resolve));
      if (!interrupt.wasCaught()) continue;
      save();
      throw new Interrupted(
        `stopped after step ${projector.stepsDone} of ${numSteps}; the same command with --resume goes on`,
      );
    }
  } finally {
    progress.end();
    interrupt.release();
  }
  return way;
}

function openState(path: string): ReturnType<typeof decodeProjectionState> {
  try {
    return decodeProjectionState(readFile(path));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Target on the left, the way to it on the right. */
async function saveWay(
  path: string,
  images: readonly PixelImage[],
  target: PixelImage,
  terminal: Terminal,
): Promise<void> {
  const { width, height, channels } = target;
  const format = { width: 2 * width, height, channels, frames: images.length, fps: VIDEO_FPS };
  await writeVideo(path, format, terminal, async (write) => {
    for (const image of images) {
      const data = new Uint8Array(2 * width * height * channels);
      const row = width * channels;
      for (let y = 0; y < height; y++) {
        data.set(target.data.subarray(y * row, (y + 1) * row), 2 * y * row);
        data.set(image.data.subarray(y * row, (y + 1) * row), (2 * y + 1) * row);
      }
      await write({ ...format, data });
    }
  });
}

async function tune(
  { projector, target, folder }: Projection,
  { steps, learningRate }: Tuning,
  pivot: Tensor,
  terminal: Terminal,
): Promise<void> {
  const { generator, perception } = projector;
  const tuner = new PivotalTuner(generator, pivot, tensorOf(target), { perception, learningRate });
  const progress = new Progress(steps, terminal);
  const interrupt = watchInterrupt();
  try {
    while (tuner.stepsDone < steps) {
      const loss = tuner.step();
      progress.tick(`tuning ${loss.toPrecision(4)}`);
      await new Promise((resolve) => setImmediate(resolve));
      if (!interrupt.wasCaught()) continue;
      throw new Interrupted(
        `stopped while tuning, after ${tuner.stepsDone} of ${steps} steps; the same command with --resume tunes again from the w in ${folder}`,
      );
    }
  } finally {
    progress.end();
    interrupt.release();
  }
  const path = join(folder, "tuned.safetensors");
  await saveCheckpoint(path, { gEma: tuner.generator });
  const image = pixelsOf(tuner.generator, pivot.toFloat64Array());
  writeFile(join(folder, "tuned.png"), encodePixels(image));
  const elapsed = formatDuration(progress.elapsedMs);
  terminal.out(`${path} and tuned.png: ${psnr(image, target).toFixed(1)} dB after ${steps} steps (${elapsed})\n`);
}

/** Peak signal-to-noise ratio of two images in decibels. */
function psnr(a: PixelImage, b: PixelImage): number {
  const squares = a.data.reduce((sum, value, k) => sum + (value - b.data[k]) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.data.length) / Math.max(squares, 1e-9));
}

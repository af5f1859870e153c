/** Training in this tab: the library's run, its steps one after the other, and what they come to. */

import { deviationOf, parted } from "./lessons/tools.js";
import {
  type AnyGenerator,
  augmentPipelines,
  buildRun,
  bytesSource,
  grad,
  ImageDataset,
  momentOf,
  networkPreset,
  noGrad,
  type Phase,
  RandomState,
  type Run,
  readTrainingState,
  readZipDirectory,
  readZipEntry,
  restoreTraining,
  runStep,
  type StepReport,
  scope,
  snapshotTraining,
  sum,
  Tensor,
  trainingStateChunks,
  trainingStep,
  variable,
} from "./library.js";
import type { Picture, TrainOptions, TrainReport, TrainStart } from "./protocol.js";
import { type FloatImage, pictureOf } from "./render.js";

/** Images on the sheets: fixed z's, and real ones. */
const ROWS = 4;
const COLUMNS = 8;
/** Milliseconds between two looks at the samples, and between two reports. */
const SAMPLE_MS = 700;
const REPORT_MS = 100;
/** Images whose parts are looked at. */
const CONTRIBUTION_IMAGES = 8;

/** A real image as the discriminator sees it. */
export interface Slope {
  readonly image: FloatImage;
  readonly logit: number;
  /** The gradient of the logit with respect to the image. */
  readonly gradient: FloatImage;
}

/** The geometry and settings of the run: `stylegan train` with the options that `commandOf` (train/command.ts) writes. */
function planOf(options: TrainOptions, dataset: ImageDataset) {
  const {
    size,
    batch,
    seed,
    learningRate,
    r1Gamma,
    plWeight,
    mixing,
    ada,
    generatorArchitecture,
    discriminatorArchitecture,
  } = options;
  const preset = networkPreset("auto", {
    ...{ resolution: dataset.resolution, imgChannels: dataset.channels, cDim: 0, batch },
    ...{ zDim: size, wDim: size, mappingLayers: 2, channelBase: 16 * size, channelMax: size },
  });
  const { generator, discriminator } = preset;
  if (generator.kind !== "stylegan2-generator" || discriminator.kind !== "stylegan2-discriminator") {
    throw new Error("The preset makes networks of another kind.");
  }
  return {
    ...preset,
    seed,
    generator: { ...generator, synthesis: { ...generator.synthesis, architecture: generatorArchitecture } },
    discriminator: { ...discriminator, architecture: discriminatorArchitecture },
    settings: {
      ...preset.settings,
      ...(ada
        ? { augment: augmentPipelines.bgc, augmentP: 0, ada: { target: 0.6, adaKimg: 500 } }
        : { augment: null, ada: null }),
      ...{ r1Gamma, plWeight, generatorLearningRate: learningRate, discriminatorLearningRate: learningRate },
    },
    mixingProbability: mixing,
  };
}

export class Trainer {
  readonly #run: Run;
  readonly #z: Float32Array;
  #seconds = 0;

  private constructor(run: Run) {
    this.#run = run;
    this.#z = Float32Array.from(new RandomState(run.gridSeed).randn(ROWS * COLUMNS * run.state.generator.zDim));
  }

  static async start(address: string, options: TrainOptions): Promise<Trainer> {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address} answered ${response.status}`);
    const source = bytesSource(new Uint8Array(await response.arrayBuffer()));
    const entries = readZipDirectory(source);
    const names = [...entries.keys()].filter((name) => name.endsWith(".png")).sort();
    const files = names.map((name) => ({ name, read: () => readZipEntry(source, entries.get(name)!) }));
    const dataset = new ImageDataset(files);
    return new Trainer(buildRun(planOf(options, dataset), dataset));
  }

  get average(): AnyGenerator {
    return this.#run.state.average;
  }

  describe(): TrainStart {
    const { state, dataset } = this.#run;
    const count = (parameters: ReadonlyMap<string, Tensor>): number =>
      [...parameters.values()].reduce((sum, { size }) => sum + size, 0);
    const indices = Array.from({ length: ROWS * COLUMNS }, (_, k) => k);
    const reals = scope(() => dataset.images(indices).toArray());
    return {
      ...{ images: dataset.count, resolution: dataset.resolution },
      generatorParameters: count(state.generator.parameters),
      discriminatorParameters: count(state.discriminator.parameters),
      reals: sheetOf(reals, dataset.channels, dataset.resolution),
      samples: this.samples(),
    };
  }

  get steps(): number {
    return this.#run.state.progress.steps;
  }

  /** The discriminator's slopes at the first so many real images. */
  slopes(count: number): Slope[] {
    const { state, dataset } = this.#run;
    const indices = Array.from({ length: count }, (_, k) => k);
    return scope(() => {
      const images = variable(dataset.images(indices));
      const logits = state.discriminator.forward(images, null); // [count, 1]
      const [slope] = grad([sum(logits)], [images]);
      const scores = logits.toArray();
      const gradients = parted({ data: slope.toArray(), shape: slope.shape });
      return parted({ data: images.toArray(), shape: images.shape }).map((image, k) => ({
        image,
        logit: scores[k],
        gradient: gradients[k],
      }));
    });
  }

  /** How much each resolution gives the images of the averaged generator: deviations of what its toRgb adds. */
  contributions(): TrainReport["contributions"] {
    const n = CONTRIBUTION_IMAGES;
    const found: { resolution: number; deviation: number }[] = [];
    noGrad(() =>
      scope(() => {
        const z = Tensor.from(this.#z.slice(0, n * this.average.zDim), [n, this.average.zDim]);
        this.average.synthesis.forward(this.average.mapping.forward(z), {
          noiseMode: "const",
          onLayer: (name, output) => {
            if (name.endsWith("torgb"))
              found.push({ resolution: output.shape[2], deviation: deviationOf(output.toArray()) });
          },
        });
        return null;
      }),
    );
    return found;
  }

  /** Images of the fixed z's, by the averaged generator. */
  samples(): Picture {
    const { zDim, imgChannels, imgResolution } = this.average;
    const n = ROWS * COLUMNS;
    const images = noGrad(() =>
      scope(() => this.average.forward(Tensor.from(this.#z, [n, zDim]), null, { noiseMode: "const" }).toArray()),
    );
    return sheetOf(images, imgChannels, imgResolution);
  }

  /** Trains so many steps, or until it is stopped. */
  async train(
    steps: number,
    context: { readonly goOn: () => Promise<boolean>; readonly partial: (report: TrainReport) => void },
  ): Promise<TrainReport> {
    let last: TrainReport | null = null;
    let sampledAt = performance.now();
    let reportedAt = 0;
    for (let done = 0; done < steps && (await context.goOn()); done++) {
      const start = performance.now();
      const report = runStep(this.#run, momentOf(this.#run, this.#run.state.progress.images));
      const now = performance.now();
      this.#seconds += (now - start) / 1000;
      const isSampled = now - sampledAt > SAMPLE_MS;
      if (isSampled) sampledAt = now;
      last = this.#report(report, isSampled ? this.samples() : null);
      // Every step's numbers count: reports are not merged, but a fast run does not flood the page either.
      if (isSampled || steps <= 100 || now - reportedAt > REPORT_MS) {
        reportedAt = now;
        context.partial(last);
      }
    }
    return { ...(last ?? this.#report(null, null)), samples: this.samples() };
  }

  /** One phase alone, with draws of its own. */
  phase(phase: Phase): TrainReport {
    const { state, samplerFor, order, dataset, definition } = this.#run;
    const report = scope(() => {
      const inputs = samplerFor(definition.batch).draw(state, (due) => due === phase);
      const real = dataset.images(order.next(definition.batch));
      return trainingStep(state, { ...inputs, real, realC: null }, { only: [phase] });
    });
    return this.#report(report, null);
  }

  /** A file that `load`, and `stylegan train`, continue from, and that opens as a checkpoint. */
  save(): Uint8Array<ArrayBuffer>[] {
    const { state, samplerFor, order, definition } = this.#run;
    const saved = {
      training: snapshotTraining(state, samplerFor(definition.batch)),
      order: order.getState(),
      seconds: this.#seconds,
    };
    return [...trainingStateChunks(saved, state)].map((chunk) => new Uint8Array(chunk));
  }

  load(bytes: Uint8Array): TrainReport {
    const { state, samplerFor, order, definition } = this.#run;
    const { training, order: stored, seconds } = readTrainingState(bytes);
    restoreTraining(state, samplerFor(definition.batch), training);
    order.setState(stored);
    this.#seconds = seconds;
    return this.#report(null, this.samples());
  }

  #report(step: StepReport | null, samples: Picture | null): TrainReport {
    const { steps, images, augmentP, plMean } = this.#run.state.progress;
    return {
      ...{ steps, images, seconds: this.#seconds, augmentP, plMean, samples },
      contributions: samples === null ? null : this.contributions(),
      losses: step?.losses ?? {},
      realScore: step?.realScore ?? null,
      fakeScore: step?.fakeScore ?? null,
    };
  }
}

/** ROWS x COLUMNS images side by side. */
function sheetOf(images: Float32Array, channels: number, side: number): Picture {
  const [width, height] = [COLUMNS * side, ROWS * side];
  const sheet = new Float32Array(channels * width * height);
  for (let n = 0; n < ROWS * COLUMNS; n++) {
    const [top, left] = [Math.floor(n / COLUMNS) * side, (n % COLUMNS) * side];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < side; y++) {
        const from = ((n * channels + c) * side + y) * side;
        sheet.set(images.subarray(from, from + side), (c * height + top + y) * width + left);
      }
    }
  }
  return pictureOf({ data: sheet, shape: [channels, height, width] });
}

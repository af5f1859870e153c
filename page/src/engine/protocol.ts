/** What the page asks of its engine, which lives in a worker, and what it gets. Plain data only. */

/** Everything that decides an image. */
export interface ImageSpec {
  readonly seed: number;
  /** Truncation: 1 leaves w alone, 0 is the average. */
  readonly psi: number;
  /** Truncate only the first so many w's; null for all. */
  readonly cutoff: number | null;
  readonly label: number;
  /** Level of detail of networks that grow; null for the stored one. */
  readonly lod: number | null;
  /** The stored noise, none, or drawn from a seed. */
  readonly noise: "const" | "none" | number;
  /** The w's of four seeds, blended at a place of the unit square (left to right, top to bottom); null for none. */
  readonly blend: Blend | null;
  /** Layers that take their w from another seed: [layer, seed]. */
  readonly mix: readonly (readonly [layer: number, seed: number])[];
  readonly directions: readonly DirectionEdit[];
  readonly styles: readonly StyleChannel[];
  /** A w of its own, [wDim] or [numWs, wDim], in place of the seed's: projected or read from a file; null for none. */
  readonly w: Float32Array | null;
}

export interface Blend {
  /** Top left, top right, bottom left, bottom right. */
  readonly seeds: readonly [number, number, number, number];
  readonly x: number;
  readonly y: number;
}

/** A direction of a set, added to the w's of layers first .. last. */
export interface DirectionEdit {
  readonly index: number;
  readonly strength: number;
  readonly first: number;
  readonly last: number;
}

/** A number added to one style of a layer: StyleSpace. */
export interface StyleChannel {
  readonly layer: string;
  readonly channel: number;
  readonly add: number;
}

export interface ModelInfo {
  readonly name: string;
  readonly format: string;
  readonly kind: "skip" | "orig" | "resnet" | "stylegan1" | "growing";
  readonly resolution: number;
  readonly channels: number;
  readonly numWs: number;
  readonly wDim: number;
  readonly zDim: number;
  readonly classes: number;
  /** The stored level of detail; null for networks that do not grow. */
  readonly lod: number | null;
  readonly hasAverage: boolean;
  /** Feature layers in the order in which they run: b4.conv1, b8.conv0, ... */
  readonly layers: readonly string[];
  readonly parameters: number;
}

/** Red, green, blue, opaque. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

export interface Rendered extends Picture {
  /** Smaller than the network's resolution while it is not finished. */
  readonly isFinal: boolean;
  /** An early image that the network itself does not have. */
  readonly isGuess: boolean;
  readonly ms: number;
  /** The resolution after which synthesis began: 4 layers of work saved, or none (0). */
  readonly startedAfter: number;
}

/** A layer as one looks into it. */
export interface LayerView {
  readonly layer: string;
  readonly channels: number;
  /** Pixels of a side of its maps. */
  readonly side: number;
  /** All maps, shrunk to `tile` pixels a side, in so many columns with gaps of one pixel; each has its own scale. */
  readonly sheet: Picture;
  readonly columns: number;
  readonly tile: number;
  /** Of each map over its pixels. */
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  /** Largest absolute value of each map. */
  readonly largest: Float32Array;
  /** What scales the layer's input maps (StyleGAN: scale - 1 and shift of its output); empty without styles. */
  readonly styles: Float32Array;
  /** sqrt(mean over maps of x^2) for each pixel. */
  readonly norm: Picture;
  /** The largest such norm as a multiple of the median: droplets stand out. */
  readonly normPeak: number;
}

/** What one resolution gives the image. */
export interface Contribution {
  readonly resolution: number;
  readonly name: string;
  readonly picture: Picture;
  /** Of its pixels, in units of the image from -1 to 1. */
  readonly deviation: number;
}

export interface TrainOptions {
  readonly seed: number;
  /** Feature maps at every resolution, and numbers of z and w. */
  readonly size: number;
  readonly batch: number;
  readonly learningRate: number;
  /** 0 switches the penalty off; so does plWeight. */
  readonly r1Gamma: number;
  readonly plWeight: number;
  /** Probability of style mixing. */
  readonly mixing: number;
  readonly ada: boolean;
  readonly generatorArchitecture: "skip" | "orig" | "resnet";
  readonly discriminatorArchitecture: "skip" | "orig" | "resnet";
}

export type TrainPhase = "Gmain" | "Greg" | "Dmain" | "Dreg";

export interface TrainStart {
  /** Of the data set. */
  readonly images: number;
  readonly resolution: number;
  readonly generatorParameters: number;
  readonly discriminatorParameters: number;
  readonly reals: Picture;
  readonly samples: Picture;
}

export interface TrainReport {
  readonly steps: number;
  /** Seen so far. */
  readonly images: number;
  readonly seconds: number;
  readonly losses: Readonly<Record<string, number>>;
  /** Mean logits; null where the discriminator was not asked. */
  readonly realScore: number | null;
  readonly fakeScore: number | null;
  readonly augmentP: number;
  readonly plMean: number;
  readonly samples: Picture | null;
  /** What each resolution gives the images, with samples; one entry where only the last has a toRgb. */
  readonly contributions: readonly { readonly resolution: number; readonly deviation: number }[] | null;
}

export interface LessonPicture {
  readonly picture: Picture;
  /** Begins a new row under this heading. */
  readonly heading?: string;
  readonly caption: string;
}

/** What a lesson shows. */
export interface LessonView {
  readonly pictures: readonly LessonPicture[];
  /** Pictures side by side. Default: as many as fit. */
  readonly columns?: number;
  readonly chart?: {
    readonly title: string;
    readonly unit: string;
    readonly lines: readonly { readonly name: string; readonly x: readonly number[]; readonly y: readonly number[] }[];
  };
  readonly text: string;
}

/** A way through keys. */
export interface FilmSpec {
  readonly keys: readonly ImageSpec[];
  readonly kind: "cubic" | "linear" | "slerp";
  /** From the last key back to the first. */
  readonly loop: boolean;
}

/** How far a projection has come. */
export interface Projected {
  readonly step: number;
  /** Mean squared error of the pixels, from -1 to 1. */
  readonly distance: number;
  readonly w: Float32Array;
  readonly picture: Picture;
}

/** The calls: what goes in, what comes out, and what may come in between. */
export interface Calls {
  start: { readonly args: { readonly threads: number | null }; readonly result: { readonly threads: number } };
  open: { readonly args: { readonly source: Blob | string; readonly name: string }; readonly result: ModelInfo };
  render: { readonly args: { readonly spec: ImageSpec }; readonly result: Rendered; readonly partial: Rendered };
  /** Small pictures, one after the other. */
  thumbs: {
    readonly args: { readonly specs: readonly ImageSpec[]; readonly side: number };
    readonly result: { readonly count: number };
    readonly partial: { readonly index: number; readonly picture: Picture };
  };
  layer: { readonly args: { readonly spec: ImageSpec; readonly layer: string }; readonly result: LayerView };
  map: {
    readonly args: { readonly spec: ImageSpec; readonly layer: string; readonly channel: number };
    readonly result: Picture;
  };
  contributions: { readonly args: { readonly spec: ImageSpec }; readonly result: readonly Contribution[] };
  /** The image at a place of a way, counted in keys. */
  frame: { readonly args: { readonly film: FilmSpec; readonly position: number }; readonly result: Picture };
  /** An animation as the pieces of a file. */
  film: {
    readonly args: {
      readonly film: FilmSpec;
      readonly format: "png" | "gif";
      readonly frames: number;
      readonly fps: number;
    };
    readonly result: readonly Uint8Array<ArrayBuffer>[];
    readonly partial: { readonly done: number };
  };
  project: {
    readonly args: { readonly target: Picture; readonly steps: number };
    readonly result: Projected;
    readonly partial: Projected;
  };
  /** SeFa's directions for some layers (null: all), or those in a file; later specs name them by number. */
  directions: {
    readonly args: { readonly file: Blob | null; readonly layers: readonly number[] | null };
    readonly result: { readonly count: number; readonly eigenvalues: readonly number[] | null };
  };
  lesson: {
    readonly args: { readonly name: string; readonly values: Readonly<Record<string, number>>; readonly model: string };
    readonly result: LessonView;
    readonly partial: LessonView;
  };
  trainStart: {
    readonly args: { readonly data: string; readonly options: TrainOptions };
    readonly result: TrainStart;
  };
  /** Runs until it is cancelled, which gives the last report all the same. */
  trainRun: { readonly args: { readonly steps: number }; readonly result: TrainReport; readonly partial: TrainReport };
  trainPhase: { readonly args: { readonly phase: TrainPhase }; readonly result: TrainReport };
  trainSave: { readonly args: object; readonly result: readonly Uint8Array<ArrayBuffer>[] };
  trainLoad: { readonly args: { readonly file: Blob }; readonly result: TrainReport };
  /** Opens the averaged generator as it is now, as if it were a file. */
  trainOpen: { readonly args: object; readonly result: ModelInfo };
  png: { readonly args: { readonly spec: ImageSpec }; readonly result: Uint8Array<ArrayBuffer> };
}

export type CallName = keyof Calls;
export type Args<K extends CallName> = Calls[K]["args"];
export type Result<K extends CallName> = Calls[K]["result"];
export type Partial<K extends CallName> = Calls[K] extends { readonly partial: infer P } ? P : never;

export type ToEngine =
  | { readonly id: number; readonly name: CallName; readonly args: Args<CallName> }
  | { readonly id: number; readonly cancel: true };

export type FromEngine =
  | { readonly id: number; readonly partial: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly cancelled: true }
  | { readonly id: number; readonly error: string };

/**
 * The random side of augmentation, apart from the arithmetic: which transformations exist, with what probability and
 * strength, and the random numbers that one batch needs. The pipeline (pipeline.ts) is a pure function of these.
 */
import type { RandomState } from "../../nn/random.js";
import { Tensor } from "../../nn/tensor.js";

/** Every transformation, in the order of application. Rotation happens twice, around the anisotropic scaling. */
export type Transformation =
  | "xflip"
  | "rotate90"
  | "xint"
  | "scale"
  | "preRotation"
  | "aniso"
  | "postRotation"
  | "xfrac"
  | "brightness"
  | "contrast"
  | "lumaflip"
  | "hue"
  | "saturation"
  | "imgfilter"
  | "noise"
  | "cutout";

/** What is drawn for each: how many numbers, of which distribution, and how many yes-or-no decisions. */
const VARIATES: Readonly<
  Record<Transformation, { readonly kind: "uniform" | "normal"; readonly count: number; readonly gates: number }>
> = {
  xflip: { kind: "uniform", count: 1, gates: 1 },
  rotate90: { kind: "uniform", count: 1, gates: 1 },
  xint: { kind: "uniform", count: 2, gates: 1 },
  scale: { kind: "normal", count: 1, gates: 1 },
  preRotation: { kind: "uniform", count: 1, gates: 1 },
  aniso: { kind: "normal", count: 1, gates: 1 },
  postRotation: { kind: "uniform", count: 1, gates: 1 },
  xfrac: { kind: "normal", count: 2, gates: 1 },
  brightness: { kind: "normal", count: 1, gates: 1 },
  contrast: { kind: "normal", count: 1, gates: 1 },
  lumaflip: { kind: "uniform", count: 1, gates: 1 },
  hue: { kind: "uniform", count: 1, gates: 1 },
  saturation: { kind: "normal", count: 1, gates: 1 },
  imgfilter: { kind: "normal", count: 4, gates: 4 },
  noise: { kind: "normal", count: 1, gates: 1 },
  cutout: { kind: "uniform", count: 2, gates: 1 },
};

const TRANSFORMATIONS = Object.keys(VARIATES) as readonly Transformation[];

export interface TransformationDraw {
  /** Uniform in [0, 1): the transformation is applied where the gate is below its probability. */
  readonly gates: readonly number[];
  /** Uniform in [0, 1) or standard normal, before any scaling. */
  readonly amounts: readonly number[];
}

export type SampleDraw = Readonly<Record<Transformation, TransformationDraw>>;

/** The random numbers of one batch. */
export interface AugmentDraws {
  /** One for each image. */
  readonly samples: readonly SampleDraw[];
  /** Standard normal [N, C, H, W] for additive noise; null when the pipeline has none. */
  readonly noise: Tensor | null;
}

/**
 * The pipeline: for each transformation a multiplier of the probability p, 0 to leave it out; and its strength. The
 * defaults of the strengths are those of ADA, appendix B.
 */
export interface AugmentPipeline {
  readonly xflip?: number;
  readonly rotate90?: number;
  readonly xint?: number;
  /** Largest whole-pixel shift, as a part of the image. Default 0.125. */
  readonly xintMax?: number;
  readonly scale?: number;
  /** Of log2 of the factor. Default 0.2. */
  readonly scaleStd?: number;
  readonly rotate?: number;
  /** Largest angle, as a part of half a turn. Default 1. */
  readonly rotateMax?: number;
  readonly aniso?: number;
  /** Of log2 of the factor. Default 0.2. */
  readonly anisoStd?: number;
  readonly xfrac?: number;
  /** As a part of the image. Default 0.125. */
  readonly xfracStd?: number;
  readonly brightness?: number;
  /** Default 0.2. */
  readonly brightnessStd?: number;
  readonly contrast?: number;
  /** Of log2 of the factor. Default 0.5. */
  readonly contrastStd?: number;
  readonly lumaflip?: number;
  readonly hue?: number;
  /** Largest angle, as a part of half a turn. Default 1. */
  readonly hueMax?: number;
  readonly saturation?: number;
  /** Of log2 of the factor. Default 1. */
  readonly saturationStd?: number;
  readonly imgfilter?: number;
  /** Of log2 of the gain of each of the four frequency bands. Default 1. */
  readonly imgfilterStd?: number;
  /** Which bands are changed, from low to high. Default [1, 1, 1, 1]. */
  readonly imgfilterBands?: readonly number[];
  readonly noise?: number;
  /** Default 0.1. */
  readonly noiseStd?: number;
  readonly cutout?: number;
  /** Side of the square, as a part of the image. Default 0.5. */
  readonly cutoutSize?: number;
}

const BLIT: AugmentPipeline = { xflip: 1, rotate90: 1, xint: 1 };
const GEOMETRY: AugmentPipeline = { scale: 1, rotate: 1, aniso: 1, xfrac: 1 };
const COLOUR: AugmentPipeline = { brightness: 1, contrast: 1, lumaflip: 1, hue: 1, saturation: 1 };
const FILTER: AugmentPipeline = { imgfilter: 1 };
const NOISE: AugmentPipeline = { noise: 1 };
const CUTOUT: AugmentPipeline = { cutout: 1 };

/** The pipelines of ADA, figure 4, by their official names. */
export const augmentPipelines = {
  blit: BLIT,
  geom: GEOMETRY,
  color: COLOUR,
  filter: FILTER,
  noise: NOISE,
  cutout: CUTOUT,
  bg: { ...BLIT, ...GEOMETRY },
  bgc: { ...BLIT, ...GEOMETRY, ...COLOUR },
  bgcf: { ...BLIT, ...GEOMETRY, ...COLOUR, ...FILTER },
  bgcfn: { ...BLIT, ...GEOMETRY, ...COLOUR, ...FILTER, ...NOISE },
  bgcfnc: { ...BLIT, ...GEOMETRY, ...COLOUR, ...FILTER, ...NOISE, ...CUTOUT },
} as const satisfies Readonly<Record<string, AugmentPipeline>>;

/**
 * Draws all that one batch needs. How many numbers are drawn depends on nothing but the arguments, so a run that is
 * resumed sees the same stream.
 *
 * @param imageShape [N, C, H, W]
 */
export function drawAugmentation(
  random: RandomState,
  pipeline: AugmentPipeline,
  imageShape: readonly number[],
): AugmentDraws {
  const draw = (kind: "uniform" | "normal", count: number): readonly number[] => [
    ...(kind === "uniform" ? random.randomSample(count) : random.randn(count)),
  ];
  const samples = Array.from({ length: imageShape[0] }, () => {
    const entries = TRANSFORMATIONS.map((name): [Transformation, TransformationDraw] => {
      const { kind, count, gates } = VARIATES[name];
      return [name, { gates: draw("uniform", gates), amounts: draw(kind, count) }];
    });
    return Object.fromEntries(entries) as SampleDraw;
  });
  const size = imageShape.reduce((product, extent) => product * extent, 1);
  const noise = (pipeline.noise ?? 0) > 0 ? Tensor.from(random.randn(size), imageShape) : null;
  return { samples, noise };
}

/** The amounts of a transformation where its gate is open at this probability, else null. */
export function amountsIfActive(draw: TransformationDraw, probability: number): readonly number[] | null {
  return draw.gates[0] < probability ? draw.amounts : null;
}

/** The geometry as JSON: written into native files, and read back without believing a word of it. */

import { CheckpointError, describe } from "../../formats/fileError.js";
import type { HeGain } from "../../nn/layers/dense.js";
import { activationNames } from "../../nn/ops/biasAct.js";
import type {
  DiscriminatorConfig,
  GeneratorConfig,
  GrowingDiscriminatorConfig,
  GrowingGeneratorConfig,
  GrowingSynthesisConfig,
  MappingConfig,
  NetworkConfig,
  Stylegan1DiscriminatorConfig,
  Stylegan1GeneratorConfig,
  Stylegan1SynthesisConfig,
  SynthesisConfig,
} from "../config.js";
import { architectures, checkedGeometry, oneOf } from "./geometry.js";

/** A checked configuration from parsed JSON. CheckpointError names the field that is wrong, missing or unknown. */
export function parseConfig(value: unknown, where: string): NetworkConfig {
  const fields = new Fields(value, where);
  const kind = fields.word("kind", Object.keys(readers) as NetworkConfig["kind"][]);
  const config = readers[kind](fields);
  fields.expectNoOthers();
  return checkedGeometry(where, config);
}

const readers: { readonly [Kind in NetworkConfig["kind"]]: (fields: Fields) => NetworkConfig & { kind: Kind } } = {
  "stylegan2-generator": generatorConfig,
  "stylegan2-discriminator": discriminatorConfig,
  "stylegan1-generator": stylegan1GeneratorConfig,
  "stylegan1-discriminator": stylegan1DiscriminatorConfig,
  "growing-stylegan2-generator": growingGeneratorConfig,
  "growing-stylegan2-discriminator": growingDiscriminatorConfig,
};

function generatorConfig(fields: Fields): GeneratorConfig {
  return {
    kind: "stylegan2-generator",
    ...commonGenerator(fields),
    synthesis: fields.nested("synthesis", synthesisConfig),
  };
}

function stylegan1GeneratorConfig(fields: Fields): Stylegan1GeneratorConfig {
  return {
    kind: "stylegan1-generator",
    ...commonGenerator(fields),
    synthesis: fields.nested("synthesis", stylegan1SynthesisConfig),
  };
}

function growingGeneratorConfig(fields: Fields): GrowingGeneratorConfig {
  return {
    kind: "growing-stylegan2-generator",
    ...commonGenerator(fields),
    synthesis: fields.nested("synthesis", growingSynthesisConfig),
  };
}

function commonGenerator(fields: Fields) {
  return {
    zDim: fields.count("zDim"),
    cDim: fields.count("cDim"),
    wDim: fields.count("wDim"),
    ...image(fields),
    mapping: fields.nested("mapping", mappingConfig),
  };
}

function image(fields: Fields) {
  return { imgResolution: fields.count("imgResolution"), imgChannels: fields.count("imgChannels") };
}

function mappingConfig(fields: Fields): MappingConfig {
  return {
    zDim: fields.count("zDim"),
    cDim: fields.count("cDim"),
    wDim: fields.count("wDim"),
    numWs: fields.orNull("numWs", () => fields.count("numWs")),
    embedFeatures: fields.count("embedFeatures"),
    embedBias: fields.boolean("embedBias"),
    inputNormalization: fields.word("inputNormalization", ["separate", "joint"]),
    layerFeatures: fields.list("layerFeatures", isCount),
    activation: fields.word("activation", activationNames),
    lrMultiplier: fields.number("lrMultiplier"),
    wAvgBeta: fields.orNull("wAvgBeta", () => fields.number("wAvgBeta")),
    ...(fields.has("heGain") && { heGain: fields.word<HeGain>("heGain", ["activation", "weight"]) }),
  };
}

function synthesisConfig(fields: Fields): SynthesisConfig {
  return { ...growingSynthesisConfig(fields), architecture: fields.word("architecture", architectures) };
}

function growingSynthesisConfig(fields: Fields): GrowingSynthesisConfig {
  return {
    wDim: fields.count("wDim"),
    ...image(fields),
    channels: fields.list("channels", isPair),
    resampleFilter: fields.list("resampleFilter", isNumber),
    activation: fields.word("activation", activationNames),
    convClamp: fields.orNull("convClamp", () => fields.number("convClamp")),
    useNoise: fields.boolean("useNoise"),
    scaleBeforeDemodulation: fields.boolean("scaleBeforeDemodulation"),
  };
}

function stylegan1SynthesisConfig(fields: Fields): Stylegan1SynthesisConfig {
  return {
    wDim: fields.count("wDim"),
    ...image(fields),
    channels: fields.list("channels", isPair),
    activation: fields.word("activation", activationNames),
    input: fields.word("input", ["constant", "traditional"]),
    useStyles: fields.boolean("useStyles"),
    useNoise: fields.boolean("useNoise"),
    usePixelNorm: fields.boolean("usePixelNorm"),
    useInstanceNorm: fields.boolean("useInstanceNorm"),
    ...scaling(fields),
  };
}

/** How StyleGAN (2018) changes resolution. */
function scaling(fields: Fields) {
  return {
    blurFilter: fields.orNull("blurFilter", () => fields.list("blurFilter", isNumber)),
    fusedFrom: fields.orNull("fusedFrom", () => fields.count("fusedFrom")),
  };
}

function discriminatorConfig(fields: Fields): DiscriminatorConfig {
  return {
    kind: "stylegan2-discriminator",
    cDim: fields.count("cDim"),
    ...image(fields),
    channels: fields.list("channels", isPair),
    architecture: fields.word("architecture", architectures),
    resampleFilter: fields.list("resampleFilter", isNumber),
    activation: fields.word("activation", activationNames),
    convClamp: fields.orNull("convClamp", () => fields.number("convClamp")),
    conditioning: fields.word("conditioning", ["none", "projection", "logits"]),
    cmapDim: fields.count("cmapDim"),
    mapping: fields.orNull("mapping", () => fields.nested("mapping", mappingConfig)),
    ...minibatchStd(fields),
  };
}

function stylegan1DiscriminatorConfig(fields: Fields): Stylegan1DiscriminatorConfig {
  return {
    kind: "stylegan1-discriminator",
    cDim: fields.count("cDim"),
    ...image(fields),
    channels: fields.list("channels", isPair),
    activation: fields.word("activation", activationNames),
    ...scaling(fields),
    ...minibatchStd(fields),
  };
}

function growingDiscriminatorConfig(fields: Fields): GrowingDiscriminatorConfig {
  return {
    kind: "growing-stylegan2-discriminator",
    cDim: fields.count("cDim"),
    ...image(fields),
    channels: fields.list("channels", isPair),
    resampleFilter: fields.list("resampleFilter", isNumber),
    activation: fields.word("activation", activationNames),
    ...minibatchStd(fields),
  };
}

function minibatchStd(fields: Fields) {
  return {
    mbstdGroupSize: fields.orNull("mbstdGroupSize", () => fields.count("mbstdGroupSize")),
    mbstdNumChannels: fields.count("mbstdNumChannels"),
  };
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isCount = (value: unknown): value is number =>
  isNumber(value) && value >= 0 && value <= 1 << 24 && value % 1 === 0;
const isPair = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every(isCount);

const MAX_LIST = 1000;

/** A JSON object whose fields are read by kind; at the end none may be left over. */
class Fields {
  private readonly object: Readonly<Record<string, unknown>>;
  private readonly where: string;
  private readonly read = new Set<string>();

  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new CheckpointError(`${where}: expected an object, found ${describe(value)}`);
    }
    this.object = value as Record<string, unknown>;
    this.where = where;
  }

  count(name: string): number {
    return this.checked(name, isCount, "a whole number");
  }

  number(name: string): number {
    return this.checked(name, isNumber, "a number");
  }

  boolean(name: string): boolean {
    return this.checked(name, (value): value is boolean => typeof value === "boolean", "true or false");
  }

  has(name: string): boolean {
    return Object.hasOwn(this.object, name);
  }

  word<Word extends string>(name: string, words: readonly Word[]): Word {
    return oneOf(`${this.where}.${name}`, this.get(name), words);
  }

  list<T>(name: string, isItem: (value: unknown) => value is T): T[] {
    const isList = (value: unknown): value is T[] =>
      Array.isArray(value) && value.length <= MAX_LIST && value.every(isItem);
    return this.checked(name, isList, "a list");
  }

  orNull<T>(name: string, read: () => T): T | null {
    return this.get(name) === null ? null : read();
  }

  nested<T>(name: string, read: (fields: Fields) => T): T {
    const fields = new Fields(this.get(name), `${this.where}.${name}`);
    const value = read(fields);
    fields.expectNoOthers();
    return value;
  }

  expectNoOthers(): void {
    const other = Object.keys(this.object).find((name) => !this.read.has(name));
    if (other !== undefined) throw new CheckpointError(`${this.where}: unknown field ${describe(other)}`);
  }

  private checked<T>(name: string, is: (value: unknown) => value is T, expected: string): T {
    const value = this.get(name);
    if (!is(value)) throw new CheckpointError(`${this.where}.${name}: expected ${expected}, found ${describe(value)}`);
    return value;
  }

  private get(name: string): unknown {
    this.read.add(name);
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }
}

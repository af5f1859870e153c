/** `--edit "FILE:3@0-2=+2.5"` and `--style "b32.conv0[286]=+5"`: what they say, and the network they are for. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AnyGenerator } from "../../index.js";
import {
  type Directions,
  editStyles,
  type LatentEdit,
  readDirections,
  type StyleEdit,
} from "../../stylegan/latents/index.js";
import { readAs } from "../files.js";
import { parseNumber } from "../options.js";
import { parseLayers } from "../seeds.js";
import { UsageError } from "../terminal.js";

/** A direction of a file, before the file is read: `FILE`, `FILE:3`, `FILE:3@0-2`. */
export interface DirectionSpec {
  readonly file: string;
  readonly index: number;
  /** null: those that the file names, or all. */
  readonly layers: readonly number[] | null;
}

export interface EditSpec extends DirectionSpec {
  readonly amount: number;
}

export interface EditOptions {
  readonly edit?: readonly EditSpec[];
  readonly style?: readonly StyleEdit[];
}

/** `FILE:3@0-2` -> file, 3, [0, 1, 2] */
export function parseDirection(text: string): DirectionSpec {
  const match = /^(.+?)(?::(\d+))?(?:@([\d,\s-]+))?$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("Expected FILE, FILE:INDEX or FILE:INDEX@LAYERS.");
  const [, file, index = "0", layers] = match;
  return { file, index: Number(index), layers: layers === undefined ? null : parseLayers(layers) };
}

function parseEdit(text: string): EditSpec {
  const match = /^(.+)=([^=]+)$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError(
      `Expected FILE:INDEX@LAYERS=AMOUNT, for example dirs.npz:3@0-2=+2.5, got '${text}'.`,
    );
  }
  return { ...parseDirection(match[1]), amount: parseNumber(match[2]) };
}

function parseStyle(text: string): StyleEdit {
  const match = /^\s*(?:synthesis\.)?([\w.]+)\[(\d+)\]\s*=([^=]+)$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError(`Expected LAYER[CHANNEL]=AMOUNT, for example b32.conv0[286]=+5, got '${text}'.`);
  }
  return { layer: match[1], channel: Number(match[2]), amount: parseNumber(match[3]) };
}

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)];

/** --edit and --style, each as often as wanted. */
export function addEditOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--edit <direction=amount>",
        "FILE:INDEX@LAYERS=AMOUNT: a step along a direction, see 'stylegan directions'; repeatable, steps add up",
      ).argParser(collect(parseEdit)),
    )
    .addOption(
      new Option(
        "--style <channel=amount>",
        "LAYER[CHANNEL]=AMOUNT: adds to one channel of a layer's styles, as in b32.conv0[286]=+5; repeatable",
      ).argParser(collect(parseStyle)),
    );
}

/** Reads a file of directions for this network. */
function openDirections(file: string, generator: AnyGenerator): Directions {
  return readAs(file, (bytes) => readDirections(bytes, generator));
}

/** One direction of a file, with the layers to use it in. */
export function openDirection(
  { file, index, layers }: DirectionSpec,
  generator: AnyGenerator,
): Omit<LatentEdit, "amount"> {
  const found = openDirections(file, generator);
  const direction = found.directions[index];
  if (direction === undefined) {
    const count = found.directions.length;
    throw new UsageError(
      `${file} has no direction ${index}: it has ${count === 1 ? "one, 0" : `${count}, 0 to ${count - 1}`}`,
    );
  }
  const chosen = layers ?? found.layers;
  const missing = chosen?.find((layer) => layer >= generator.numWs);
  if (missing !== undefined) {
    throw new UsageError(`${file}: this network has no layer ${missing}: its layers are 0 to ${generator.numWs - 1}`);
  }
  return { direction, layers: chosen };
}

/** The generator with edited styles, and the steps in W. */
export function openEdits(
  generator: AnyGenerator,
  { edit = [], style = [] }: EditOptions,
): { readonly generator: AnyGenerator; readonly edits: readonly LatentEdit[] } {
  const edits = edit.map((spec) => ({ ...openDirection(spec, generator), amount: spec.amount }));
  try {
    return { generator: editStyles(generator, style), edits };
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--style: ${error.message.replace(/^style: /, "")}`);
    throw error;
  }
}

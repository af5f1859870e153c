/** `--trunc`, `--trunc-cutoff` and `--new-center`: psi for each layer, around which centre. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AnyGenerator, Tensor } from "../../index.js";
import { truncateLayers } from "../../stylegan/latents/index.js";
import { parseCount, parseNumber, parseNumbers } from "../options.js";
import { parseLayers } from "../seeds.js";
import { UsageError } from "../terminal.js";
import { wOfSeedOrFile } from "./stored.js";

/** `0.7`, `0,0.5,1`: an image for each; `0.7@0-7,1@8-17`: one image, with a psi for each layer. */
export type Truncation =
  | { readonly kind: "psis"; readonly psis: readonly number[] }
  | {
      readonly kind: "layers";
      readonly parts: readonly { readonly psi: number; readonly layers: readonly number[] }[];
    };

export interface TruncationOptions {
  readonly trunc?: Truncation;
  readonly truncCutoff?: number;
  readonly newCenter?: string;
}

export function parseTruncation(text: string): Truncation {
  if (!text.includes("@")) return { kind: "psis", psis: parseNumbers(text) };
  // A part without "@" goes on with the layers of the one before it: 0.7@0,2,1@3 means 0 and 2, then 3.
  const parts: { psi: number; layers: number[] }[] = [];
  for (const part of text.split(",")) {
    const match = /^([^@]+)@([\d\s-]+)$/.exec(part);
    if (match !== null) parts.push({ psi: parseNumber(match[1]), layers: parseLayers(match[2]) });
    else if (parts.length > 0 && /^[\d\s-]+$/.test(part)) parts.at(-1)!.layers.push(...parseLayers(part));
    else throw new InvalidArgumentError(`Expected PSI@LAYERS such as 0.7@0-7,1@8-17, got '${part}'.`);
  }
  const all = parts.flatMap(({ layers }) => layers);
  const twice = all.find((layer, index) => all.indexOf(layer) !== index);
  if (twice !== undefined) throw new InvalidArgumentError(`Layer ${twice} has two values of psi.`);
  return { kind: "layers", parts };
}

/** --trunc-cutoff and --new-center. */
export function addTruncationOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--trunc-cutoff <count>", "truncate the first so many layers only (default: all)").argParser(
        parseCount(0),
      ),
    )
    .option("--new-center <w>", "truncate towards the w of a seed, or of a file, and not towards the average");
}

/** What truncates: `psi` is the image's own, from a list of them. */
export type Truncate = (ws: Tensor, psi: number) => Tensor;

/** @throws UsageError for layers that are not there, and for options that contradict each other */
export function openTruncation(
  generator: AnyGenerator,
  { trunc, truncCutoff, newCenter }: TruncationOptions,
  c: Tensor | null,
): Truncate {
  const { numWs, mapping } = generator;
  if (trunc?.kind === "layers" && truncCutoff !== undefined) {
    throw new UsageError("--trunc names its layers, so --trunc-cutoff has nothing to say");
  }
  if (truncCutoff !== undefined && truncCutoff > numWs) {
    throw new UsageError(`--trunc-cutoff: this network has ${numWs} layers, got ${truncCutoff}`);
  }
  const all = trunc?.kind === "psis" ? trunc.psis : trunc?.parts.map(({ psi }) => psi);
  if (all === undefined || all.every((psi) => psi === 1)) {
    if (truncCutoff !== undefined)
      throw new UsageError("--trunc-cutoff says how many layers --trunc is for: give both");
    if (newCenter !== undefined) throw new UsageError("--new-center says what --trunc pulls towards: give both");
  }
  const byLayer = trunc?.kind === "layers" ? layerPsis(trunc.parts, numWs) : null;
  const centre = newCenter === undefined ? mapping.wAvg : wOfSeedOrFile(newCenter, generator, c, "--new-center");
  return (ws, psi) => {
    const psis = byLayer ?? Array.from({ length: numWs }, (_, layer) => (layer < (truncCutoff ?? numWs) ? psi : 1));
    if (psis.every((value) => value === 1)) return ws;
    if (centre === null)
      throw new UsageError(
        "--trunc needs the average w, which this network does not track: name one with --new-center",
      );
    return truncateLayers(ws, psis, centre);
  };
}

function layerPsis(
  parts: readonly { readonly psi: number; readonly layers: readonly number[] }[],
  numWs: number,
): number[] {
  const psis = new Array<number>(numWs).fill(1);
  for (const { psi, layers } of parts) {
    for (const layer of layers) {
      if (layer >= numWs)
        throw new UsageError(`--trunc: this network has no layer ${layer}: its layers are 0 to ${numWs - 1}`);
      psis[layer] = psi;
    }
  }
  return psis;
}

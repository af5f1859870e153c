/** `stylegan convert`: any checkpoint that can be read, into the native format or rosinality's. */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { Command, type Command as CommanderCommand, InvalidArgumentError, Option } from "commander";
import { isSameFile } from "../../files.js";
import { saveCheckpoint, writtenFormats } from "../../index.js";
import { makeFolder } from "../files.js";
import { networkWords, openCheckpoint } from "../networks.js";
import { lightEngine } from "../options.js";
import { type Terminal, UsageError } from "../terminal.js";

const networkNames = ["gEma", "g", "d"] as const;
type NetworkName = (typeof networkNames)[number];

/** `.safetensors or .pt` */
const inWords = (formats: typeof writtenFormats): string => formats.map(({ ending }) => ending).join(" or ");

interface ConvertOptions {
  readonly ignoreClamp?: boolean;
  readonly dtype: "f32" | "f16";
  readonly networks?: readonly NetworkName[];
}

const examples = `
Examples:
  $ stylegan convert ffhq.pkl ffhq.safetensors
  $ stylegan convert ffhq.pkl ffhq-small.safetensors --networks G_ema --dtype f16
  $ stylegan convert ffhq.pkl ffhq.pt --networks G_ema --ignore-clamp`;

export function convertCommand(terminal: Terminal): CommanderCommand {
  return new Command("convert")
    .description(
      "Rewrite a checkpoint as safetensors with the official parameter names, or (StyleGAN2) as rosinality's .pt.",
    )
    .argument("<in>", "checkpoint to read: a file or an address")
    .argument("<out>", `file to write: its name ends in ${inWords(writtenFormats)}`)
    .addOption(
      new Option("--dtype <type>", "number type of the weights; f16 in .safetensors only")
        .choices(["f32", "f16"])
        .default("f32"),
    )
    .addOption(
      new Option("--networks <list>", "which to keep, of G_ema,G,D (default: all that are there)").argParser(
        parseNetworks,
      ),
    )
    .option("--ignore-clamp", "to .pt: also networks that clamp activations, which it cannot say")
    .addHelpText("after", examples)
    .action((input: string, output: string, options: ConvertOptions) => convert(input, output, options, terminal));
}

/** As files call them, too: G_ema, g_ema, Gs; G; D. */
function parseNetworks(text: string): NetworkName[] {
  return text.split(",").map((part) => {
    const called = part.trim().toLowerCase().replace("_", "").replace(/^gs$/, "gema");
    const name = networkNames.find((known) => known.toLowerCase() === called);
    if (name === undefined) throw new InvalidArgumentError(`Expected some of G_ema, G and D, got '${part}'.`);
    return name;
  });
}

async function convert(input: string, output: string, options: ConvertOptions, terminal: Terminal): Promise<void> {
  const { dtype, networks, ignoreClamp = false } = options;
  const target = writtenFormats.find(({ ending }) => output.endsWith(ending));
  if (target === undefined) {
    throw new UsageError(`the file to write must end in ${inWords(writtenFormats)}, got ${output}`);
  }
  if (!target.dtypes.includes(dtype)) {
    const others = writtenFormats.filter(({ dtypes }) => dtypes.includes(dtype));
    throw new UsageError(`--dtype ${dtype} needs a ${inWords(others)} to write`);
  }
  if (isSameFile(input, output)) throw new UsageError(`${output} is the file to read; name another one to write`);
  const { format, ...found } = await openCheckpoint(input, lightEngine, networks, terminal);
  const missing = networks?.find((name) => found[name] === undefined);
  if (missing !== undefined) throw new Error(`${input} (${format}) holds no ${networkWords[missing]}`);
  makeFolder(dirname(output));
  await saveCheckpoint(output, found, { format: target.name, dtype, ignoreClamp });
  const megabytes = (statSync(output).size / 1e6).toFixed(1);
  const kept = networkNames.flatMap((name) => (found[name] === undefined ? [] : networkWords[name])).join(", ");
  terminal.out(`${output}: ${kept} in ${dtype}, ${megabytes} MB, from ${format}\n`);
}

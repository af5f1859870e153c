/** `stylegan export`: a generator as an ONNX model, for every runtime that reads the format. */
import { dirname } from "node:path";
import { Command, type Command as CommanderCommand, Option } from "commander";
import { writeFile } from "../../files.js";
import { exportOnnx } from "../../index.js";
import { makeFolder } from "../files.js";
import { openGenerator } from "../networks.js";
import { lightEngine, parseCount, parseNumber } from "../options.js";
import { type Terminal, UsageError } from "../terminal.js";

interface ExportOptions {
  readonly part: "mapping" | "synthesis" | "both";
  readonly noiseMode: "const" | "none";
  readonly trunc: number | "input";
  readonly truncCutoff?: number;
}

const examples = `
Inputs and outputs, float32, with a free batch size N:
  z [N, zDim], c [N, cDim] (conditional networks only), ws [N, numWs, wDim], img [N, channels, height, width]

Examples:
  $ stylegan export ffhq.pkl ffhq.onnx --trunc 0.7
  $ stylegan export ffhq.pkl synthesis.onnx --part synthesis --noise-mode none`;

export function exportCommand(terminal: Terminal): CommanderCommand {
  return new Command("export")
    .description("Write the averaged generator as an ONNX model, weights included.")
    .argument("<in>", "checkpoint to read: a file or an address")
    .argument("<out>", "file to write, NAME.onnx")
    .addOption(
      new Option("--part <part>", "mapping: z to ws; synthesis: ws to img; both: z to img")
        .choices(["mapping", "synthesis", "both"])
        .default("both"),
    )
    .addOption(
      new Option("--noise-mode <mode>", "the noise stored with the network, or none")
        .choices(["const", "none"])
        .default("const"),
    )
    .addOption(
      new Option("--trunc <psi>", "truncation psi, fixed in the model; 'input' makes it an input, truncation_psi")
        .argParser((text) => (text === "input" ? text : parseNumber(text)))
        .default(1),
    )
    .addOption(
      new Option("--trunc-cutoff <count>", "truncate only the first so many layers (default: all)").argParser(
        parseCount(0),
      ),
    )
    .addHelpText("after", examples)
    .action((input: string, output: string, options: ExportOptions) => exportModel(input, output, options, terminal));
}

async function exportModel(input: string, output: string, options: ExportOptions, terminal: Terminal): Promise<void> {
  const { part, noiseMode, trunc: truncationPsi, truncCutoff: truncationCutoff = null } = options;
  if (!output.endsWith(".onnx")) throw new UsageError(`the file to write must end in .onnx, got ${output}`);
  const { generator } = await openGenerator(input, lightEngine, terminal);
  makeFolder(dirname(output));
  const bytes = exportOnnx(generator, { part, noiseMode, truncationPsi, truncationCutoff });
  writeFile(output, bytes);
  const [from, to] = [part === "synthesis" ? "ws" : "z", part === "mapping" ? "ws" : "img"];
  terminal.out(`${output}: ${from} to ${to}, ${(bytes.length / 1e6).toFixed(1)} MB\n`);
}

/** `stylegan info`: what a checkpoint holds. */
import { Command } from "commander";
import { openFile } from "../../files.js";
import { type Discriminator, describeOnnx, type Generator, type OnnxDescription, type OnnxValue } from "../../index.js";
import { engineReport } from "../engine.js";
import { checkReadable } from "../files.js";
import { type LayerSummary, summarize } from "../layers.js";
import { bundledModel, openCheckpoint } from "../networks.js";
import { lightEngine } from "../options.js";
import { type Terminal, UsageError } from "../terminal.js";

type Network = Generator | Discriminator;

/** What each network is, after what the file calls it. */
const roles = { gEma: "the averaged generator", g: "the generator as trained", d: "the discriminator" };

const examples = `
Examples:
  $ stylegan info ffhq.pkl
  $ stylegan info
  $ stylegan info ffhq.pkl --json
  $ stylegan info --engine`;

export function infoCommand(terminal: Terminal): Command {
  return new Command("info")
    .description("Say what a checkpoint holds: format, networks, geometry, parameter counts and layers.")
    .argument("[file]", "checkpoint or exported .onnx: a file or an address (default: the bundled model)")
    .option("--engine", "which kernels run here, and why, in place of a checkpoint")
    .option("--json", "as JSON, for programs")
    .addHelpText("after", examples)
    .action(async (file: string | undefined, options: InfoOptions) => {
      if (!options.engine) return info(file ?? bundledOrFail(), options, terminal);
      if (file !== undefined) throw new UsageError(`--engine describes this machine: leave out ${file}`);
      const { info: facts, text } = await engineReport(terminal);
      terminal.out(options.json ? `${JSON.stringify(facts, null, 2)}\n` : text);
    });
}

interface InfoOptions {
  readonly engine?: boolean;
  readonly json?: boolean;
}

function bundledOrFail(): string {
  const path = bundledModel();
  if (path === null) throw new UsageError("there is no bundled model to describe: name a checkpoint");
  return path;
}

async function info(file: string, options: InfoOptions, terminal: Terminal): Promise<void> {
  const model = exportedModel(file);
  if (model !== null) return tellModel(file, model, options, terminal);
  const { format, gEma, g, d, names = {}, warnings = [] } = await openCheckpoint(file, lightEngine);
  const networks = Object.entries({ gEma, g, d }).filter((entry): entry is [keyof typeof roles, Network] => {
    return entry[1] !== undefined;
  });
  if (options.json) {
    const described = Object.fromEntries(networks.map(([name, network]) => [name, describe(network)]));
    terminal.out(`${JSON.stringify({ file, format, names, warnings, networks: described }, null, 2)}\n`);
    return;
  }
  terminal.out(`${file}: ${format}\n`);
  for (const warning of warnings) terminal.out(`  note: ${warning}\n`);
  const told = new Map<string, string>();
  for (const [name, network] of networks) {
    const text = report(describe(network));
    const twin = told.get(text);
    const title = `${names[name] ?? name}, ${roles[name]}`;
    terminal.out(twin === undefined ? `\n${title}\n${text}` : `\n${title}: the same layers as ${twin}\n`);
    told.set(text, title);
  }
}

/** What `stylegan export` made, which is no checkpoint; null for everything else. */
function exportedModel(file: string): OnnxDescription | null {
  if (/^https?:\/\//.test(file)) return null;
  checkReadable(file);
  const source = openFile(file);
  try {
    return describeOnnx(source);
  } finally {
    source.close();
  }
}

function tellModel(
  file: string,
  { config, ...model }: OnnxDescription,
  { json }: { readonly json?: boolean },
  terminal: Terminal,
): void {
  const format = "ONNX model of stylegan export";
  if (json) {
    terminal.out(`${JSON.stringify({ file, format, ...model, config }, null, 2)}\n`);
    return;
  }
  const values = (all: readonly OnnxValue[]): string =>
    all.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", ");
  const part = model.part === "both" ? "mapping and synthesis" : model.part;
  const facts = [
    ["holds", `${part} of a generator, ${model.numbers} stored numbers`],
    ["inputs", values(model.inputs)],
    ["outputs", values(model.outputs)],
    ["opset", String(model.opset)],
  ];
  terminal.out(`${file}: ${format}\n${table(facts)}\nthe generator that it was made of\n${table(flatten(config))}`);
}

interface Description {
  readonly config: Network["config"];
  /** Trained numbers, and stored ones that are not trained. */
  readonly parameters: number;
  readonly buffers: number;
  readonly layers: readonly LayerSummary[];
}

function describe(network: Network): Description {
  const layers = summarize(network);
  const total = (of: "parameters" | "buffers") => layers.reduce((sum, layer) => sum + layer[of], 0);
  return { config: network.config, parameters: total("parameters"), buffers: total("buffers"), layers };
}

function report({ config, parameters, buffers, layers }: Description): string {
  const geometry = flatten(config).map(([name, value]) => [name, value]);
  const rows = layers.map((layer) => [
    layer.name,
    String(layer.parameters),
    String(layer.buffers),
    layer.weight?.join("x") ?? "-",
    layer.output?.join("x") ?? "-",
  ]);
  const header = ["layer", "parameters", "buffers", "weight", "output"];
  const total = ["total", String(parameters), String(buffers), "", ""];
  return `${table(geometry)}\n${table([header, ...rows, total], [1, 2])}`;
}

/** Nested settings as names and texts: `mapping.lrMultiplier` `0.01`. */
function flatten(config: object, prefix = ""): [string, string][] {
  return Object.entries(config).flatMap(([key, value]: [string, unknown]): [string, string][] => {
    const name = prefix + key;
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return flatten(value, `${name}.`);
    return [[name, plain(value)]];
  });
}

/** Lists with spaces, pairs as 4:512. */
function plain(value: unknown): string {
  if (value === null) return "none";
  if (!Array.isArray(value)) return String(value);
  return value.map((item) => (Array.isArray(item) ? item.join(":") : String(item))).join(" ");
}

/** Lines of padded columns, indented by two; the columns in `right` are flush right. */
function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text: string, column: number) =>
    right.includes(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]);
  return rows.map((row) => `  ${row.map(pad).join("  ").trimEnd()}\n`).join("");
}

/** `stylegan blend`, `average` and `resize`: networks made of networks. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { isSameFile } from "../../files.js";
import { type Checkpoint, saveCheckpoint } from "../../index.js";
import {
  type AnyNetwork,
  blendNetworks,
  haveSameMapping,
  NetworkAverage,
  resizeNetwork,
} from "../../stylegan/surgery/index.js";
import { makeFolder } from "../files.js";
import { networkWords, openCheckpoint } from "../networks.js";
import { lightEngine, parseCount, parseNumber, parseSeed } from "../options.js";
import { formatDuration, Progress } from "../progress.js";
import { type Terminal, UsageError } from "../terminal.js";

const networkNames = ["gEma", "g", "d"] as const;
type Networks = Omit<Checkpoint, "format">;

/** @throws UsageError for an ending other than .safetensors, and for the file that is read */
function checkOutput(output: string, inputs: readonly string[]): void {
  if (!output.endsWith(".safetensors"))
    throw new UsageError(`the file to write must end in .safetensors, got ${output}`);
  const same = inputs.find((input) => isSameFile(input, output));
  if (same !== undefined) throw new UsageError(`${output} is a file to read; name another one to write`);
}

async function save(output: string, networks: Networks): Promise<string> {
  makeFolder(dirname(output));
  await saveCheckpoint(output, networks);
  return networkNames.flatMap((name) => (networks[name] === undefined ? [] : networkWords[name])).join(", ");
}

/** The networks that every file has, each made by `make`; errors are about what the user typed. */
function forEachNetwork(
  present: readonly Networks[],
  make: (networks: readonly AnyNetwork[], name: (typeof networkNames)[number]) => AnyNetwork,
): Networks {
  const made: Partial<Record<(typeof networkNames)[number], AnyNetwork>> = {};
  for (const name of networkNames) {
    const networks = present.flatMap((file) => file[name] ?? []);
    if (networks.length === present.length) made[name] = make(networks, name);
  }
  if (Object.keys(made).length === 0) throw new Error("the files have no network in common");
  return made as Networks;
}

interface BlendOptions {
  readonly splitRes: number;
  readonly blendWidth: number;
  readonly mapping: "low" | "high";
}

export function blendCommand(terminal: Terminal): Command {
  return new Command("blend")
    .description("Layer swapping: the coarse layers of one network with the fine layers of another, trained from it.")
    .argument("<low>", "checkpoint of the coarse layers")
    .argument("<high>", "checkpoint of the fine layers")
    .argument("<out>", "file to write, NAME.safetensors")
    .addOption(
      new Option("--split-res <pixels>", "blocks from this resolution on are the fine network's")
        .argParser(parseCount(4))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--blend-width <layers>", "passes over smoothly, on so many layers; 0 swaps")
        .argParser((text) => {
          const value = parseNumber(text);
          if (value < 0) throw new InvalidArgumentError("Expected a number of at least 0.");
          return value;
        })
        .default(0),
    )
    .addOption(new Option("--mapping <which>", "whose mapping network").choices(["low", "high"]).default("low"))
    .addHelpText(
      "after",
      "\nExamples:\n  $ stylegan blend ffhq.pkl cartoon.pkl blended.safetensors --split-res 32\n  $ stylegan blend ffhq.pkl cartoon.pkl smooth.safetensors --split-res 64 --blend-width 3",
    )
    .action(async (low: string, high: string, out: string, options: BlendOptions) => {
      checkOutput(out, [low, high]);
      const files = [
        await openCheckpoint(low, lightEngine, undefined, terminal),
        await openCheckpoint(high, lightEngine, undefined, terminal),
      ].map(({ format: _, ...rest }) => rest);
      const names = [basename(low), basename(high)] as const;
      const blended = asUsage(() =>
        forEachNetwork(files, ([a, b], name) => {
          if (name !== "d" && !haveSameMapping(a, b)) {
            terminal.err(
              `warning: the mapping networks (${networkWords[name]}) differ: a seed means another face in each; ${options.mapping} keeps its own\n`,
            );
          }
          return blendNetworks(a, b, { ...options, names });
        }),
      );
      const kept = await save(out, blended);
      terminal.out(
        `${out}: ${kept}, below ${options.splitRes}x${options.splitRes} from ${names[0]}, from there on ${names[1]}\n`,
      );
    });
}

export function averageCommand(terminal: Terminal): Command {
  return new Command("average")
    .description("Average the weights of snapshots: a run's folder, or files.")
    .argument("<in...>", "a run's folder, or checkpoints; then the file to write, NAME.safetensors")
    .addOption(new Option("--last <count>", "only the last so many (default: all)").argParser(parseCount(1)))
    .addHelpText(
      "after",
      "\nExamples:\n  $ stylegan average runs/faces average.safetensors --last 5\n  $ stylegan average a.pkl b.pkl c.pkl average.safetensors",
    )
    .action(async (paths: string[], { last }: { readonly last?: number }) => {
      const [inputs, out] = [paths.slice(0, -1), paths[paths.length - 1]];
      if (inputs.length === 0)
        throw new UsageError("what to average, and into which file? Give RUN OUT or FILES... OUT");
      const all = inputs.flatMap(snapshotsOf);
      const files = last === undefined ? all : all.slice(-last);
      if (last !== undefined && last > all.length) throw new UsageError(`--last ${last}: there are only ${all.length}`);
      checkOutput(out, files);
      const averages = new Map<
        (typeof networkNames)[number],
        { readonly sum: NetworkAverage<AnyNetwork>; count: number }
      >();
      const progress = new Progress(files.length, terminal);
      try {
        for (const file of files) {
          const checkpoint = await openCheckpoint(file, lightEngine, undefined, terminal);
          for (const name of networkNames) {
            const network = checkpoint[name];
            if (network === undefined) continue;
            const entry = averages.get(name) ?? { sum: new NetworkAverage<AnyNetwork>(), count: 0 };
            asUsage(() => entry.sum.add(network, basename(file)));
            entry.count++;
            averages.set(name, entry);
          }
          progress.step(file);
        }
      } finally {
        progress.end();
      }
      const whole = [...averages].filter(([, { count }]) => count === files.length);
      if (whole.length === 0) throw new Error("the files have no network in common");
      const kept = await save(
        out,
        Object.fromEntries(whole.map(([name, { sum }]) => [name, sum.result()])) as Networks,
      );
      terminal.out(`${out}: ${kept}, the average of ${files.length} (${formatDuration(progress.elapsedMs)})\n`);
    });
}

/** The snapshots in a run's folder, oldest first; a file is itself. */
function snapshotsOf(path: string): string[] {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [path];
  const found = readdirSync(path)
    .filter((name) => /^network-snapshot-\d+\.(safetensors|pkl|pt)$/.test(name))
    .sort((a, b) => Number(/\d+/.exec(a)![0]) - Number(/\d+/.exec(b)![0]));
  if (found.length === 0) throw new UsageError(`${path} holds no network-snapshot-*.safetensors`);
  return found.map((name) => join(path, name));
}

export function resizeCommand(terminal: Terminal): Command {
  return new Command("resize")
    .description("A network of another resolution: layers added, untrained, or cut off.")
    .argument("<in>", "checkpoint to read")
    .argument("<out>", "file to write, NAME.safetensors")
    .addOption(
      new Option("--res <pixels>", "the new resolution, a power of two").argParser(parseCount(4)).makeOptionMandatory(),
    )
    .addOption(new Option("--seed <number>", "of the untrained layers").argParser(parseSeed).default(0))
    .addHelpText(
      "after",
      "\nExamples:\n  $ stylegan resize faces64.safetensors faces128.safetensors --res 128\n  $ stylegan train --data faces128.zip --resume faces128.safetensors --outdir runs/faces128\n  $ stylegan resize ffhq.pkl ffhq256.safetensors --res 256",
    )
    .action(async (input: string, out: string, { res, seed }: { readonly res: number; readonly seed: number }) => {
      checkOutput(out, [input]);
      const { format: _, ...networks } = await openCheckpoint(input, lightEngine, undefined, terminal);
      const untrained: string[] = [];
      const resized = asUsage(() =>
        forEachNetwork([networks], ([network], name) => {
          if (network.imgResolution === res)
            throw new UsageError(`${basename(input)} has ${res}x${res} pixels already`);
          const result = resizeNetwork(network, res, { seed });
          untrained.push(...result.untrained.map((tensor) => `${networkWords[name]} ${tensor}`));
          return result.network;
        }),
      );
      const kept = await save(out, resized);
      const layers = [...new Set(untrained.map((name) => name.replace(/(\.affine)?\.[^.]+$/, "")))];
      const rest =
        layers.length === 0
          ? ""
          : `; untrained: ${layers.slice(0, 8).join(", ")}${layers.length > 8 ? ` and ${layers.length - 8} more` : ""}`;
      terminal.out(`${out}: ${kept} at ${res}x${res}${rest}\n`);
    });
}

/** What the library refuses is something in what was typed. */
function asUsage<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

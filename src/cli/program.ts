/** The command table, and what happens around every command: help, and errors in one line. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Command, CommanderError, type Option } from "commander";
import { completionCommand } from "./completion.js";
import { EXIT, GuardedTerminal, Interrupted, oneLine, processTerminal, type Terminal, UsageError } from "./terminal.js";

type MakeCommand = (terminal: Terminal) => Command;

/** A new command is a file of its own and a line here. Only the file of the command that runs is loaded: all are 40 ms more. */
const commands: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  generate: async () => (await import("./commands/generate.js")).generateCommand,
  mix: async () => (await import("./commands/mix.js")).mixCommand,
  video: async () => (await import("./commands/video.js")).videoCommand,
  project: async () => (await import("./commands/project.js")).projectCommand,
  directions: async () => (await import("./commands/directions.js")).directionsCommand,
  blend: async () => (await import("./commands/surgery.js")).blendCommand,
  average: async () => (await import("./commands/surgery.js")).averageCommand,
  resize: async () => (await import("./commands/surgery.js")).resizeCommand,
  info: async () => (await import("./commands/info.js")).infoCommand,
  convert: async () => (await import("./commands/convert.js")).convertCommand,
  export: async () => (await import("./commands/export.js")).exportCommand,
  dataset: async () => (await import("./commands/dataset.js")).datasetCommand,
  train: async () => (await import("./commands/train.js")).trainCommand,
  metrics: async () => (await import("./commands/metrics.js")).metricsCommand,
  explore: async () => (await import("./commands/explore.js")).exploreCommand,
};

/** The command that a command line names, or all of them where it names none that there is: help speaks of all, and so may an error. */
function commandsFor([first, second]: readonly string[]): Promise<readonly MakeCommand[]> {
  const named = (first === "help" ? second : first) ?? "";
  const names = Object.hasOwn(commands, named) ? [named] : Object.keys(commands);
  return Promise.all(names.map((name) => commands[name]()));
}

const examples = `
Examples:
  $ stylegan generate --network ffhq.pkl --seeds 85,265,297 --trunc 0.7
  $ stylegan info ffhq.pkl

Each command has its own help: stylegan generate --help
Exit codes: 0 done, 1 failed, 2 the command line asks for something impossible, 130 interrupted.`;

/**
 * Runs a command line.
 *
 * @param args without the names of node and of the script
 * @returns the exit code: 0; 1 after an error, 2 when the command line was wrong, 130 when interrupted, each told in one line
 */
export async function runCli(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const guarded = new GuardedTerminal(terminal);
  const program = buildProgram(guarded, await commandsFor(args));
  const command = program.commands.find((candidate) => candidate.name() === args[0]);
  const name = command === undefined ? "stylegan" : `stylegan ${command.name()}`;
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(helpArguments(args, program), { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok; // --help and --version
    if (error instanceof Interrupted) {
      guarded.err(`${name}: ${oneLine(error)}\n`);
      return EXIT.interrupted;
    }
    const isUsage = error instanceof CommanderError || error instanceof UsageError;
    // The library names its function, which is often what the command is called.
    const own = `${name.split(" ").at(-1)}: `;
    const said = oneLine(error).replace(/^error: /, "");
    const message = said.startsWith(own) ? said.slice(own.length) : said;
    guarded.err(`${name}: ${isUsage ? `${message.replace(/\.$/, "")}; see '${name} --help'` : message}\n`);
    if (process.env.STYLEGAN_DEBUG && error instanceof Error) guarded.err(`error: ${error.stack}\n`);
    return isUsage ? EXIT.usage : EXIT.failed;
  }
}

/** `help X` is `X --help`, for commands that there are. */
function helpArguments(args: readonly string[], program: Command): readonly string[] {
  if (args[0] !== "help") return args;
  const [, ...rest] = args;
  const isKnown = rest.length === 0 || program.commands.some((command) => command.name() === rest[0]);
  return isKnown ? [...rest, "--help"] : rest;
}

function buildProgram(terminal: GuardedTerminal, makers: readonly MakeCommand[]): Command {
  const program = new Command("stylegan")
    .description("StyleGAN and StyleGAN2 on a CPU: images from official checkpoints.")
    .version(packageVersion())
    .helpCommand(false) // runCli turns "help X" into "X --help"
    .addHelpText("after", examples)
    .hook("preAction", (_, action) => {
      const { quiet, threads } = action.opts<{ readonly quiet?: boolean; readonly threads?: number }>();
      terminal.isQuiet = quiet === true;
      if (threads !== undefined) action.setOptionValue("threads", sensibleThreads(threads, terminal));
    });
  for (const make of makers) program.addCommand(make(terminal));
  program.addCommand(completionCommand(program, terminal));
  for (const command of allCommands(program)) {
    if (command !== program) command.option("-q, --quiet", "say nothing but results, warnings and errors");
    command
      .exitOverride()
      .allowExcessArguments(false)
      .configureHelp({ optionDescription: describeOption })
      .configureOutput({
        writeOut: (text) => terminal.out(text),
        // Errors reach runCli as exceptions and are told there, in one line.
        writeErr: () => {},
        outputError: () => {},
      });
  }
  return program;
}

/** Threads beyond the cores wait for each other, and each takes memory. The results are the same. */
function sensibleThreads(threads: number, terminal: Terminal): number {
  const cores = availableParallelism();
  if (threads <= cores) return threads;
  const most = Math.min(threads, 4 * cores);
  const taken = most < threads ? `; ${most} are used` : "";
  terminal.err(`warning: --threads ${threads}: more than the ${cores} cores of this machine do not help${taken}\n`);
  return most;
}

/** The program, its commands, and theirs. */
function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** What an option does, its choices, and its default where a person would ask. */
function describeOption({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const choices = argChoices === undefined ? [] : [`one of ${argChoices.join(", ")}`];
  const isShown = defaultValue !== undefined && typeof defaultValue !== "boolean";
  const known = isShown ? [`default: ${defaultValueDescription ?? defaultValue}`] : [];
  const extra = [...choices, ...known].join("; ");
  if (extra === "") return description;
  return description.endsWith(")") ? `${description.slice(0, -1)}; ${extra})` : `${description} (${extra})`;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** The command table, and what happens around every command: help, and errors in one line. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { convertCommand } from "./commands/convert.js";
import { datasetCommand } from "./commands/dataset.js";
import { exploreCommand } from "./commands/explore.js";
import { exportCommand } from "./commands/export.js";
import { generateCommand } from "./commands/generate.js";
import { infoCommand } from "./commands/info.js";
import { mixCommand } from "./commands/mix.js";
import { trainCommand } from "./commands/train.js";
import { videoCommand } from "./commands/video.js";
import { oneLine, processTerminal, type Terminal, UsageError } from "./terminal.js";

/** A new command is a file of its own and a line here. */
const commands: readonly ((terminal: Terminal) => Command)[] = [
  generateCommand,
  mixCommand,
  videoCommand,
  infoCommand,
  convertCommand,
  exportCommand,
  datasetCommand,
  trainCommand,
  exploreCommand,
];

const examples = `
Examples:
  $ stylegan generate --network ffhq.pkl --seeds 85,265,297 --trunc 0.7
  $ stylegan info ffhq.pkl

Each command has its own help: stylegan generate --help`;

/**
 * Runs a command line.
 *
 * @param args without the names of node and of the script
 * @returns the exit code: 0, or 1 after an error, which has been told in one line
 */
export async function runCli(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = buildProgram(terminal);
  const command = program.commands.find((candidate) => candidate.name() === args[0]);
  const name = command === undefined ? "stylegan" : `stylegan ${command.name()}`;
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args[0] === "help" ? [...args.slice(1), "--help"] : args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help and --version
    const isUsage = error instanceof CommanderError || error instanceof UsageError;
    const hint = isUsage ? ` (see '${name} --help')` : "";
    terminal.err(`${name}: ${oneLine(error).replace(/^error: /, "")}${hint}\n`);
    if (process.env.STYLEGAN_DEBUG && error instanceof Error) terminal.err(`${error.stack}\n`);
    return 1;
  }
}

function buildProgram(terminal: Terminal): Command {
  const program = new Command("stylegan")
    .description("StyleGAN and StyleGAN2 on a CPU: images from official checkpoints.")
    .version(packageVersion())
    .helpCommand(false) // runCli turns "help X" into "X --help"
    .addHelpText("after", examples);
  for (const make of commands) program.addCommand(make(terminal));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .configureOutput({
        writeOut: (text) => terminal.out(text),
        // Errors reach runCli as exceptions and are told there, in one line.
        writeErr: () => {},
        outputError: () => {},
      });
  }
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

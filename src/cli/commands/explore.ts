/**
 * `stylegan explore`: the page of this package, on this machine. It serves the built files with the headers that let
 * threads share memory, and opens them with a checkpoint.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { checkReadable } from "../files.js";
import { bundledModel } from "../networks.js";
import { parseCount } from "../options.js";
import { startPageServer } from "../pageServer.js";
import type { Terminal } from "../terminal.js";

/** page/dist beside dist/ (and beside src/). */
const PAGE_FOLDER = fileURLToPath(new URL("../../../page/dist", import.meta.url));

interface ExploreOptions {
  readonly port?: number;
  readonly open: boolean;
}

const examples = `
Nothing leaves this machine: the page is served to it alone, and computes in the browser.

Examples:
  $ stylegan explore
  $ stylegan explore ffhq.pkl --port 9000
  $ stylegan explore --no-open`;

/** Where the page is looked for first. */
const DEFAULT_PORT = 8080;

export function exploreCommand(terminal: Terminal): Command {
  return new Command("explore")
    .description("Open the page: explore a network, read how it works, watch one learn.")
    .argument("[file]", "checkpoint to open (default: the bundled model)")
    .addOption(
      new Option("--port <number>", `port of the server (default: ${DEFAULT_PORT}, or a free one)`).argParser(
        parseCount(0),
      ),
    )
    .option("--no-open", "only tell the address")
    .addHelpText("after", examples)
    .action((file: string | undefined, options: ExploreOptions) => explore(file, options, terminal));
}

async function explore(file: string | undefined, options: ExploreOptions, terminal: Terminal): Promise<void> {
  if (!existsSync(resolve(PAGE_FOLDER, "index.html"))) {
    throw new Error(`there is no page in ${PAGE_FOLDER}: build it with npm run page:build`);
  }
  const extra = new Map<string, string>();
  const bundled = bundledModel();
  if (bundled !== null) extra.set(`/models/${basename(bundled)}`, bundled);
  if (file !== undefined) {
    checkReadable(file);
    extra.set(`/opened/${basename(file)}`, resolve(file));
  }
  const server = await start(extra, options.port);
  const query = file === undefined ? "" : `#explore?model=opened/${encodeURIComponent(basename(file))}`;
  const address = `${server.url}${query}`;
  terminal.out(`${address}\nCtrl-C ends it.\n`);
  if (options.open) openBrowser(address);
  await new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
  server.close();
}

/** On the port asked for; without one, on the usual port or, where that is taken, on any. */
async function start(extra: ReadonlyMap<string, string>, port: number | undefined) {
  const options = { folder: PAGE_FOLDER, extra };
  try {
    return await startPageServer({ ...options, port: port ?? DEFAULT_PORT });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE" && port === undefined) return startPageServer(options);
    const reason =
      code === "EADDRINUSE" ? "another program uses it" : code === "EACCES" ? "it needs more rights" : message;
    throw new Error(`--port ${port}: ${reason}; give another one, or leave --port out`, { cause: error });
  }
}

/** With the program that this system opens addresses with; where there is none, the address has been told. */
function openBrowser(address: string): void {
  const [program, ...args] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? [
    "xdg-open",
  ];
  const child = spawn(program, [...args, address], { stdio: "ignore", detached: true });
  child.once("error", () => {});
  child.unref();
}

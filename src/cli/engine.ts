/** The kernels of a command: in a process that is ours, 256-bit vectors are taken where they are right. And what is told of them. */
import { type EngineInfo, engineInfo, init } from "../index.js";
import type { EngineOptions } from "./options.js";
import type { Terminal } from "./terminal.js";

const TRYING =
  "trying 256-bit vectors, once for this processor and Node.js: about a second ('stylegan info --engine' shows what comes out)\n";

/** Loads the kernels that the options ask for. STYLEGAN_WIDE, 1 or 0, decides about 256-bit vectors, or else a trial. */
export async function startEngine(
  { threads, kernels, wide }: EngineOptions,
  terminal?: Pick<Terminal, "err">,
): Promise<void> {
  const isOpen = wide === undefined && kernels !== "reference";
  const decision = isOpen ? await engineInfo({ onTrial: () => terminal?.err(TRYING) }) : null;
  await init({ kernels, wide: decision?.wide.wide ?? false, ...(threads !== undefined && { threads }) });
}

const builds: Readonly<Record<EngineInfo["build"], string>> = {
  wide: "256-bit vectors with fused multiply-add",
  "relaxed-simd": "128-bit vectors with fused multiply-add",
  simd: "128-bit vectors",
  reference: "plain JavaScript: the engine has no SIMD",
};

/** What `stylegan info --engine` prints. */
export async function engineReport(terminal: Pick<Terminal, "err">): Promise<{ info: EngineInfo; text: string }> {
  const info = await engineInfo({ onTrial: () => terminal.err(TRYING) });
  const { engine, v8, processor, threads, build, wide } = info;
  const rows: [string, string | null][] = [
    ["engine", v8 === null ? engine : `${engine}, V8 ${v8}`],
    ["processor", processor],
    ["threads", String(threads)],
    ["build", `${build}: ${builds[build]}`],
    ["256 bits", `${wide.wide ? "yes" : "no"}: ${wide.reason}`],
    ["tried", wide.tried ?? null],
    ["verdict", wide.file],
  ];
  const told = rows.filter((row): row is [string, string] => row[1] !== null);
  return { info, text: told.map(([name, value]) => `${name.padEnd(10)} ${value}\n`).join("") };
}

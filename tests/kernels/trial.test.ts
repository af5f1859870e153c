/** The trial of 256-bit vectors: what it runs, what it notices, how its process may end, and what is kept of it. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { describeEngine } from "../../src/nn/kernels/describe.js";
import { type Dispatcher, loadModule } from "../../src/nn/kernels/wasm/engine.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import type { TrialCase } from "../../src/nn/kernels/wasm/trial/case.js";
import { trialCases } from "../../src/nn/kernels/wasm/trial/cases.js";
import { compareBuilds } from "../../src/nn/kernels/wasm/trial/compare.js";
import { decideWide, missingEngine } from "../../src/nn/kernels/wasm/trial/decide.js";
import { runTrial, type TrialEnd } from "../../src/nn/kernels/wasm/trial/start.js";
import { runCommand } from "../support/commandLine.js";

const folder = mkdtempSync(join(tmpdir(), "stylegan-trial-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** Plain kernels whose chunks are said to run on two threads, and what is called when a kernel has run. */
const observed = (after: (name: string, args: number, memory: WebAssembly.Memory) => void) =>
  createWasmKernels({
    createDispatcher: ({ kernels, memory }): Dispatcher => ({
      workers: 2,
      parallel(name, args, chunks) {
        for (let chunk = 0; chunk < chunks; chunk++) kernels[name](args, chunk, chunk & 1);
        if (chunks > 0) after(name, args, memory.memory);
      },
    }),
  });

describe("what it compares", () => {
  test("every export runs, on both", async () => {
    const executed = new Set<string>();
    const kernels = await observed((name) => executed.add(name));
    const { differs, speed } = compareBuilds(trialCases, kernels, kernels);
    expect(differs).toBe(null);
    expect(speed).toBeGreaterThan(0);
    const { module } = await loadModule({ variant: "simd", shared: false });
    const exported = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function");
    // Tiles alone, for the choice between them; within convolutions they run all the time.
    const missing = exported.map(({ name }) => name).filter((name) => !executed.has(name));
    expect(missing).toEqual(["multiplyPanels"]);
  });

  test("one other bit is noticed, and named", async () => {
    const affine: TrialCase = { name: "affine", lengths: [100, 100], run: (k, [x, y]) => k.affine(x, y, 2, 1) };
    const fill: TrialCase = { name: "fill", lengths: [100], timed: true, run: (k, [y]) => k.fill(y, 2) };
    const plain = await observed(() => {});
    let calls = 0;
    const faulty = await observed((name, args, { buffer }) => {
      // As an engine would that compiles something wrong, later on. y is the second word of the frame.
      if (name === "affine" && ++calls > 5)
        new Uint32Array(buffer)[new Uint32Array(buffer)[args / 4 + 1] / 4 + 99] ^= 1;
    });
    expect(compareBuilds([fill, affine], plain, faulty)).toEqual({ differs: "affine", speed: 0 });
    expect(compareBuilds([fill], plain, faulty).differs).toBe(null);
  });
});

describe("how its process may end", () => {
  const ending = (name: string, script: string): Promise<TrialEnd> => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, script);
    return runTrial(path);
  };

  test("with a result", async () => {
    const comparison = { differs: null, speed: 1.5 };
    const end = await ending("result", `console.log(${JSON.stringify(JSON.stringify(comparison))})`);
    expect(end).toEqual({ kind: "compared", comparison });
  });

  test.skipIf(process.platform === "win32").each(["SIGSEGV", "SIGILL", "SIGABRT"])(
    "by %s: the engine crashed",
    async (signal) => {
      const end = await ending(signal, `process.kill(process.pid, "${signal}"); setInterval(() => {}, 1000);`);
      expect(end).toEqual({ kind: "crashed", reason: `the engine crashed (${signal})` });
    },
  );

  test.each([
    ["by a full memory or a person", 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);', /ended/],
    ["by an exception", 'throw new Error("no")', /exit code 1/],
    ["without a result", 'console.log("{")', /without a result/],
  ])("%s: nothing is known", async (name, script, reason) => {
    const end = await ending(name.replaceAll(" ", "-"), script);
    expect(end).toEqual({ kind: "failed", reason: expect.stringMatching(reason) });
  });

  test("without a program, as inside of a bundle: nothing is known", async () => {
    expect(await runTrial(null)).toMatchObject({ kind: "failed" });
  });
});

describe("what is kept", () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(folder, "cache-"));
    vi.stubEnv("XDG_CACHE_HOME", cache);
  });

  const compared = (differs: string | null, speed: number): TrialEnd => ({
    kind: "compared",
    comparison: { differs, speed },
  });
  const good = compared(null, 1.5);
  /** A decision, and how many trials it took. */
  const decide = async (end: TrialEnd) => {
    let [trials, told] = [0, 0];
    const trial = async () => {
      trials++;
      return end;
    };
    const decision = await decideWide({ trial, missing: null, onTrial: () => told++ });
    expect(told).toBe(trials);
    return { ...decision, trials };
  };
  const kept = (): string[] => readdirSync(join(cache, "stylegan"));

  test("a good verdict is found once and then read", async () => {
    const first = await decide(good);
    expect(first).toMatchObject({ wide: true, state: "good", speed: 1.5, trials: 1 });
    expect(kept()).toEqual([expect.stringMatching(/^wide-[0-9a-f]{16}\.json$/)]);
    expect(first.file).toBe(join(cache, "stylegan", kept()[0]));
    expect(await decide(compared("add", 0))).toEqual({ ...first, trials: 0 });
  });

  test.each([
    ["crashed", { kind: "crashed", reason: "the engine crashed (SIGILL)" } as TrialEnd, /SIGILL/],
    ["differs", compared("conv2d of groups", 0), /other bits.*conv2d of groups/],
    ["slower", compared(null, 0.7), /0\.70 times/],
    ["slower", compared(null, 1.02), /no gain/],
  ] as const)("%s: the plain build, from then on", async (state, end, reason) => {
    expect(await decide(end)).toMatchObject({ wide: false, state, reason: expect.stringMatching(reason), trials: 1 });
    expect(await decide(good)).toMatchObject({ wide: false, state, trials: 0 });
  });

  test("a trial that failed is not kept, and made again", async () => {
    const failed = await decide({ kind: "failed", reason: "it was ended (SIGKILL)" });
    expect(failed).toMatchObject({ wide: false, state: "untried", reason: expect.stringMatching(/SIGKILL/) });
    expect(kept()).toEqual([]);
    expect(await decide(good)).toMatchObject({ wide: true, trials: 1 });
  });

  test.each([
    ["half a file", (text: string) => text.slice(0, 40)],
    ["nothing", () => ""],
    ["bytes", () => "\0\xff\x01"],
    ["another verdict than there are", (text: string) => text.replace('"good"', '"fine"')],
    ["another processor", (text: string) => text.replace(/"processor": "/, "$&other ")],
    ["another build", (text: string) => text.replace(/"build": "/, "$&0")],
    ["a speed that is none", (text: string) => text.replace(/"speed": [0-9.]+/, '"speed": "x"')],
  ])("a file with %s is written anew", async (_, spoil) => {
    const { file } = await decide(good);
    const text = readFileSync(file!, "utf8");
    writeFileSync(file!, spoil(text));
    expect(readFileSync(file!, "utf8")).not.toBe(text);
    expect(await decide(good)).toMatchObject({ wide: true, trials: 1 });
    expect(await decide(good)).toMatchObject({ wide: true, trials: 0 });
    expect(kept()).toHaveLength(1);
  });

  test("where nothing can be kept, nothing is tried", async () => {
    const file = join(cache, "file");
    writeFileSync(file, "");
    vi.stubEnv("XDG_CACHE_HOME", file);
    const decision = await decide(good);
    expect(decision).toMatchObject({ wide: false, state: "untried", trials: 0 });
    expect(decision.reason).toMatch(/cannot be kept: ENOTDIR/);
  });

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.info("trial.test.ts: skipped for root, who may write everywhere: a read-only cache folder");
  test.skipIf(isRoot || process.platform === "win32")("a read-only cache folder: nothing is tried", async () => {
    mkdirSync(join(cache, "stylegan"));
    chmodSync(join(cache, "stylegan"), 0o555);
    expect(await decide(good)).toMatchObject({ wide: false, state: "untried", trials: 0 });
  });

  test("engines without the switch are not asked", async () => {
    const decision = await decideWide({
      missing: "V8 11 has no such switch",
      trial: () => Promise.reject(new Error()),
    });
    expect(decision).toEqual({ wide: false, state: "engine", reason: "V8 11 has no such switch", file: null });
  });
});

describe("stylegan info --engine", () => {
  test("says which build runs and why; the environment decides before any trial", async () => {
    const { out, code } = await runCommand("info", "--engine");
    expect(code).toBe(0);
    expect(out).toMatch(/^engine {5}Node\.js \d+\.\d+\.\d+, V8 /m);
    expect(out).toMatch(/^build {6}(relaxed-)?simd: 128-bit vectors/m);
    expect(out).toMatch(/^256 bits {3}no: as STYLEGAN_WIDE=0 says$/m);
    const json = JSON.parse((await runCommand("info", "--engine", "--json")).out);
    expect(json).toEqual(JSON.parse(JSON.stringify(await describeEngine())));
    expect(json.wide).toEqual({ wide: false, state: "said", reason: "as STYLEGAN_WIDE=0 says", file: null });
  });

  test("describes no file", async () => {
    const { code, err } = await runCommand("info", "--engine", "x.pkl");
    expect([code, err]).toEqual([2, expect.stringMatching(/--engine describes this machine: leave out x\.pkl/)]);
  });

  test("STYLEGAN_WIDE=1 where there is no such switch: the plain build, and why", async () => {
    vi.stubEnv("STYLEGAN_WIDE", "1");
    const missing = missingEngine();
    const expected =
      missing === null ? { build: "wide", wide: { state: "said" } } : { wide: { state: "engine", reason: missing } };
    expect(await describeEngine()).toMatchObject(expected);
  });

  const missing = missingEngine();
  if (missing !== null) console.info(`trial.test.ts: skipped, the trial itself: ${missing}`);
  test.skipIf(missing !== null)("the trial itself, as built", async () => {
    const built = fileURLToPath(new URL("../../dist/nn/kernels/wasm/trial/process.js", import.meta.url));
    const end = await runTrial(built);
    expect(end).toMatchObject({ kind: "compared", comparison: { differs: null, speed: expect.any(Number) } });
  });
});

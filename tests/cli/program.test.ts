/** The command line in small pieces: lists of numbers, progress, files, the bundled model; and what happens around every command. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { makeFolder } from "../../src/cli/files.js";
import { bundledModel } from "../../src/cli/networks.js";
import { parseGrid, parseNumber, parseNumbers } from "../../src/cli/options.js";
import { formatDuration, Progress } from "../../src/cli/progress.js";
import { MAX_SEED, parseSeeds } from "../../src/cli/seeds.js";
import { CLEAR_LINE, oneLine, printable } from "../../src/cli/terminal.js";
import { readFile, writeFile } from "../../src/files.js";
import { recordedTerminal, runCommand } from "../support/commandLine.js";

const folder = mkdtempSync(join(tmpdir(), "stylegan-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("lists of seeds", () => {
  const range = fc
    .tuple(fc.nat(MAX_SEED), fc.nat(20))
    .map(([first, more]) => ({ first, last: Math.min(first + more, MAX_SEED) }));

  test("every written list reads back as its numbers, in order", () => {
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(",", ", ", " ,"),
        (ranges, comma) => {
          const text = ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(comma);
          const numbers = ranges.flatMap(({ first, last }) =>
            Array.from({ length: last - first + 1 }, (_, index) => first + index),
          );
          expect(parseSeeds(text)).toEqual(numbers);
        },
      ),
    );
  });

  test("the example of the official tools", () => {
    expect(parseSeeds("0,1,4-6")).toEqual([0, 1, 4, 5, 6]);
  });

  test.each([
    ["", /such as 0,1,4-6/],
    ["1,,2", /such as/],
    ["-1", /such as/],
    ["1.5", /got '1.5'/],
    ["1-2-3", /such as/],
    ["6-4", /backwards/],
    ["4294967296", /from 0 to 4294967295/],
    ["0-4294967295", /More than 1000000/],
  ])("%j is refused", (text, message) => {
    expect(() => parseSeeds(text)).toThrow(message);
  });
});

test("grids and numbers", () => {
  expect(parseGrid("3x4")).toEqual({ rows: 3, columns: 4 });
  for (const text of ["", "3", "0x4", "3x", "-1x2", "3x4x5"]) expect(() => parseGrid(text)).toThrow(/3x4/);
  expect(parseNumber("-0.5")).toBe(-0.5);
  for (const text of ["", "x", "NaN", "1e999"]) expect(() => parseNumber(text)).toThrow(/number/);
  expect(parseNumbers("-1,0, .5,1")).toEqual([-1, 0, 0.5, 1]);
  for (const text of ["", "1,", "0;1"]) expect(() => parseNumbers(text)).toThrow(/number/);
});

describe("progress", () => {
  const record = (isInteractive: boolean) => {
    const { terminal, err } = recordedTerminal({ isInteractive, columns: 30 });
    let time = 0;
    const progress = new Progress(4, terminal, () => time);
    const later = (ms: number, label: string) => {
      time += ms;
      progress.step(label);
    };
    return { progress, later, written: err };
  };

  test("elsewhere: a plain line a step, with its own time", () => {
    const { progress, later, written } = record(false);
    later(1500, "a.png");
    later(20_000, "b.png");
    progress.end();
    expect(written()).toBe("1/4  a.png (1.50 s)\n2/4  b.png (20.0 s)\n");
  });

  test("on a terminal: one line, the time left from the mean so far, never wider than the terminal, and gone at the end", () => {
    const { progress, later, written } = record(true);
    later(2000, "a.png");
    expect(written().endsWith("1/4  6.00 s left  a.png")).toBe(true);
    later(4000, "a name far too long for this terminal.png");
    const lastLine = written().split("\u001b[K").at(-1)!;
    expect(lastLine).toMatch(/^2\/4 {2}6\.00 s left {2}a name/);
    expect(lastLine.length).toBeLessThan(30);
    progress.end();
    expect(written().endsWith("\r\u001b[K")).toBe(true);
    expect(written()).not.toContain("\n");
  });

  test("durations", () => {
    expect([0, 320, 12_340, 99_960, 245_000, 7_625_000].map(formatDuration)).toEqual([
      "0.00 s",
      "0.32 s",
      "12.3 s",
      "1 min 40 s",
      "4 min 05 s",
      "2 h 07 min",
    ]);
  });
});

describe("files", () => {
  test("a file that is written replaces the old one and leaves nothing else", () => {
    const path = join(folder, "whole", "image.png");
    makeFolder(join(folder, "whole"));
    writeFile(path, Uint8Array.of(1));
    writeFile(path, Uint8Array.of(2, 3));
    expect([...readFileSync(path)]).toEqual([2, 3]);
    expect(readdirSync(join(folder, "whole"))).toEqual(["image.png"]);
  });

  test("a write that fails leaves nothing behind and says why", () => {
    const inTheWay = join(folder, "busy", "image.png");
    mkdirSync(inTheWay, { recursive: true });
    expect(() => writeFile(inTheWay, Uint8Array.of(1))).toThrow(/^cannot write .*image\.png: it is a directory$/);
    expect(readdirSync(join(folder, "busy"))).toEqual(["image.png"]);
    expect(readdirSync(inTheWay)).toEqual([]);
  });

  test("folders are made with those above them, or it is said what is in the way", () => {
    makeFolder(join(folder, "a", "b", "c"));
    writeFileSync(join(folder, "a", "file"), "");
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["c"]);
    expect(() => makeFolder(join(folder, "a", "file"))).toThrow(/cannot write into .*file: a file is in the way/);
    expect(() => makeFolder(join(folder, "a", "file", "d"))).toThrow(/a file is in the way/);
  });

  test("what cannot be read", () => {
    expect(() => readFile(join(folder, "none"))).toThrow(/cannot read .*none: no such file or directory/);
    expect(() => readFile(folder)).toThrow(/not a file/);
  });
});

test("the bundled model is the first safetensors file of the folder, if there is one", () => {
  const models = join(folder, "models");
  expect(bundledModel(models)).toBeNull();
  mkdirSync(models);
  writeFileSync(join(models, "README.md"), "");
  expect(bundledModel(models)).toBeNull();
  for (const name of ["b.safetensors", "a.safetensors"]) writeFileSync(join(models, name), "");
  expect(bundledModel(models)).toBe(join(models, "a.safetensors"));
});

test("whatever is thrown becomes one line", () => {
  expect(oneLine(new Error("first\n\n  second\n"))).toBe("first second");
  expect(oneLine(new RangeError(""))).toBe("RangeError");
  expect(oneLine("text")).toBe("text");
});

describe("around every command", () => {
  test("help of a command that is none is an error", async () => {
    expect(await runCommand("help", "xyzzy")).toEqual({
      code: 2,
      out: "",
      err: "stylegan: unknown command 'xyzzy'; see 'stylegan --help'\n",
    });
    expect((await runCommand("help", "mix")).out).toContain("--rows");
    expect((await runCommand("help")).out).toContain("Exit codes: 0 done, 1 failed, 2");
  });

  test("--quiet leaves warnings and errors", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stylegan-quiet-"));
    try {
      const args = ["generate", "--seeds", "1,2", "--class", "1", "--outdir", folder];
      const loud = await runCommand(...args);
      expect(loud.err).toMatch(/seed0001\.png/);
      const quiet = await runCommand(...args, "--quiet");
      expect([quiet.code, quiet.err]).toEqual([
        0,
        "warning: --class is ignored: faces64.safetensors is unconditional\n",
      ]);
      expect(readdirSync(folder).sort()).toEqual(["seed0001.png", "seed0002.png"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("more threads than cores: a warning, and no more than four a core", async () => {
    const { code, err } = await runCommand("generate", "--threads", "1000", "--network", "none.pkl", "--seeds", "1");
    expect(code).toBe(1);
    expect(err).toMatch(
      /^warning: --threads 1000: more than the \d+ cores of this machine do not help; \d+ are used\n/,
    );
  });

  test("control sequences in names of files never reach the terminal", async () => {
    const { err } = await runCommand("info", "\u001b[2J\u001b]0;owned\u0007evil\u202egnp.pkl");
    expect(err).toContain("\\u001b[2J\\u001b]0;owned\\u0007evil\\u202egnp.pkl");
    expect([...err].every((letter) => letter === "\n" || letter.charCodeAt(0) >= 32)).toBe(true);
    expect(printable(`a\tb\n${CLEAR_LINE}c`)).toBe(`a\tb\n${CLEAR_LINE}c`);
  });

  test("an address that cannot be reached is named once", async () => {
    const { code, err } = await runCommand("info", "http://127.0.0.1:1/x.pkl");
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^stylegan info: cannot fetch http:\/\/127\.0\.0\.1:1\/x\.pkl: [^:]+\n$/),
    ]);
  });

  test.each(["bash", "zsh", "fish"])("completion for %s knows every command and its options", async (shell) => {
    const { code, out } = await runCommand("completion", shell);
    expect(code).toBe(0);
    for (const word of ["generate", "train", "noise-mode", "projected-w", "config-f"]) expect(out).toContain(word);
  });

  test.each([
    [["ge"], "generate"],
    [["train", "--cfg", "config-e"], "config-e"],
    [["directions", "fi"], "find"],
    [["directions", "find", "--me"], "--method"],
    [["directions", "find", "--method", ""], "sefa pca"],
    [["completion", "f"], "fish"],
    [["generate", "--network", ""], ""], // a file
    [["generate", "--projected"], "--projected-w"],
  ])("bash completes %j", async (words, expected) => {
    const typed = words.map((word) => `'${word}'`).join(" ");
    const script = `source <(cat); COMP_WORDS=(stylegan ${typed}); COMP_CWORD=${words.length}; _stylegan_words; echo "\${COMPREPLY[*]}"`;
    const { out } = await runCommand("completion", "bash");
    const { stdout, error } = spawnSync("bash", ["-c", script], { input: out, encoding: "utf8" });
    if (error === undefined) expect(stdout.trim()).toBe(expected);
    else expect((error as NodeJS.ErrnoException).code).toBe("ENOENT"); // a machine without bash
  });

  test("no help text speaks of presets of flags, or in double brackets", async () => {
    for (const command of ["generate", "mix", "info", "convert", "export", "dataset", "train"]) {
      const { out } = await runCommand(command, "--help");
      expect(out).not.toMatch(/preset: "true"|\) \(/);
    }
  });
});

describe("help", () => {
  test.each(["generate", "mix", "info", "convert"])("%s has examples, and help finds it", async (command) => {
    const { code, out, err } = await runCommand("help", command);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(new RegExp(`Usage: stylegan ${command}[^]*Examples:\n {2}\\$ stylegan ${command} `));
    expect((await runCommand(command, "--help")).out).toBe(out);
  });

  test("without a command", async () => {
    const { code, out } = await runCommand();
    expect(code).toBe(0);
    expect(out).toContain("Usage: stylegan");
  });
});

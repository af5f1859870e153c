/** The argument frames: what the build reads from assembly/, and that the kept files are current. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { framesFolder, generateFrames, readSources } from "../../scripts/build/frames.mjs";
import { type Engine, loadModule } from "../../src/nn/kernels/wasm/engine.js";
import { frameWriters } from "../../src/nn/kernels/wasm/frames/kernels.js";

const folder = fileURLToPath(new URL(`../../${framesFolder}`, import.meta.url));

describe("the kept files", () => {
  test("are what assembly/ says: run npm run build:frames after a change there", () => {
    const generated = generateFrames(readSources());
    const kept = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
    expect([...kept.keys()].sort()).toEqual([...generated.keys()].sort());
    for (const [name, text] of generated) expect(kept.get(name), name).toBe(text);
  });

  test("have a frame for every kernel of the module", async () => {
    const { kernels } = await loadModule({ variant: "simd", shared: false });
    const functions = Object.keys(kernels).filter((name) => typeof kernels[name] === "function");
    expect(Object.keys(frameWriters).sort()).toEqual(functions.sort());
  });

  test("make a missing field, and one too many, an error of the compiler", () => {
    // Never called: the types are the test.
    const calls = (engine: Engine) => [
      engine.run("rowDots", 1, { a: 0, b: 0, y: 0, rows: 1, depth: 1, perChunk: 1 }),
      // @ts-expect-error: depth is missing
      engine.run("rowDots", 1, { a: 0, b: 0, y: 0, rows: 1, perChunk: 1 }),
      // @ts-expect-error: columns is no field
      engine.run("rowDots", 1, { a: 0, b: 0, y: 0, rows: 1, depth: 1, perChunk: 1, columns: 1 }),
      // @ts-expect-error: there is no such kernel
      engine.run("columnDots", 1, {}),
    ];
    expect(calls).toBeTypeOf("function");
  });
});

/** Sources with one kernel, `scale`, in the family "maps". */
function sources({
  fields = "x: usize;",
  body = "changetype<ScaleArguments>(args);",
  before = "",
}): Map<string, string> {
  const kernel = `${before}
@unmanaged
class ScaleArguments {
  ${fields}
}
export function scale(args: usize, chunk: i32, worker: i32): void { ${body} }
// @ts-ignore: decorator
@inline
function apply(twice: bool, args: usize): void { const g = changetype<ScaleArguments>(args); }
`;
  return new Map([
    ["index.ts", 'export { scale } from "./maps/scale";'],
    ["maps/scale.ts", kernel],
  ]);
}

describe("the generator", () => {
  test("puts each field at its place, by its type, with its comment", () => {
    const text = generateFrames(sources({ fields: "x: usize;\n/** Elements. */ length: i32;\ngain: f32;" })).get(
      "maps.ts",
    );
    expect(text).toContain(" * - length: Elements.\n */\n");
    expect(text).toContain(
      "export interface ScaleFrame { readonly x: number; readonly length: number; readonly gain: number; }",
    );
    expect(text).toContain("  words[at] = f.x; words[at + 1] = f.length; reals[at + 2] = f.gain;\n  return at + 3;");
  });

  test("gives a float64 two words, the first of them even", () => {
    const text = generateFrames(sources({ fields: "x: usize; gain: f64; y: usize;" })).get("maps.ts");
    expect(text).toContain("  words[at] = f.x; doubles[(at + 2) / 2] = f.gain; words[at + 4] = f.y;\n  return at + 5;");
  });

  test("finds the class through the functions that the arguments are handed to", () => {
    const text = generateFrames(sources({ body: "apply(true, args);" })).get("kernels.ts");
    expect(text).toContain("readonly scale: maps.ScaleFrame;");
    expect(text).toContain("scale: maps.writeScale,");
  });

  test("follows an index that exports all of a file", () => {
    const files = sources({});
    const named = generateFrames(files);
    expect(generateFrames(files.set("index.ts", 'export * from "./maps/scale";'))).toEqual(named);
  });

  test("copies constants with the tag @host, and no others", () => {
    const before = "/** Rows of a tile. @host */\nexport const ROWS: i32 = 2 * 4 + 1;\nconst OTHER: i32 = 3;";
    const text = generateFrames(sources({ before })).get("maps.ts");
    expect(text).toContain("/** Rows of a tile. */\nexport const ROWS = 9;");
    expect(text).not.toContain("OTHER");
  });

  test.each([
    [
      "a field of another size",
      { fields: "x: i64;" },
      'expected fields of type i32, u32, usize, f32, f64, got "x: i64;"',
    ],
    ["a kernel that reads no class", { body: "" }, "scale must read its arguments as one @unmanaged class, got none"],
    ["a constant that is no number", { before: "/** @host */ const N: i32 = max(1, 2);" }, 'got "max(1, 2)"'],
  ])("refuses %s", (_, changed, message) => {
    expect(() => generateFrames(sources(changed))).toThrow(message);
  });
});

/** docs/tables.md: its figures are those of the rows' files, and what makes them works. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { partOf, partsOf } from "../../scripts/tables/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "docs", "tables");
const planPath = join(folder, "plan.json");
const page = readFileSync(join(root, "docs", "tables.md"), "utf8");
const plan = JSON.parse(readFileSync(planPath, "utf8")) as {
  readonly rows: readonly { readonly row: string }[];
};

describe("docs/tables.md", () => {
  test.each([...partsOf(planPath)])("%s has the figures of the rows' files", (name, text) => {
    expect(partOf(page, name).text).toBe(text);
  });

  test("every file is a row of the plan, with its samples and its session, and all rows were made in one way", () => {
    const names = plan.rows.map(({ row }) => row);
    const made = readdirSync(join(folder, "data")).map((file) => file.replace(/\.json$/, ""));
    expect(names).toEqual(expect.arrayContaining(made));
    const facts = made.map((row) => {
      expect(existsSync(join(folder, "samples", `${row}.png`))).toBe(true);
      expect(existsSync(join(folder, "sessions", `${row}.json`))).toBe(true);
      const { data, classifier, measure, batch } = JSON.parse(
        readFileSync(join(folder, "data", `${row}.json`), "utf8"),
      );
      return JSON.stringify([data.resolution, classifier, measure, batch]);
    });
    expect(new Set(facts).size).toBe(1);
  });

  test("pictures that it shows are there", () => {
    const pictures = [...page.matchAll(/\]\((images\/[^)]+)\)/g)].map(([, path]) => path);
    expect(pictures.length).toBeGreaterThan(2);
    for (const path of pictures) expect(existsSync(join(root, "docs", path)), path).toBe(true);
  });
});

describe("npm run tables", () => {
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [join(root, "scripts", "tables", "main.mjs"), ...args], { encoding: "utf8" });

  const quickTable = (): string[] =>
    run("--quick")
      .split("\n")
      .filter((line) => line.startsWith("|"));

  test("--quick trains and measures two tiny rows, and makes their table: the same one every time", () => {
    const lines = quickTable();
    expect(lines.map((line) => line.split("|")[1].trim())).toEqual([
      "",
      "---",
      "config D, growing",
      "config E, skips and residuals",
    ]);
    for (const line of lines.slice(2)) expect(line).toMatch(/\| \d+(\.\d+)? \| \d+(\.\d+)? \| [01]\.\d{3} \|/);
    expect(quickTable()).toEqual(lines);
  });
});

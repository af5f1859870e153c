/** Files that comments and pages speak of are there: a file that moves takes what is said of it along. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const ROOMS = ["src", "assembly", "tests", "scripts", "bench", "page", "docs", "models"];
const NOT_OURS = /(^|\/)(node_modules|dist|generated|fixtures|images|examples-[^/]*)(\/|$)/;

const files = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => posix.join(entry.parentPath.slice(root.length), entry.name))
      .filter((file) => !NOT_OURS.test(file)),
  ),
];
const endings = new Set(files.flatMap((file) => file.split("/").map((_, k, parts) => parts.slice(k).join("/"))));

/** Pages with files that are not there on purpose: those that a bug, or somebody who follows a recipe, would write. */
const WITH_OTHERS = ["docs/plantedBugs.md", "CONTRIBUTING.md"];

/** What a reader reads: the comments of code, the whole of a page. */
function proseOf(file: string): string {
  if (WITH_OTHERS.includes(file)) return "";
  const text = readFileSync(join(root, file), "utf8");
  if (file.endsWith(".md")) return text;
  if (!/\.(ts|tsx|mts|mjs|js)$/.test(file)) return "";
  return (text.match(/(?<=^\s*|[{(,] ?)\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/ .*$/gm) ?? []).join("\n");
}

/** Names of source files, with or without folders, that are in no folder as they are written. */
function missingNames(file: string): string[] {
  const names = proseOf(file).matchAll(/(?<![\w./@*{}-])((?:[\w.-]+\/)*\w[\w.-]*\.(?:ts|tsx|mts|mjs|md))(?![\w/])/g);
  return [...names].map(([, name]) => name.replace(/^(\.\.?\/)+/, "")).filter((name) => !endings.has(name));
}

test("the walk sees files, comments and names", () => {
  expect(files.length).toBeGreaterThan(400);
  expect(proseOf("tests/docs/names.test.ts")).toContain("a file that moves");
  expect(missingNames("tests/docs/names.test.ts")).toEqual([]);
});

test("files that comments and pages name are there", () => {
  const missing = files.flatMap((file) => missingNames(file).map((name) => `${file}: ${name}`));
  expect([...new Set(missing)]).toEqual([]);
});

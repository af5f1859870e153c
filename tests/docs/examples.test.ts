/** The examples in README.md and docs/api.md run as they stand. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the package, so that `import ... from "stylegan"` means this checkout.
const folder = mkdtempSync(join(root, "tests", "examples-"));
afterAll(() => rmSync(folder, { recursive: true }));

function examples(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
}

describe("docs/api.md", () => {
  const programs = examples("docs/api.md");

  test("has examples", () => {
    expect(programs.length).toBeGreaterThan(3);
  });

  test.each(programs.map((code, index) => [index + 1, code]))("example %i runs", (index, code) => {
    const program = join(folder, `example${index}.mjs`);
    mkdirSync(join(root, "out"), { recursive: true });
    writeFileSync(program, code as string);
    execFileSync(process.execPath, [program], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  });
});

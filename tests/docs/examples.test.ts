/** The examples in the pages of the library run as they stand. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

describe.each([
  "docs/api.md",
  "docs/metrics.md",
  "docs/video.md",
  "docs/directions.md",
  "docs/surgery.md",
  "docs/projection.md",
])("%s", (page) => {
  const programs = examples(page);

  test("has examples", () => {
    expect(programs.length).toBeGreaterThan(page === "docs/api.md" ? 3 : 0);
  });

  test.each(programs.map((code, index) => [index + 1, code]))("example %i runs", (index, code) => {
    const program = join(folder, `${page.replace(/\W/g, "-")}${index}.mjs`);
    writeFileSync(program, code as string);
    execFileSync(process.execPath, [program], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  });
});

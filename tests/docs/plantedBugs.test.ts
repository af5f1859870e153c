/** The list of planted bugs is that of this source, and the page shows it: `node scripts/checks/plantBugs.mjs` does the planting. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { withSection } from "../../scripts/checks/mutants/page.mjs";
import { plantedBugs, withBug } from "../../scripts/checks/plantedBugs/list.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("planted bugs", () => {
  test("each can be planted in the source, and its test file is there", () => {
    for (const bug of plantedBugs) {
      const [law, testFile, file, find] = bug;
      if (find === null) expect(existsSync(join(root, file)), file).toBe(false);
      else expect(withBug(bug, read(file)), law).not.toBe(read(file));
      expect(existsSync(join(root, testFile)), testFile).toBe(true);
    }
  });

  test("the page has a row for each, as it is", () => {
    const rows = read("docs/plantedBugs.md").split("\n");
    const cell = (text: string): string => `\`${text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|")}\``;
    for (const [law, , file, find] of plantedBugs) {
      const found = rows.some((row) => row.includes(`| ${file} |`) && (find === null || row.includes(cell(find))));
      expect(found, `${law}: ${find}`).toBe(true);
    }
  });

  test("the page ends with the score of the random faults, as scripts/checks/mutants/results/ has it", () => {
    const page = read("docs/plantedBugs.md");
    expect(withSection(page)).toBe(page);
  });
});

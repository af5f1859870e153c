/** The list of planted bugs is that of this source, and the page shows it: `node scripts/checks/plantBugs.mjs` does the planting. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { plantedBugs, withBug } from "../../scripts/checks/plantedBugs/list.mjs";
import { plantedBugsPage } from "../../scripts/checks/plantedBugs/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Test files whose titles have the name of a case in them. */
const PUT_TOGETHER = ["tests/nn/autograd.test.ts", "tests/goldens/vgg.test.ts", "tests/goldens/inception.test.ts"];

describe("planted bugs", () => {
  test("each can be planted in the source, and its test file is there", () => {
    for (const bug of plantedBugs) {
      const [law, testFile, file, find] = bug;
      if (find === null) expect(existsSync(join(root, file)), file).toBe(false);
      else expect(withBug(bug, read(file)), law).not.toBe(read(file));
      expect(existsSync(join(root, testFile)), testFile).toBe(true);
    }
  });

  test("each law is a title of its test file, or a part of one that is put together there", () => {
    for (const [law, testFile] of plantedBugs) {
      const titles = read(testFile).replace(/\\(.)/g, "$1");
      if (!PUT_TOGETHER.includes(testFile)) expect(titles, `${testFile}: ${law}`).toContain(law);
    }
  });

  test("the page has a row for each, as it was seen last, and the score of the random faults", () => {
    const page = read("docs/plantedBugs.md");
    expect(plantedBugsPage()).toBe(page);
    for (const [law, , file] of plantedBugs) expect(page, law).toContain(`| \`${law.trim()}\` | ${file} |`);
    expect(page, "planted at a revision that is known").not.toContain("not yet");
  });
});

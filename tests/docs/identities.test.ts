/** docs/identities.md is what the tests of tests/identities say, law by law. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { identitiesPage, page } from "../../scripts/docs/identities.mjs";

test("the page is the one that the tests make; run `node scripts/docs/identities.mjs`", () => {
  expect(readFileSync(page, "utf8")).toBe(identitiesPage());
});

test("every law has a sentence, most a number, and all kinds are there", () => {
  const rows = identitiesPage()
    .split("\n")
    .filter((line) => /^\| [\d, ]*\|/.test(line));
  expect(rows.length).toBeGreaterThan(140);
  expect(rows.filter((row) => /^\| \d/.test(row)).length).toBeGreaterThan(rows.length / 2);
  for (const kind of ["exact", "conditional", "statistical"]) {
    expect(rows.filter((row) => row.includes(`| ${kind} |`)).length, kind).toBeGreaterThan(2);
  }
});

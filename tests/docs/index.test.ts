/** docs/README.md lists every document, once, and no other. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const docs = new URL("../../docs/", import.meta.url);

test("every document is in the list, once", () => {
  const links = [...readFileSync(new URL("README.md", docs), "utf8").matchAll(/\]\(([^)/]+\.md)\)/g)].map(
    ([, name]) => name,
  );
  const files = readdirSync(docs).filter((name) => name.endsWith(".md") && name !== "README.md");
  expect(links.sort()).toEqual(files.sort());
});

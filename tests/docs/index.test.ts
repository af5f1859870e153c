/** docs/README.md lists every document, once, and no other; links within the repository lead somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const docs = new URL("../../docs/", import.meta.url);

test("every document is in the list, once", () => {
  const links = [...readFileSync(new URL("README.md", docs), "utf8").matchAll(/\]\(([^)/]+\.md)\)/g)].map(
    ([, name]) => name,
  );
  const files = readdirSync(docs).filter((name) => name.endsWith(".md") && name !== "README.md");
  expect(links.sort()).toEqual(files.sort());
});

const root = new URL("../../", import.meta.url);
const pages = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "assembly/README.md", "bench/RESULTS.md"],
  ...["models/README.md", "page/README.md", ...readdirSync(docs).map((name) => `docs/${name}`)],
].filter((name) => name.endsWith(".md"));

test.each(pages)("links of %s lead to files that there are", (page) => {
  const here = new URL(page, root);
  // Not in code, where brackets and parentheses mean something else.
  const text = readFileSync(here, "utf8").replaceAll(/^```.*?^```|`[^`\n]*`/gms, "");
  const links = [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, link]) => link);
  const missing = links.filter(
    (link) => /[./]/.test(link) && !/^[a-z]+:/.test(link) && !existsSync(new URL(link, here)),
  );
  expect(missing).toEqual([]);
});

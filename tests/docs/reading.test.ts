/**
 * docs/reading.md and docs/droplets.md cannot rot: what a link says is on the lines that it points to, every file and
 * picture is there, and every idea has an equation, code, tests and a picture.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { codeLinks, locate, pages } from "../../scripts/docs/readingLinks.mjs";

const HINT = "run `node scripts/docs/readingLinks.mjs`, or mend the page";

const IDEAS = [
  "Progressive growing",
  "The constant input",
  "The mapping network",
  "AdaIN",
  "Noise",
  "Style mixing",
  "Filters",
  "The droplet, modulation and demodulation",
  "R1",
  "Lazy regularisation",
  "Path length",
  "Skip and residual networks",
  "Large networks",
  "Truncation",
  "Minibatch standard deviation",
  "Adaptive augmentation",
];

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replace(/\s/g, "-");
const headings = (text: string): string[] => [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);

describe.each(pages.map((page) => [basename(page), page] as const))("docs/%s", (_, page) => {
  const text = readFileSync(page, "utf8");

  test("links with lines: the symbol or the test is there", () => {
    const links = codeLinks(text);
    expect(links.length).toBeGreaterThan(8);
    for (const { label, isTitle, target, first, last } of links) {
      const path = join(dirname(page), target);
      expect(existsSync(path), `${target} is linked from ${basename(page)}`).toBe(true);
      const source = readFileSync(path, "utf8");
      const found = locate(source, label, isTitle);
      expect(found, `${label} in ${target}; ${HINT}`).not.toBeNull();
      const name = isTitle ? label : label.split(".").at(-1)!;
      const lines = source
        .split("\n")
        .slice(first - 1, last)
        .join("\n");
      expect(lines.includes(name), `${target}#L${first}-L${last} holds ${label}; ${HINT}`).toBe(true);
      expect(found!.first, `${target}#L${first}-L${last} begins before ${label}; ${HINT}`).toBeGreaterThanOrEqual(
        first,
      );
      expect(found!.first, `${target}#L${first}-L${last} ends after ${label} begins; ${HINT}`).toBeLessThanOrEqual(
        last,
      );
    }
  });

  test("every other link leads somewhere", () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(8);
    for (const target of targets) {
      if (/^https?:/.test(target)) continue;
      const [file, anchor = ""] = target.split("#");
      const path = join(dirname(page), file);
      expect(existsSync(path), `${target} is linked from ${basename(page)}`).toBe(true);
      if (file.endsWith(".md") && anchor !== "") {
        expect(headings(readFileSync(path, "utf8")).map(slug), target).toContain(anchor);
      }
      if (file.endsWith(".png")) expect([...readFileSync(path).subarray(1, 4)], target).toEqual([0x50, 0x4e, 0x47]);
    }
  });
});

describe("docs/reading.md", () => {
  const page = pages.find((path) => path.endsWith("reading.md"))!;
  const sections = readFileSync(page, "utf8")
    .split(/^(?=##? )/m)
    .filter((section) => section.startsWith("## "));

  test("has the ideas of both papers, in order", () => {
    expect(sections.map((section) => section.slice(3, section.indexOf("\n")))).toEqual(
      IDEAS.map((idea, k) => `${k + 1}. ${idea}`),
    );
  });

  test.each(IDEAS.map((idea, k) => [idea, k] as const))("%s: words, an equation, code, tests, a picture", (_, k) => {
    const section = sections[k];
    const [words] = section.slice(section.indexOf("\n")).split("```");
    expect(words.trim().split(/\s+/).length).toBeGreaterThan(20);
    expect(section).toMatch(/^```\n.*\S.*\n```$/ms);
    const links = codeLinks(section);
    expect(links.some(({ isTitle, target }) => !isTitle && target.startsWith("../src/"))).toBe(true);
    expect(links.some(({ isTitle, target }) => isTitle && target.startsWith("../tests/"))).toBe(true);
    expect(section).toMatch(/!\[[^\]]+\]\(images\/[\w/-]+\.png\)/);
  });
});

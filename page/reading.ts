/**
 * docs/reading.md as data, for Learn: the document is the one source of claims, equations and links. Each link to lines of
 * the source or to a test comes with those lines, so that the page shows them without asking another host.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import type { ReadingLink, ReadingSection } from "./src/learn/reading.js";

const root = new URL("../", import.meta.url);
const MODULE = "virtual:reading";
const SOURCES = "learn/sources.json";

/** `virtual:reading` exports the sections; the lines they link to are a file beside the page. */
export function readingPlugin(): Plugin {
  const path = fileURLToPath(new URL("docs/reading.md", root));
  return {
    name: "reading",
    resolveId: (id) => (id === MODULE ? `\0${MODULE}` : null),
    load(id) {
      if (id !== `\0${MODULE}`) return null;
      this.addWatchFile(path);
      return `export const sections = ${JSON.stringify(readSections(readFileSync(path, "utf8")))};`;
    },
    generateBundle() {
      const sections = readSections(readFileSync(path, "utf8"));
      const links = sections.flatMap((section) => section.links);
      const lines = Object.fromEntries(links.map((link) => [link.key, linesOf(link)]));
      this.emitFile({ type: "asset", fileName: SOURCES, source: JSON.stringify(lines) });
    },
  };
}

/** The numbered sections of the document. Throws Error when it has none, or one without an equation or without links. */
export function readSections(markdown: string): ReadingSection[] {
  const parts = markdown.split(/^## (?=\d+\. )/m).slice(1);
  if (parts.length === 0) throw new Error("docs/reading.md: expected numbered sections, found none");
  return parts.map((part) => {
    const [heading, ...rest] = part.split("\n");
    const [, number, title] = /^(\d+)\. (.*)$/.exec(heading)!;
    const body = rest.join("\n").split(/^# /m)[0];
    const equation = /```\n([\s\S]*?)```/.exec(body)?.[1].trimEnd();
    const [claim] = body.trim().split(/\n\s*\n/);
    const links = linksOf(body);
    if (equation === undefined) throw new Error(`docs/reading.md: section ${number} has no equation`);
    if (!links.some(({ kind }) => kind === "code") || !links.some(({ kind }) => kind === "test")) {
      throw new Error(`docs/reading.md: section ${number} must link to its lines and to a test`);
    }
    return { number: Number(number), id: slug(title), title, claim: plain(claim), equation, links };
  });
}

const slug = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, "-");

/** Markdown's marks away, and what lies in one line in the document on one line. */
const plain = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, " ")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*`]+/g, "");

function linksOf(body: string): ReadingLink[] {
  const found = [...body.matchAll(/\[([^\]]+)\]\(\.\.\/((?:src|tests)\/[^)#]+)#L(\d+)(?:-L(\d+))?\)/g)];
  return found.map(([, label, file, from, to]) => ({
    kind: file.startsWith("tests/") ? "test" : "code",
    label: plain(label),
    file,
    from: Number(from),
    to: Number(to ?? from),
    key: `${file}#${from}`,
  }));
}

function linesOf({ file, from, to }: ReadingLink): string {
  return readFileSync(new URL(file, root), "utf8")
    .split("\n")
    .slice(from - 1, to)
    .join("\n");
}

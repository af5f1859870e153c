/**
 * Keeps the links of docs/reading.md and docs/droplets.md on the lines they mean. The text of a link says what is there:
 * `symbol` or `Class.member` for a declaration, “title” for a test. This script finds it and writes the line numbers.
 *
 *   node scripts/docs/readingLinks.mjs        tests/docs/reading.test.ts fails while a link is on other lines
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const docs = resolve(import.meta.dirname, "../..", "docs");
export const pages = ["reading.md", "droplets.md"].map((name) => join(docs, name));

const LINK = /\[(?:`([^`]+)`|“([^”]+)”)\]\(([^)#\s]+)#L(\d+)(?:-L(\d+))?\)/g;

/** The links with line numbers of a page's text. */
export function codeLinks(page) {
  return [...page.matchAll(LINK)].map(([, symbol, title, target, first, last]) => ({
    label: symbol ?? title,
    isTitle: symbol === undefined,
    target,
    first: Number(first),
    last: Number(last ?? first),
  }));
}

const indentOf = (line) => line.length - line.trimStart().length;
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The last line of what begins on line `start` (from 0), by its indentation: the code is formatted. */
function endOf(lines, start) {
  const indent = indentOf(lines[start]);
  if (/[;}]$/.test(lines[start])) return start;
  for (let at = start + 1; at < lines.length; at++) {
    const line = lines[at];
    if (line.trim() === "") continue;
    const closes = indentOf(line) === indent && /^[)\]}]/.test(line.trim()) && !/[{([>=]$/.test(line);
    const endsExpression = /(=>|=)$/.test(lines[start]) && indentOf(line) > indent && line.endsWith(";");
    if (closes || endsExpression) return at;
    if (indentOf(line) < indent) return at - 1;
  }
  return lines.length - 1;
}

function declaration(lines, name, from, to) {
  const word = escaped(name);
  const patterns = [
    new RegExp(`^(export )?(abstract )?(async )?(function|class|const|interface|type) ${word}(?![\\w$])`),
    new RegExp(`^\\s+(readonly |static |private |async |get )*${word}\\(`),
    new RegExp(`^\\s+(readonly )?${word}\\s*[:=]`),
  ];
  for (const pattern of patterns) {
    for (let at = from; at <= to; at++) if (pattern.test(lines[at])) return at;
  }
  return -1;
}

/** First and last line (from 1) of a declaration or a test in a file's text; null where there is none. */
export function locate(source, label, isTitle) {
  const lines = source.split("\n");
  if (isTitle) {
    const at = lines.findIndex((line) => ['"', "`", "'"].some((quote) => line.includes(`${quote}${label}${quote}`)));
    if (at < 0) return null;
    const start = /^\s*(law|test|describe)\b.*\($/.test(lines[at - 1] ?? "") ? at - 1 : at;
    return { first: start + 1, last: endOf(lines, start) + 1 };
  }
  let [from, to] = [0, lines.length - 1];
  let start = -1;
  for (const name of label.split(".")) {
    start = declaration(lines, name, from, to);
    if (start < 0) return null;
    [from, to] = [start + 1, endOf(lines, start)];
  }
  return { first: start + 1, last: endOf(lines, start) + 1 };
}

function update(page) {
  const text = readFileSync(page, "utf8");
  const updated = text.replace(LINK, (link, symbol, title, target) => {
    const source = readFileSync(join(dirname(page), target), "utf8");
    const found = locate(source, symbol ?? title, symbol === undefined);
    if (found === null) throw new Error(`${page}: there is no ${symbol ?? title} in ${target}`);
    const { first, last } = found;
    return link.replace(/#L.*\)$/, `#L${first}${last > first ? `-L${last}` : ""})`);
  });
  if (updated !== text) writeFileSync(page, updated);
  console.log(`${page}: ${codeLinks(updated).length} links${updated === text ? "" : ", some of them moved"}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) pages.forEach(update);

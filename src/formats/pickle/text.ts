/** How the text opcodes of old pickles write numbers and strings. */
import { describe, FileError } from "../fileError.js";

/** One character a byte. */
export function latin1Text(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

/** A number where it is exact, a bigint beyond 2^53. */
export function exactNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** "12", "-3", "4L"; a few hundred digits at most, because parsing is quadratic. */
export function parseIntegerText(line: string): number | bigint {
  if (!/^[+-]?\d{1,400}L?$/.test(line)) throw new FileError(`expected an integer, found ${describe(line)}`);
  return exactNumber(BigInt(line.replace(/[+L]/g, "")));
}

export function parseFloatText(line: string): number {
  if (line === "nan") return Number.NaN;
  if (line === "inf" || line === "-inf") return line === "inf" ? Infinity : -Infinity;
  const value = /^[+-]?[\d.]{1,400}(e[+-]?\d{1,5})?$/i.test(line) ? Number(line) : Number.NaN;
  if (Number.isNaN(value)) throw new FileError(`expected a float, found ${describe(line)}`);
  return value;
}

/** A Python string literal in single or double quotes. */
export function quotedText(line: string): string {
  const quote = line[0];
  if (line.length < 2 || (quote !== "'" && quote !== '"') || line.at(-1) !== quote) {
    throw new FileError(`expected a quoted string, found ${describe(line)}`);
  }
  return unescapeText(line.slice(1, -1));
}

const namedEscapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'", '"': '"' };

/** Replaces Python's backslash escapes. */
export function unescapeText(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U000([0-9a-fA-F]{5})|([nrt\\'"]))/g,
    (_whole, x?: string, u?: string, long?: string, name?: string) =>
      name === undefined ? String.fromCodePoint(Number.parseInt(x ?? u ?? long ?? "", 16)) : namedEscapes[name],
  );
}

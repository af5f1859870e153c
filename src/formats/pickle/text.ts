/** How the text opcodes of old pickles write numbers and strings. */
import { describe, FileError } from "../fileError.js";

/** One character a byte. */
export function latin1Text(bytes: Uint8Array): string {
  return textOf(bytes);
}

/** A character for each UTF-16 code. */
function textOf(codes: Uint8Array | Uint16Array): string {
  let text = "";
  for (let i = 0; i < codes.length; i += 4096)
    text += String.fromCharCode.apply(null, codes.subarray(i, i + 4096) as unknown as number[]);
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

const BACKSLASH = 0x5c;
/** What follows a backslash, and what is meant. */
const namedEscapes = new Map(
  Object.entries({ n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'", '"': '"' }).map(([name, meant]) => [
    name.charCodeAt(0),
    meant.charCodeAt(0),
  ]),
);
const [LETTER_X, LETTER_U, CAPITAL_U] = Array.from("xuU", (letter) => letter.charCodeAt(0));

/**
 * Replaces Python's backslash escapes; what is none stays as it is. Arrays are pickled as such text, nearly every byte of them as
 * an escape, so it is read code by code.
 */
export function unescapeText(text: string): string {
  if (!text.includes("\\")) return text;
  const codes = new Uint16Array(text.length); // no escape is longer than what it is written as
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== BACKSLASH || at + 1 === text.length) {
      codes[count++] = code;
      continue;
    }
    const kind = text.charCodeAt(at + 1);
    const digits = kind === LETTER_X ? 2 : kind === LETTER_U ? 4 : kind === CAPITAL_U ? 8 : 0;
    const value = digits > 0 ? hexValue(text, at + 2, digits) : (namedEscapes.get(kind) ?? null);
    if (value === null) {
      codes[count++] = code;
      continue;
    }
    if (value > 0xffff) {
      codes[count++] = 0xd7c0 + (value >> 10);
      codes[count++] = 0xdc00 + (value & 0x3ff);
    } else codes[count++] = value;
    at += 1 + digits;
  }
  return textOf(codes.subarray(0, count));
}

/** The number that `digits` hexadecimal digits from `at` on say; null where there are fewer, or the code point does not exist. */
function hexValue(text: string, at: number, digits: number): number | null {
  if (at + digits > text.length) return null;
  let value = 0;
  for (let k = 0; k < digits; k++) {
    const code = text.charCodeAt(at + k);
    const lower = code | 0x20;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    if (digit < 0) return null;
    value = value * 16 + digit;
  }
  return value > 0x10ffff ? null : value;
}

/** Checks of what callers pass: an argument or option that is not what it should be is named, with what would be right. */

/**
 * Throws unless `options` is a plain object with no other names than `known`.
 *
 * @throws TypeError when it is no object, RangeError for an unknown name
 */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${where}: options must be an object, got ${kindOf(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`${where}: there is no option ${JSON.stringify(unknown)}; there is ${listOf(known)}`);
  }
}

/** @throws RangeError unless `value` is one of `choices`; `name` is what the caller calls it */
export function checkChoice(where: string, name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const right = listOf(choices.filter((choice) => choice !== undefined).map((choice) => JSON.stringify(choice)));
  throw new RangeError(`${where}: ${name} must be ${right}, got ${kindOf(value)}`);
}

/** What something is, in a few words: `"konst"`, 7, null, an array, a function. */
export function kindOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (value === null || ["number", "boolean", "undefined", "bigint"].includes(typeof value)) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  const { name } = (value as { constructor?: { name?: string } }).constructor ?? {};
  return name === undefined || name === "" || name === "Object" ? "an object" : `an object of ${name}`;
}

/** `a, b or c` */
function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

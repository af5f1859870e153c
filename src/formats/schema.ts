/**
 * The shape of JSON as a value: each field is a function that checks what stands there, and the type of what it
 * returns is inferred, so that no field is written down twice. Unknown fields are errors, like missing ones.
 * Tested by tests/checkpoints/native.test.ts.
 */
import { CheckpointError, describe } from "./fileError.js";

/** Returns the checked value, or throws CheckpointError that begins with `where`. */
export type Field<T> = (value: unknown, where: string) => T;

/** A field that may be left out. */
export interface OptionalField<T> {
  readonly optional: Field<T>;
}

type Fields = Readonly<Record<string, Field<unknown> | OptionalField<unknown>>>;

/** The type that a field or schema reads. */
export type Infer<F> = F extends Field<infer T> ? T : never;

type ObjectOf<F extends Fields> = {
  readonly [Name in keyof F as F[Name] extends OptionalField<unknown> ? never : Name]: Infer<F[Name]>;
} & {
  readonly [Name in keyof F as F[Name] extends OptionalField<unknown> ? Name : never]?: F[Name] extends OptionalField<
    infer T
  >
    ? T
    : never;
};

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const MAX_COUNT = 1 << 24;
const MAX_LIST = 1000;

function checked<T>(is: (value: unknown) => value is T, expected: string): Field<T> {
  return (value, where) => {
    if (!is(value)) throw new CheckpointError(`${where}: expected ${expected}, found ${describe(value)}`);
    return value;
  };
}

/** A whole number from 0 to 2^24. */
export const count = checked(
  (value): value is number => isNumber(value) && value >= 0 && value <= MAX_COUNT && value % 1 === 0,
  "a whole number",
);

/** A finite number. */
export const number = checked(isNumber, "a number");

export const boolean = checked((value): value is boolean => typeof value === "boolean", "true or false");

/** One of several words, or CheckpointError. */
export function oneOf<Word extends string>(where: string, value: unknown, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw new CheckpointError(`${where}: expected ${words.join(", ")}, found ${describe(value)}`);
  return word;
}

/** One of several words. */
export const word =
  <const Word extends string>(words: readonly Word[]): Field<Word> =>
  (value, where) =>
    oneOf(where, value, words);

/** Up to a thousand of a kind. */
export const list =
  <T>(item: Field<T>): Field<readonly T[]> =>
  (value, where) => {
    if (!Array.isArray(value) || value.length > MAX_LIST) {
      throw new CheckpointError(`${where}: expected a list, found ${describe(value)}`);
    }
    return value.map((entry: unknown, index) => item(entry, `${where}[${index}]`));
  };

/** Exactly two of a kind. */
export const pair =
  <T>(item: Field<T>): Field<readonly [T, T]> =>
  (value, where) => {
    if (!Array.isArray(value) || value.length !== 2) {
      throw new CheckpointError(`${where}: expected a pair, found ${describe(value)}`);
    }
    return [item(value[0], `${where}[0]`), item(value[1], `${where}[1]`)];
  };

export const nullable =
  <T>(field: Field<T>): Field<T | null> =>
  (value, where) =>
    value === null ? null : field(value, where);

export const optional = <T>(field: Field<T>): OptionalField<T> => ({ optional: field });

/** Exactly these fields, in this order in the result. */
export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  return (value, where) => {
    const given = record(value, where);
    const result: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const own = Object.hasOwn(given, name);
      if (typeof field === "function") result[name] = field(own ? given[name] : undefined, `${where}.${name}`);
      else if (own) result[name] = field.optional(given[name], `${where}.${name}`);
    }
    const other = Object.keys(given).find((name) => !Object.hasOwn(fields, name));
    if (other !== undefined) throw new CheckpointError(`${where}: unknown field ${describe(other)}`);
    return result as ObjectOf<F>;
  };
}

/** An object of one of several kinds, by its field `kind`. */
export function byKind<Kinds extends Readonly<Record<string, Field<unknown>>>>(
  kinds: Kinds,
): Field<Infer<Kinds[keyof Kinds]>> {
  return (value, where) => {
    const kind = oneOf(`${where}.kind`, record(value, where).kind, Object.keys(kinds));
    return kinds[kind](value, where) as Infer<Kinds[keyof Kinds]>;
  };
}

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CheckpointError(`${where}: expected an object, found ${describe(value)}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

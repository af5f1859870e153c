/** Lists of numbers as the official tools take them: `0,1,4-6`. Tested by tests/cli/program.test.ts. */
import { InvalidArgumentError } from "commander";

export const MAX_SEED = 2 ** 32 - 1;
/** So that a slip such as 0-4294967295 is an error and not a full memory. */
const MAX_COUNT = 1_000_000;

export interface NumberListOptions {
  /** What the numbers are, for messages: "seeds". */
  readonly what: string;
  /** The largest number allowed. */
  readonly max: number;
}

/**
 * `0,1,4-6` -> [0, 1, 4, 5, 6]: whole numbers and ascending ranges, in the order given, repetitions kept.
 *
 * @throws InvalidArgumentError saying which part is wrong
 */
export function parseNumberList(text: string, { what, max }: NumberListOptions): number[] {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    if (match === null) throw new InvalidArgumentError(`Expected ${what} such as 0,1,4-6, got '${part}'.`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last > max || first > max) {
      throw new InvalidArgumentError(`Expected ${what} from 0 to ${max}, got ${Math.max(first, last)}.`);
    }
    if (last < first) throw new InvalidArgumentError(`The range ${part.trim()} runs backwards.`);
    if (numbers.length + last - first + 1 > MAX_COUNT) {
      throw new InvalidArgumentError(`More than ${MAX_COUNT} ${what} at once.`);
    }
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}

/** Seeds of numpy's RandomState. */
export function parseSeeds(text: string): number[] {
  return parseNumberList(text, { what: "seeds", max: MAX_SEED });
}

/** Layers of a generator, counted as w's. How many there are is known once the network is loaded. */
export function parseLayers(text: string): number[] {
  return parseNumberList(text, { what: "layers", max: 999 });
}

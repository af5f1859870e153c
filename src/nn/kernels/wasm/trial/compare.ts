/**
 * The trial of the wide build against the plain one: every kernel on random data, again and again, every result compared bit for
 * bit; then the time of large ones, in turns.
 */
import type { Block } from "../../types.js";
import type { WasmKernels } from "../kernels.js";
import type { TrialCase } from "./case.js";

export interface Comparison {
  /** The first case whose result had another bit; null where there was none. */
  readonly differs: string | null;
  /** How many times faster the wide build is: the geometric mean over the timed cases; 0 where bits differ. */
  readonly speed: number;
}

/** In the first ones an engine runs baseline code. */
const ROUNDS = 10;
/** Elements from which a case is a large one, and its rounds: by then the small ones have had its functions optimised. */
const LARGE_LENGTH = 300_000;
const LARGE_ROUNDS = 2;
const TIMED_TURNS = 5;

export function compareBuilds(cases: readonly TrialCase[], plain: WasmKernels, wide: WasmKernels): Comparison {
  const trials = cases.map((trialCase, index) => new Trial(trialCase, index, plain, wide));
  for (let round = 0; round < ROUNDS; round++) {
    for (const trial of trials) {
      if (trial.length < LARGE_LENGTH || round >= ROUNDS - LARGE_ROUNDS) trial.round();
      if (trial.differs) return { differs: trial.name, speed: 0 };
    }
  }
  const timed = trials.filter(({ isTimed }) => isTimed);
  const logs = timed.map((trial) => Math.log(trial.speed(TIMED_TURNS)));
  const differs = timed.find((trial) => trial.differs)?.name ?? null;
  return { differs, speed: differs === null ? Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length) : 0 };
}

/** A case on one build: its operands stay where they are, and are written anew before each call. */
class Stage {
  readonly #case: TrialCase;
  readonly #kernels: WasmKernels;
  readonly #blocks: readonly Block[];
  readonly #contents: readonly Float32Array[];

  constructor(trialCase: TrialCase, kernels: WasmKernels, contents: readonly Float32Array[]) {
    this.#case = trialCase;
    this.#kernels = kernels;
    this.#blocks = contents.map(({ length }) => kernels.allocate(length));
    this.#contents = contents;
  }

  /** Returns the time, in ms. */
  run(): number {
    for (const [k, block] of this.#blocks.entries()) block.data.set(this.#contents[k]);
    const start = performance.now();
    this.#case.run(this.#kernels, this.#blocks);
    return performance.now() - start;
  }

  /** All operands as they are now: any of them may be an output. */
  words(): readonly Uint32Array[] {
    return this.#blocks.map(({ data }) => new Uint32Array(data.buffer, data.byteOffset, data.length));
  }
}

/** One case on both builds. */
class Trial {
  readonly #case: TrialCase;
  readonly #plain: Stage;
  readonly #wide: Stage;
  differs = false;

  constructor(trialCase: TrialCase, index: number, plain: WasmKernels, wide: WasmKernels) {
    const contents = trialCase.lengths.map((length, k) => numbersFrom(index * 16 + k, length, trialCase.positive));
    this.#case = trialCase;
    this.#plain = new Stage(trialCase, plain, contents);
    this.#wide = new Stage(trialCase, wide, contents);
    this.#plain.run();
  }

  get name(): string {
    return this.#case.name;
  }

  get length(): number {
    return this.#case.lengths.reduce((a, b) => a + b, 0);
  }

  get isTimed(): boolean {
    return this.#case.timed === true;
  }

  /** Runs the wide build once, and compares. Returns its time, in ms. */
  round(): number {
    const ms = this.#wide.run();
    const expected = this.#plain.words();
    this.differs ||= !this.#wide.words().every((words, k) => sameWords(words, expected[k]));
    return ms;
  }

  /** How many times faster the wide build is, by the best of some turns. */
  speed(turns: number): number {
    let [plainMs, wideMs] = [Infinity, Infinity];
    for (let turn = 0; turn < turns; turn++) {
      plainMs = Math.min(plainMs, this.#plain.run());
      wideMs = Math.min(wideMs, this.round());
    }
    return plainMs / wideMs;
  }
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

/** A prime, so that rows and planes of operands differ. */
const POOL = 16381;

/** Numbers of many magnitudes, zeros of both signs among them (xorshift32). */
function randomPool(): Float32Array {
  const pool = new Float32Array(POOL);
  let state = 0x9e3779b1;
  for (let k = 0; k < POOL; k++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const size = ((state >>> 9) / 2 ** 22 - 1) * 2 ** (((state >>> 3) & 7) - 4);
    pool[k] = (state & 7) === 0 ? 0 * size : size;
  }
  return pool;
}

const pool = randomPool();
const positivePool = pool.map((value) => Math.abs(value) + 2 ** -9);

/** The pool over and over, from some place on. */
function numbersFrom(place: number, length: number, positive = false): Float32Array {
  const numbers = new Float32Array(length);
  const source = positive ? positivePool : pool;
  for (let at = 0, from = (place * 997) % POOL; at < length; from = 0) {
    const part = source.subarray(from, from + length - at);
    numbers.set(part, at);
    at += part.length;
  }
  return numbers;
}

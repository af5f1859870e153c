/**
 * Capture and replay: what a network ran to make an image is run again to make the next one, without the JavaScript that worked it
 * out. A capture has the kernels in their order with the frames of their arguments, pointers and all. It may be replayed when
 *
 *   - it was asked for by the same name, on inputs at the same addresses, with the memory free where it was free then, so that every
 *     block would come to lie where it lay;
 *   - nobody looked at the memory while it was captured (`LinearMemory.settle`): then nothing that JavaScript did depends on numbers, and no
 *     number was written by JavaScript;
 *   - it left nothing behind but its result;
 *   - none of what it reads beside its inputs has changed or moved since: whoever changes, moves or frees parameters, prepared
 *     weights or scratch that stays says so (`clear`).
 *
 * A program that makes one image after another meets all of this. Tests: tests/nn/repeatable.test.ts.
 */
import type { Block } from "../block.js";
import type { Captured, Captures, NextNoise } from "../types.js";
import { type NormalFrame, writeNormal } from "./frames/elementwise.js";
import { type FreeRanges, LinearBlock, type LinearMemory, NoRoomError, wholeLines } from "./memory.js";

/** What runs a kernel: `Dispatcher.parallel`. */
type RunKernel = (name: string, args: number, chunks: number) => void;

/** A kernel, and where its arguments are. */
interface Call {
  readonly name: string;
  readonly args: number;
  readonly chunks: number;
  /** Of one that draws noise: its arguments, to be written again for other noise. */
  drawn?: NormalFrame;
}

interface Capture {
  readonly name: string;
  readonly inputs: readonly number[];
  /** Where the frames are. */
  readonly slot: number;
  readonly before: FreeRanges;
  readonly calls: readonly Call[];
  readonly after: FreeRanges;
  readonly result: { readonly pointer: number; readonly length: number; readonly shape: readonly number[] };
}

/** A capture on its way: its frames are copied to `slot`. */
interface Recording {
  readonly calls: Call[];
  readonly slot: number;
  readonly words: Uint32Array;
  readonly draws: boolean;
  end: number;
}

/** How many there are at most; and the room for the frames of each, of which an image of 1024 pixels needs half. */
const mostCaptures = 8;
const slotBytes = 64 * 1024;
const lineWords = 16;

export class LinearCaptures implements Captures {
  readonly #memory: LinearMemory;
  readonly #runKernel: RunKernel;
  /** The last that was used comes last. */
  readonly #captures: Capture[] = [];
  /** Slots that nobody has; null before the first is wanted. */
  #free: number[] | null = null;
  #recording: Recording | null = null;
  #replays = 0;

  constructor(memory: LinearMemory, runKernel: RunKernel) {
    this.#memory = memory;
    this.#runKernel = runKernel;
  }

  get replays(): number {
    return this.#replays;
  }

  replay(name: string, inputs: readonly Block[], next: NextNoise | null): Captured | null {
    const at = this.#addressesOf(inputs);
    if (at === null || this.#recording !== null) return null;
    const index = this.#captures.findIndex((one) => one.name === name && this.#fits(one, at));
    if (index < 0) return null;
    const [capture] = this.#captures.splice(index, 1);
    this.#captures.push(capture);
    if (next !== null) this.#drawAgain(capture.calls, next);
    for (const { name, args, chunks } of capture.calls) this.#runKernel(name, args, chunks);
    const { pointer, length, shape } = capture.result;
    this.#memory.take(pointer, length * 4, capture.after);
    this.#replays++;
    return { block: new LinearBlock(this.#memory, pointer, length), shape };
  }

  capture(name: string, inputs: readonly Block[], draws: boolean, run: () => Captured | null): void {
    const at = this.#recording === null ? this.#addressesOf(inputs) : null;
    const slot = at === null ? null : this.#takeSlot();
    if (at === null || slot === null) {
      run();
      return;
    }
    const before = this.#memory.freeRanges();
    const words = new Uint32Array(this.#memory.buffer, slot, slotBytes / 4);
    const recording = { calls: [], slot, words, draws, end: 0 };
    this.#recording = recording;
    let captured: Captured | null = null;
    try {
      captured = run();
    } finally {
      const isWhole = this.#recording === recording;
      this.#recording = null;
      const after = this.#memory.freeRanges();
      const block = captured?.block;
      if (isWhole && block instanceof LinearBlock && isAllThatIsLeft(block, before, after)) {
        const result = { pointer: block.pointer, length: block.length, shape: captured!.shape };
        this.#captures.push({ name, inputs: at, slot, before, calls: recording.calls, after, result });
      } else this.#free!.push(slot);
    }
  }

  clear(): void {
    this.#recording = null;
    for (const { slot } of this.#captures.splice(0)) this.#free!.push(slot);
  }

  /** Somebody looks at the memory: what is being captured may depend on it. */
  interrupt(): void {
    this.#recording = null;
  }

  /**
   * A kernel runs, with the arguments in words [start, end).
   *
   * @internal
   */
  note(name: string, chunks: number, words: Uint32Array, start: number, end: number): void {
    const recording = this.#recording;
    if (recording === null) return;
    const at = Math.ceil(recording.end / lineWords) * lineWords;
    const isHere = recording.words.buffer === this.#memory.unsettled;
    if (!isHere || at + end - start > recording.words.length) {
      this.#recording = null;
      return;
    }
    recording.words.set(words.subarray(start, end), at);
    recording.end = at + end - start;
    recording.calls.push({ name, args: recording.slot + 4 * at, chunks });
  }

  /**
   * The kernel that ran last draws noise, and will draw other noise when it is asked again.
   *
   * @internal
   */
  noteDrawn(frame: NormalFrame): void {
    if (this.#recording === null) return;
    if (this.#recording.draws) this.#recording.calls.at(-1)!.drawn = frame;
    else this.#recording = null;
  }

  /** Writes what is drawn next into the frames, when nobody reads them. */
  #drawAgain(calls: readonly Call[], next: NextNoise): void {
    const bytes = this.#memory.buffer;
    const words = new Uint32Array(bytes, 0, bytes.byteLength / 4);
    for (const { args, drawn } of calls) {
      if (drawn !== undefined) writeNormal({ words }, args / 4, { ...drawn, ...next() });
    }
  }

  /** Null where one is not in this memory. */
  #addressesOf(blocks: readonly Block[]): number[] | null {
    const isHere = (block: Block): block is LinearBlock =>
      block instanceof LinearBlock && block.memory === this.#memory;
    return blocks.every(isHere) ? blocks.map(({ pointer }) => pointer) : null;
  }

  #fits({ inputs, before }: Capture, at: readonly number[]): boolean {
    return (
      inputs.length === at.length && inputs.every((address, k) => address === at[k]) && this.#memory.hasFree(before)
    );
  }

  /** A slot, that of the capture that was not used for longest where there is no other, and that nobody reads any more; null without room. */
  #takeSlot(): number | null {
    this.#memory.settle();
    this.#free ??= this.#reserveSlots();
    return this.#free.pop() ?? this.#captures.shift()?.slot ?? null;
  }

  #reserveSlots(): number[] {
    try {
      const first = this.#memory.reserve(mostCaptures * slotBytes);
      return Array.from({ length: mostCaptures }, (_, k) => first + k * slotBytes);
    } catch (error) {
      if (error instanceof NoRoomError) return [];
      throw error;
    }
  }
}

/** Whether the free ranges are those of before without the memory of the block. */
function isAllThatIsLeft({ pointer, length }: LinearBlock, before: FreeRanges, after: FreeRanges): boolean {
  const [taken, ends] = [pointer + length * 4, before.ends];
  const within = (start: number, end: number): boolean => before.starts.some((at, k) => at <= start && end <= ends[k]);
  const bytes = (ranges: FreeRanges): number =>
    ranges.starts.reduce((sum, start, k) => sum + ranges.ends[k] - start, 0);
  const missing = bytes(before) - bytes(after);
  return (
    within(pointer, taken) &&
    after.starts.every((start, k) => within(start, after.ends[k])) &&
    missing === wholeLines(length * 4)
  );
}

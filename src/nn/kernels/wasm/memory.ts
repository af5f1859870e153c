/**
 * An allocator over one WebAssembly.Memory, kept on the JavaScript side so that the kernels never allocate.
 *
 *   byte 0        1 KiB        2 KiB            32 KiB                  64 KiB
 *   | `constants` | of kernels | argument frame | thread pool's control | blocks ...                     | end, grows |
 *
 * First fit in order of address: a request takes the lowest free range that holds it, and a released range melts together with
 * free neighbours. Programs that repeat themselves, one image after another, so reuse the same ranges and the memory stays flat.
 * Free ranges are few, about ten at a time in a training step and never forty, so that the list of them is two short arrays and
 * a search is one look along it. Growing the memory never moves a block; only views of the old buffer die.
 */
import type { Block, Refill } from "../block.js";

/** Numbers that never change, in the first KiB: a 0, a 1, and eight times -0, which changes no sum. */
export const constants = { zero: 0, one: 64, minusZeros: 128 } as const;

/** Where kernel arguments are written, and how many bytes they may take. */
export const argumentFrame = { pointer: 2048, bytes: 30 * 1024 } as const;
/** Bytes that belong to the thread pool. */
export const poolControl = { pointer: 32 * 1024, bytes: 32 * 1024 } as const;

const firstBlock = 64 * 1024;
const pageBytes = 64 * 1024;
const mostRoomBytes = 640 * 1024 * 1024;
const maximumPages = 65536; // 4 GiB, all that a 32-bit pointer reaches
const alignment = 64; // one cache line, and what aligned vector code wants
const minimumGrowthBytes = 4 * 1024 * 1024;

/** Bytes that a block of `bytes` takes. */
export const wholeLines = (bytes: number): number => Math.max(alignment, Math.ceil(bytes / alignment) * alignment);

/** Free ranges [start, end), by address. */
export interface FreeRanges {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** The memory is full: of live blocks, or of garbage that nobody has collected yet. */
export class NoRoomError extends RangeError {}

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  #buffer: WebAssembly.Memory["buffer"];
  readonly #live = new Map<number, number>(); // start -> bytes
  // Free ranges [start, end), by address; no two of them touch.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #usedBytes = 0;
  #peakBytes = 0;

  /** `shared` makes the memory visible to several instances of the module, in several threads. */
  constructor({ shared = false }: { readonly shared?: boolean } = {}) {
    this.memory = new WebAssembly.Memory({ initial: 16, maximum: maximumPages, shared });
    this.#buffer = this.memory.buffer;
    new Float32Array(this.#buffer, constants.one, 1)[0] = 1;
    new Float32Array(this.#buffer, constants.minusZeros, 8).fill(-0);
    this.#starts.push(firstBlock);
    this.#ends.push(this.#buffer.byteLength);
  }

  /** Returns when no kernel is at work on the memory. Its engine sets it. */
  settle: () => void = () => {};

  /** All bytes, when no kernel is at work on them; another object once the memory has grown. */
  get buffer(): WebAssembly.Memory["buffer"] {
    this.settle();
    return this.#buffer;
  }

  /** All bytes, as they are. Kept here because every kernel asks, and the engine is slow to tell. */
  get unsettled(): WebAssembly.Memory["buffer"] {
    return this.#buffer;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Size of the whole memory. */
  get reservedBytes(): number {
    return this.#buffer.byteLength;
  }

  /**
   * The start of `bytes` bytes with undefined contents, 64-byte aligned: in the lowest place that fits or, with `fromEnd`, at the
   * upper end of the highest. Two feature maps of which each is made from the other, each time twice as large, so grow towards
   * each other: taken all from one side, every one would leave a hole too small for the next.
   * @throws RangeError when the request cannot be met within 4 GiB or the engine refuses to grow.
   */
  allocate(bytes: number, { fromEnd = false }: { readonly fromEnd?: boolean } = {}): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new RangeError(`allocate: expected a whole number of bytes, got ${bytes}`);
    }
    const size = wholeLines(bytes);
    const start = fromEnd ? this.#takeHighest(size) : this.#takeLowest(size);
    this.#live.set(start, size);
    this.#usedBytes += size;
    if (this.#usedBytes > this.#peakBytes) this.#peakBytes = this.#usedBytes;
    return start;
  }

  /** As `allocate`, for as long as the memory lives: not in use by anybody, and never given back. */
  reserve(bytes: number): number {
    return this.#takeLowest(wholeLines(bytes));
  }

  /** What is free now. */
  freeRanges(): FreeRanges {
    return { starts: [...this.#starts], ends: [...this.#ends] };
  }

  /** Whether just this is free. */
  hasFree({ starts, ends }: FreeRanges): boolean {
    const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((x, k) => x === b[k]);
    return same(this.#starts, starts) && same(this.#ends, ends);
  }

  /** Allocates `bytes` bytes at `start` by calls that were made before, from the same free ranges, and left those of `after`. */
  take(start: number, bytes: number, after: FreeRanges): void {
    this.#starts.splice(0, this.#starts.length, ...after.starts);
    this.#ends.splice(0, this.#ends.length, ...after.ends);
    const size = wholeLines(bytes);
    this.#live.set(start, size);
    this.#usedBytes += size;
  }

  /** Grows, if it can, until `bytes` bytes are free in one piece: for somebody who will want them, all at once or by and by. */
  makeRoom(bytes: number): void {
    const missing = bytes - this.#freeAtEnd();
    const end = this.#buffer.byteLength;
    if (missing > 0 && this.#tryGrow(missing)) this.#addFree(end, this.#buffer.byteLength);
  }

  /** Bytes of the free range that the end of the memory lies in. */
  #freeAtEnd(): number {
    const last = this.#starts.length - 1;
    const end = this.#buffer.byteLength;
    return this.#ends[last] === end ? end - this.#starts[last] : 0;
  }

  /** Gives back what `allocate` returned. Throws RangeError if it is not a live block. */
  release(start: number): void {
    const size = this.#live.get(start);
    if (size === undefined) {
      throw new RangeError(`release: no live block starts at byte ${start}; was it released twice?`);
    }
    this.#live.delete(start);
    this.#usedBytes -= size;
    this.#addFree(start, start + size);
  }

  /**
   * Takes `size` bytes off the lowest range that holds them. Taking an outermost one keeps the middle of the memory in one piece,
   * and makes a program that repeats itself touch the same pages every time.
   */
  #takeLowest(size: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    let range = 0;
    while (range < starts.length && ends[range] - starts[range] < size) range++;
    if (range === starts.length) range = this.#grow(size);
    const start = starts[range];
    if (ends[range] - start === size) this.#dropFree(range);
    else starts[range] = start + size;
    return start;
  }

  /** Takes `size` bytes off the upper end of the highest range that also holds what is made from them, twice as large. */
  #takeHighest(size: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    let range = starts.length - 1;
    while (range >= 0 && ends[range] - starts[range] < 3 * size) range--;
    if (range < 0) range = this.#grow(size, Math.min(8 * size, mostRoomBytes));
    const start = ends[range] - size;
    if (starts[range] === start) this.#dropFree(range);
    else ends[range] = start;
    return start;
  }

  /**
   * Enlarges the memory until its last free range holds `size` bytes, and by `room` bytes if it can; returns the index of that
   * range. Pages that nobody touches cost nothing.
   */
  #grow(size: number, room = 0): number {
    const end = this.#buffer.byteLength;
    const missing = size - this.#freeAtEnd();
    // By half, so that growths are few (engines take each for a reason to collect garbage); near the limit only what is missing.
    const wanted = Math.max(missing, minimumGrowthBytes, Math.floor(end / 2), room);
    if (!this.#tryGrow(wanted) && !this.#tryGrow(missing)) {
      throw new NoRoomError(
        `allocate: no room for ${size} bytes; ${this.#usedBytes} of ${end} bytes are in use and the memory cannot grow ` +
          `by ${missing} (the limit is ${maximumPages * pageBytes}); release tensors or use a smaller batch`,
      );
    }
    this.#addFree(end, this.#buffer.byteLength);
    return this.#starts.length - 1;
  }

  #tryGrow(bytes: number): boolean {
    const pages = Math.ceil(bytes / pageBytes);
    if (this.#buffer.byteLength / pageBytes + pages > maximumPages) return false;
    try {
      this.memory.grow(pages);
      this.#buffer = this.memory.buffer;
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  /** Adds a free range, or lengthens the ones that it touches. */
  #addFree(start: number, end: number): void {
    const starts = this.#starts;
    const ends = this.#ends;
    let above = 0; // the first range that lies above
    while (above < starts.length && starts[above] < start) above++;
    const touchesBelow = above > 0 && ends[above - 1] === start;
    const touchesAbove = above < starts.length && starts[above] === end;
    if (touchesBelow && touchesAbove) {
      ends[above - 1] = ends[above];
      this.#dropFree(above);
    } else if (touchesBelow) {
      ends[above - 1] = end;
    } else if (touchesAbove) {
      starts[above] = start;
    } else {
      starts.splice(above, 0, start);
      ends.splice(above, 0, end);
    }
  }

  #dropFree(range: number): void {
    this.#starts.splice(range, 1);
    this.#ends.splice(range, 1);
  }
}

/** `length` float32 numbers of linear memory. */
export class LinearBlock implements Block {
  readonly memory: LinearMemory;
  readonly length: number;
  /** Byte address of the first; null while the memory is given up. */
  #pointer: number | null;
  /** Made when JavaScript first looks, and again when the memory has grown: most blocks only kernels see. */
  #view: Float32Array | null = null;
  /** Writes the same numbers once more; null where nothing can, and once somebody had a pointer through which they may have changed. */
  #refill: Refill | null = null;

  /** With a refill, the memory is taken when the numbers are first wanted. */
  constructor(memory: LinearMemory, pointer: number | null, length: number, refill: Refill | null = null) {
    this.memory = memory;
    this.length = length;
    this.#pointer = pointer;
    this.#refill = refill;
  }

  /** Byte address of the first. Whoever asks may write there. */
  get pointer(): number {
    const pointer = this.#pointer ?? this.peek();
    this.#refill = null;
    return pointer;
  }

  get data(): Float32Array {
    const { pointer } = this;
    if (this.#view?.buffer !== this.memory.buffer) {
      this.#view = this.#viewAt(pointer);
    }
    return this.#view;
  }

  get refill(): Refill | null {
    return this.#refill;
  }

  /** Byte address of the first, for somebody who reads at once and writes nothing. */
  peek(): number {
    this.fetch();
    return this.#pointer!;
  }

  fetch(numbers?: Float32Array | Float64Array): void {
    if (this.#pointer !== null) return;
    const refill = this.#source();
    const pointer = this.memory.allocate(this.length * 4);
    try {
      const view = this.#viewAt(pointer);
      if (numbers === undefined) refill.fill(view);
      else view.set(numbers);
    } catch (error) {
      this.memory.release(pointer);
      throw error;
    }
    this.#pointer = pointer;
  }

  async fetchLater(): Promise<void> {
    if (this.#pointer !== null) return;
    const refill = this.#source();
    const pointer = this.memory.allocate(this.length * 4);
    try {
      // Whoever asks for many has the memory of all of them first, so that it grows before anything is on its way.
      await null;
      await refill.fillLater(() => this.#viewAt(pointer));
    } catch (error) {
      this.memory.release(pointer);
      throw error;
    }
    if (this.#refill !== null && this.#pointer === null) this.#pointer = pointer;
    else this.memory.release(pointer); // It was released meanwhile, or somebody could not wait.
  }

  #viewAt(pointer: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, this.length);
  }

  get isAway(): boolean {
    return this.#pointer === null;
  }

  get numbers(): Float32Array {
    if (this.#pointer !== null) return this.#viewAt(this.#pointer);
    const copy = new Float32Array(this.length);
    this.#source().fill(copy);
    return copy;
  }

  /** Gives the memory back where the numbers can be written again, as they are when somebody next asks for them. */
  giveUp(): void {
    if (this.#pointer !== null && this.#refill?.isReady()) this.#free(this.#pointer);
  }

  /** Gives the memory back for good. */
  release(): void {
    if (this.#pointer !== null) this.#free(this.#pointer);
    else if (this.#refill === null) throw new RangeError("release: the block has no memory; was it released twice?");
    this.#refill = null;
  }

  #free(pointer: number): void {
    this.memory.release(pointer);
    this.#pointer = null;
    this.#view = null;
  }

  /** What brings the numbers back. */
  #source(): Refill {
    if (this.#refill === null) throw new Error("the block has been released");
    return this.#refill;
  }
}

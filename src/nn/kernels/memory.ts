/**
 * An allocator over one WebAssembly.Memory, kept on the JavaScript side so that the kernels never allocate.
 *
 *   byte 0        1 KiB            32 KiB                  64 KiB
 *   | never used  | argument frame | thread pool's control | blocks ...                     | end, grows |
 *
 * Two-level segregated fit (Masmano et al. 2004): free ranges lie in bins by size, four bins to a doubling; a request
 * takes the lowest range that fits from its own bin or a higher one, splits it, and a released range
 * melts together with free neighbours. Programs that repeat themselves, one image after another, so reuse the same
 * ranges and the memory stays flat. Growing the memory never moves a block; only views of the old buffer die.
 */

/** Where kernel arguments are written, and how many bytes they may take. */
export const argumentFrame = { pointer: 1024, bytes: 31 * 1024 } as const;
/** Bytes that belong to the thread pool. */
export const poolControl = { pointer: 32 * 1024, bytes: 32 * 1024 } as const;

const firstBlock = 64 * 1024;
const pageBytes = 64 * 1024;
const mostRoomBytes = 640 * 1024 * 1024;
const maximumPages = 65536; // 4 GiB, all that a 32-bit pointer reaches
const alignment = 64; // one cache line, and what aligned vector code wants
const minimumGrowthBytes = 4 * 1024 * 1024;

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly #live = new Map<number, number>(); // start -> bytes
  readonly #free = new Map<number, number>(); // start -> bytes
  readonly #freeByEnd = new Map<number, number>(); // end -> start
  readonly #bins: Set<number>[] = Array.from({ length: 4 * 33 }, () => new Set<number>());
  #usedBytes = 0;
  #peakBytes = 0;

  /** `shared` makes the memory visible to several instances of the module, in several threads. */
  constructor({ shared = false }: { readonly shared?: boolean } = {}) {
    this.memory = new WebAssembly.Memory({ initial: 16, maximum: maximumPages, shared });
    this.#addFree(firstBlock, this.memory.buffer.byteLength - firstBlock);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Size of the whole memory. */
  get reservedBytes(): number {
    return this.memory.buffer.byteLength;
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
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    // What is made from a block at the end comes below it, twice as large.
    const from = this.#find(fromEnd ? 3 * size : size, fromEnd) ?? this.#grow(size, fromEnd);
    const range = this.#free.get(from)!;
    this.#removeFree(from);
    const start = fromEnd ? from + range - size : from;
    if (range > size) this.#addFree(fromEnd ? from : start + size, range - size);
    this.#live.set(start, size);
    this.#usedBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return start;
  }

  /** Gives back what `allocate` returned. Throws RangeError if it is not a live block. */
  release(start: number): void {
    const size = this.#live.get(start);
    if (size === undefined) {
      throw new RangeError(`release: no live block starts at byte ${start}; was it released twice?`);
    }
    this.#live.delete(start);
    this.#usedBytes -= size;
    let from = start;
    let to = start + size;
    const before = this.#freeByEnd.get(from);
    if (before !== undefined) {
      this.#removeFree(before);
      from = before;
    }
    const after = this.#free.get(to);
    if (after !== undefined) {
      this.#removeFree(to);
      to += after;
    }
    this.#addFree(from, to - from);
  }

  /**
   * The lowest (highest) free range of at least `size` bytes, or undefined. Taking an outermost one keeps the middle of the memory
   * in one piece, and makes a program that repeats itself touch the same pages every time.
   */
  #find(size: number, highest: boolean): number | undefined {
    let found: number | undefined;
    for (let bin = binOf(size); bin < this.#bins.length; bin++) {
      if (this.#bins[bin].size === 0) continue;
      for (const start of this.#bins[bin]) {
        const better = found === undefined || (highest ? start > found : start < found);
        if (better && this.#free.get(start)! >= size) found = start;
      }
    }
    return found;
  }

  /**
   * Enlarges the memory until its last free range holds `size` bytes, and with `fromEnd` some generations of successors below,
   * if it can; returns that range. Pages that nobody touches cost nothing.
   */
  #grow(size: number, fromEnd: boolean): number {
    const end = this.memory.buffer.byteLength;
    const tail = this.#freeByEnd.get(end);
    const missing = size - (tail === undefined ? 0 : end - tail);
    // An eighth of slack keeps the number of growths logarithmic; near the limit only what is missing.
    const room = fromEnd ? Math.min(8 * size, mostRoomBytes) : 0;
    const wanted = Math.max(missing, minimumGrowthBytes, Math.floor(end / 8), room);
    if (!this.#tryGrow(wanted) && !this.#tryGrow(missing)) {
      throw new RangeError(
        `allocate: no room for ${size} bytes; ${this.#usedBytes} of ${end} bytes are in use and the memory cannot grow ` +
          `by ${missing} (the limit is ${maximumPages * pageBytes}); release tensors or use a smaller batch`,
      );
    }
    const from = tail ?? end;
    if (tail !== undefined) this.#removeFree(tail);
    this.#addFree(from, this.memory.buffer.byteLength - from);
    return from;
  }

  #tryGrow(bytes: number): boolean {
    const pages = Math.ceil(bytes / pageBytes);
    if (this.memory.buffer.byteLength / pageBytes + pages > maximumPages) return false;
    try {
      this.memory.grow(pages);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #addFree(start: number, size: number): void {
    this.#free.set(start, size);
    this.#freeByEnd.set(start + size, start);
    this.#bins[binOf(size)].add(start);
  }

  #removeFree(start: number): void {
    const size = this.#free.get(start)!;
    this.#free.delete(start);
    this.#freeByEnd.delete(start + size);
    this.#bins[binOf(size)].delete(start);
  }
}

/** Bin of a size: four per doubling, so that a range of a higher bin always fits. */
function binOf(size: number): number {
  if (size > 0xffffffff) return 4 * 32; // larger than any range
  const log = 31 - Math.clz32(size);
  const quarter = (size >>> (log - 2)) & 3;
  return log * 4 + quarter;
}

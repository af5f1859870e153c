/**
 * A pool of threads, the part that every thread runs. Each has its own instance of the same module over one shared memory;
 * a task is a name, an argument pointer and a number of chunks. Every thread is given a run of chunks that follow each other, and
 * who has done with its own helps the others: so a thread mostly reads what it has written itself, and none is idle.
 *
 * The calling thread hands tasks out into a ring. One task at a time is at work; the thread that ends its last chunk begins the
 * next one. The pool lives in a few words of the shared memory (`poolControl` of memory.ts):
 *
 *   busy        1 while a task is at work, or a thread that holds the pool is about to begin one
 *   posted, begun   how many tasks were handed out, and begun; the caller alone writes the first, who holds the pool the other
 *   turn        counts what a sleeping thread may wait for: a task that begins, the pool that is free
 *   sleeping    how many threads sleep on `turn`, or are about to
 *   failed      of a task with a chunk that threw, 1 + its kernel
 *   total, kernel, args   of the task at work: how many chunks, of which export, with which arguments
 *   done        its chunks that have ended
 *
 * then, in a cache line of its own for each thread, its run:
 *
 *   remaining   chunks that nobody has taken. A thread takes one by compare-and-exchange, so that whoever succeeds holds a
 *               chunk of the task at work, whose other words cannot change before that chunk is done
 *   end         the run ends before this chunk: chunk index = end - remaining before it was taken
 *
 * then the ring, of kernel, args and total of each task that has not begun.
 *
 * Idle threads look for work a while before they sleep: waking up takes longer than most kernels. A page's main thread may not sleep
 * and goes on looking. Chunks write disjoint outputs and no sum crosses chunks (engine.ts), so results do not depend on who took what.
 *
 * This file imports nothing: with worker.ts it becomes the script that threads are started with (scripts/build/wasm.mjs).
 */

type ChunkFunction = (args: number, chunk: number, worker: number) => void;

export const word = {
  ...{ busy: 0, posted: 1, begun: 2, turn: 3, sleeping: 4, failed: 5 },
  ...{ total: 6, kernel: 7, args: 8, done: 9 },
} as const;

/** Of a run. */
const run = { remaining: 0, end: 1 } as const;

const lineWords = 16;

/** Tasks that can wait for their turn. */
const ringTasks = 64;

const runOf = (thread: number): number => lineWords * (1 + thread);

/** Where the task with this number is in the ring. */
const taskOf = (threads: number, number: number): number => runOf(threads) + 3 * (number & (ringTasks - 1));

/** How often a thread looks before it sleeps: about 0.1 ms, longer than the gap between two kernels of a training step. */
const looks = 10000;

/** What a thread is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Where the words of the pool begin in the memory. */
  readonly control: number;
  /** 1, 2, ...; the calling thread is 0. */
  readonly worker: number;
  /** How many there are, with the calling one. */
  readonly threads: number;
}

/** Of one thread: what it needs to take part. */
export interface Member {
  readonly words: Int32Array;
  readonly kernels: readonly ChunkFunction[];
  readonly worker: number;
  readonly threads: number;
  /** Whether it may sleep. */
  readonly maySleep: boolean;
}

/** The words of the pool. A shared buffer that grows keeps old views valid. */
export function poolWords(memory: WebAssembly.Memory, control: number, threads: number): Int32Array {
  return new Int32Array(memory.buffer, control, taskOf(threads, ringTasks - 1) + 3);
}

/** The chunk functions in an order on which all instances of a module agree. */
export function kernelList(exports: WebAssembly.Exports): ChunkFunction[] {
  return Object.keys(exports)
    .sort()
    .map((name) => exports[name] as ChunkFunction);
}

/** Hands a task out. The calling thread alone does, when fewer than `ringTasks` wait. */
export function post(words: Int32Array, threads: number, kernel: number, args: number, chunks: number): void {
  const number = words[word.posted];
  const at = taskOf(threads, number);
  words[at] = kernel;
  words[at + 1] = args;
  words[at + 2] = chunks;
  Atomics.store(words, word.posted, number + 1);
  if (Atomics.compareExchange(words, word.busy, 0, 1) === 0) beginNext(words, threads);
}

/** How many tasks wait for their turn. */
export function waiting(words: Int32Array): number {
  return (words[word.posted] - Atomics.load(words, word.begun)) | 0;
}

/** Whether all tasks that were handed out have ended, when the calling thread asks. First that all have begun: then none can begin. */
export function isFree(words: Int32Array): boolean {
  return waiting(words) === 0 && Atomics.load(words, word.busy) === 0;
}

/** Begins the next task, or frees the pool where there is none: for the thread that holds it, when no chunk is left. */
function beginNext(words: Int32Array, threads: number): void {
  for (;;) {
    const number = words[word.begun];
    if (number !== Atomics.load(words, word.posted)) {
      begin(words, threads, number);
      return;
    }
    Atomics.store(words, word.busy, 0);
    tell(words);
    // One may have been handed out meanwhile by a caller who saw the pool busy.
    if (Atomics.load(words, word.posted) === number || Atomics.compareExchange(words, word.busy, 0, 1) !== 0) return;
  }
}

function begin(words: Int32Array, threads: number, number: number): void {
  const task = taskOf(threads, number);
  const chunks = words[task + 2];
  words[word.kernel] = words[task];
  words[word.args] = words[task + 1];
  Atomics.store(words, word.total, chunks);
  Atomics.store(words, word.done, 0);
  Atomics.store(words, word.begun, number + 1);
  for (let thread = threads - 1; thread >= 0; thread--) {
    const end = Math.floor(((thread + 1) * chunks) / threads);
    const length = end - Math.floor((thread * chunks) / threads);
    // Nothing is written that holds no chunk: with the last one given away, the task may end, and another may have begun.
    if (length === 0) continue;
    words[runOf(thread) + run.end] = end;
    Atomics.store(words, runOf(thread) + run.remaining, length);
  }
  tell(words);
}

function tell(words: Int32Array): void {
  Atomics.add(words, word.turn, 1);
  if (Atomics.load(words, word.sleeping) > 0) Atomics.notify(words, word.turn);
}

/** Takes part in tasks until `enough`; looks for work while there is none, then sleeps until somebody tells. */
export function takePart(member: Member, enough: () => boolean): void {
  const { words, maySleep } = member;
  for (let looked = 0; !enough(); ) {
    const turn = Atomics.load(words, word.turn);
    if (takeChunks(member)) {
      looked = 0;
    } else if (++looked > looks && maySleep) {
      Atomics.add(words, word.sleeping, 1);
      if (!enough()) Atomics.wait(words, word.turn, turn);
      Atomics.sub(words, word.sleeping, 1);
      looked = 0;
    }
  }
}

/** Takes and runs chunks of the task at work until none is left, those of the thread's own run first; returns whether there were any. */
function takeChunks({ words, kernels, worker, threads }: Member): boolean {
  let took = false;
  for (let other = 0; other < threads; ) {
    const at = runOf((worker + other) % threads);
    const remaining = Atomics.load(words, at + run.remaining);
    if (remaining === 0) {
      other++;
      continue;
    }
    if (Atomics.compareExchange(words, at + run.remaining, remaining, remaining - 1) !== remaining) continue;
    took = true;
    const total = Atomics.load(words, word.total);
    try {
      kernels[words[word.kernel]](words[word.args] >>> 0, words[at + run.end] - remaining, worker);
    } catch {
      Atomics.store(words, word.failed, 1 + words[word.kernel]);
    }
    if (Atomics.add(words, word.done, 1) + 1 === total) {
      beginNext(words, threads);
      return true;
    }
  }
  return took;
}

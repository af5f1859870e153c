/**
 * The memory of tensors: who owns it, in which layout the numbers lie, and what scopes and autograd note beside them. All of it
 * is behind `Tensor.internals`, for the operations, layers and kernels of this library.
 */
import { activeKernels, heapBlock } from "./backend.js";
import type { Block, Kernels, Refill } from "./kernels/types.js";
import { formatShape, type Shape } from "./shape.js";

/** Memory shared by a tensor and its reshapes; `owner` is null on the JavaScript heap. */
export interface Storage {
  block: Block;
  owner: Kernels | null;
  references: number;
}

/** Numbers in a layout that only its kernels understand; `toDense` converts on demand. */
export interface PrivateLayout {
  readonly block: Block;
  toDense(): Block;
  release(): void;
}

/** One call of `scope` as it runs. */
export interface Scope<T> {
  /** All that was made in it or came out of scopes within; those that name another scope by now, or none, are gone. */
  readonly tensors: T[];
}

/** What autograd remembers of the operation that made a tensor; see autograd/record.ts. */
export interface GraphNode<T> {
  readonly id: number;
  /** The inputs: the way back leads to them. */
  readonly keeps: readonly T[];
  /** Those whose numbers the way back reads. */
  readonly reads: readonly T[];
  /** Whether it reads the numbers of the result. */
  readonly readsResult: boolean;
}

/** All of a tensor (of type T) that its users do not see. */
export class TensorInternals<T> {
  /** Set by autograd on the result of a recorded operation. */
  node: GraphNode<T> | null = null;
  /** Set by `lastUse`: the kernel that reads it next may take its memory. */
  expendable = false;
  #version = 0;
  /** The scope that will free it; null for parameters, on the JavaScript heap, and once it is freed. */
  scope: Scope<T> | null = null;
  readonly #shape: Shape;
  #storage: Storage | null;
  #layout: PrivateLayout | null;

  constructor(shape: Shape, storage: Storage | null, layout: PrivateLayout | null = null) {
    this.#shape = shape;
    this.#storage = storage;
    this.#layout = layout;
  }

  /** Counts the in-place updates of a parameter, so that prepared forms of it can be dropped. */
  get version(): number {
    return this.#version;
  }

  /** For parameters: the numbers have been overwritten. */
  changed(): void {
    this.#version++;
    this.#storage?.owner?.captures?.clear();
  }

  /** The numbers, dense and row-major (converted from a private layout at the first call). */
  get block(): Block {
    return this.storage.block;
  }

  /** The numbers, to be read at once and not written: they may be a copy of what is not in memory. */
  get numbers(): Float32Array | Float64Array {
    const { block } = this.storage;
    return block.numbers ?? block.data;
  }

  /** Whether the numbers are float64, as under the reference kernels, or float32. */
  get isFloat64(): boolean {
    const { block, owner } = this.storage;
    return owner === null ? block.data instanceof Float64Array : owner.precision === "float64";
  }

  /** The memory, which may be shared with others. */
  get storage(): Storage {
    if (this.#storage === null) {
      if (this.#layout === null)
        throw new Error(`Tensor ${formatShape(this.#shape)}: used after its scope ended, or after it was disposed of`);
      this.#storage = { block: this.#layout.toDense(), owner: activeKernels(), references: 1 };
    }
    return this.#storage;
  }

  /** The private layout, while there is one. */
  get privateLayout(): PrivateLayout | null {
    return this.#layout;
  }

  /** Whether the numbers are in the memory of the kernels in use. */
  get isResident(): boolean {
    return this.storage.owner === activeKernels();
  }

  /** Forgets the private layout, whose memory now belongs to a kernel's result. */
  surrender(): void {
    this.#layout = null;
  }

  /** Gives the memory back. */
  release(): void {
    if (this.#storage !== null) dropReference(this.#storage);
    this.#layout?.release();
    this.#storage = null;
    this.#layout = null;
    this.node = null;
    this.scope = null;
  }

  /** Gives the memory back and stays in the graph, whose way back does not read the numbers. */
  forget(): void {
    const { node, scope } = this;
    this.release();
    this.node = node;
    this.scope = scope;
  }

  /** Moves the numbers, if there are any, to the JavaScript heap. */
  moveToHeap(): void {
    if (this.#storage === null && this.#layout === null) return;
    const data = this.numbers;
    const copy = data instanceof Float64Array ? new Float64Array(data) : new Float32Array(data);
    const node = this.node;
    this.release();
    this.node = node;
    this.#storage = heapStorage(copy);
  }
}

/** On the JavaScript heap. */
export function heapStorage(data: Float32Array | Float64Array): Storage {
  return { block: heapBlock(data), owner: null, references: 1 };
}

/** In the memory of the kernels in use, with undefined contents. */
export function kernelStorage(length: number): Storage {
  const kernels = activeKernels();
  return { block: kernels.allocate(length), owner: kernels, references: 1 };
}

/** In the memory of the kernels in use until `dropReference`, wherever the kernels move; `fill` writes the contents. */
export function permanentStorage(length: number, fill: (data: Float32Array | Float64Array) => void): Storage {
  const storage = kernelStorage(length);
  try {
    fill(storage.block.data);
  } catch (error) {
    dropReference(storage);
    throw error;
  }
  permanent.add(storage);
  return storage;
}

/** Permanent storage of numbers that kernels may leave where they come from: they are read when they are first wanted, or fetched. */
export function borrowedStorage(length: number, refill: Refill): Storage {
  const owner = activeKernels();
  const block = owner.borrow?.(length, refill) ?? null;
  if (block === null) return permanentStorage(length, (data) => refill.fill(data));
  const storage = { block, owner, references: 1 };
  permanent.add(storage);
  return storage;
}

export function dropReference(storage: Storage): void {
  storage.references--;
  if (storage.references > 0 || storage.owner === null) return;
  if (permanent.delete(storage)) storage.owner.captures?.clear();
  storage.owner.release(storage.block);
}

/** The memory of parameters and optimiser state, which belongs to no scope. */
const permanent = new Set<Storage>();

/**
 * For a change of kernels: moves parameters and optimiser state from the memory of one to that of others, which compute in
 * their own precision.
 *
 * @throws RangeError when they do not fit; then nothing has been moved
 */
export function moveParameters(from: Kernels, to: Kernels): void {
  const moving = [...permanent].filter(({ owner }) => owner === from);
  const blocks: Block[] = [];
  try {
    for (const { block } of moving) blocks.push(copyOf(block, to));
  } catch (error) {
    for (const block of blocks) to.release(block);
    throw error;
  }
  from.captures?.clear();
  for (const [index, storage] of moving.entries()) {
    from.release(storage.block);
    storage.block = blocks[index];
    storage.owner = to;
  }
}

/** The same numbers in the memory of other kernels; what is away stays away. */
function copyOf(block: Block, to: Kernels): Block {
  const borrowed = block.refill ? to.borrow?.(block.length, block.refill) : null;
  if (borrowed && block.isAway) return borrowed;
  const copy = borrowed ?? to.allocate(block.length);
  const numbers = block.numbers ?? block.data;
  if (borrowed) copy.fetch?.(numbers);
  else copy.data.set(numbers);
  return copy;
}

/**
 * Tensors and the scopes that own their memory.
 *
 * A tensor made inside a `scope` lives in the linear memory of the kernels and is freed when the scope ends, unless
 * the scope returns it. What leaves the outermost scope is moved to the JavaScript heap, where the garbage collector
 * owns it. Parameters are persistent: they stay in linear memory, outside every scope, until they are collected.
 * `tests/nn/memory.test.ts` holds all of this to account.
 */
import { activeKernels, hasKernels, heapBlock } from "./backend.js";
import type { Block, Kernels } from "./kernels/types.js";
import { assertShape, checkShape, formatShape, type Shape, sizeOf } from "./shape.js";

/** Memory shared by a tensor and its reshapes; `owner` is null on the JavaScript heap. */
interface Storage {
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
export interface Scope {
  /** All that was made in it or came out of scopes within; those that name another scope by now, or none, are gone. */
  readonly tensors: Tensor[];
}

/** What autograd remembers of the operation that made a tensor; see record.ts. */
export interface GraphNode {
  readonly id: number;
  /** Tensors the node keeps alive: inputs, and what its gradient needs. */
  readonly keeps: readonly Tensor[];
}

export class Tensor {
  readonly shape: Shape;
  /** The number of elements. */
  readonly size: number;
  /** Set by autograd on the result of a recorded operation. */
  node: GraphNode | null = null;
  /** True for parameters and for everything computed from them while recording. */
  requiresGrad = false;
  /** Set by `lastUse`: the kernel that reads it next may take its memory. */
  expendable = false;
  /** Counts the in-place updates of a parameter, so that prepared forms of it can be dropped. */
  version = 0;
  /** The scope that will free it; null for parameters, on the JavaScript heap, and once it is freed. */
  scope: Scope | null = null;
  #storage: Storage | null;
  #private: PrivateLayout | null = null;

  private constructor(shape: Shape, storage: Storage | null) {
    this.shape = shape;
    this.size = sizeOf(shape);
    this.#storage = storage;
  }

  /**
   * A tensor over a copy of `data`, row-major.
   *
   * @param data numbers; stored as float32, or as float64 under the reference kernels
   * @param shape extents whose product is `data.length`
   * @throws RangeError when the sizes do not fit
   * @example
   * const w = Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]);
   */
  static from(data: ArrayLike<number>, shape: Shape = [data.length]): Tensor {
    checkShape("Tensor.from", shape);
    if (data.length !== sizeOf(shape)) {
      throw new RangeError(
        `Tensor.from: shape ${formatShape(shape)} holds ${sizeOf(shape)} elements, got ${data.length}`,
      );
    }
    if (current !== null) {
      const tensor = Tensor.allocate(shape);
      tensor.block.data.set(data);
      return tensor;
    }
    const double = hasKernels() ? activeKernels().precision === "float64" : data instanceof Float64Array;
    return Tensor.onHeap(double ? new Float64Array(data) : new Float32Array(data), shape);
  }

  /** A tensor of zeros. */
  static zeros(shape: Shape): Tensor {
    return Tensor.from(new Float32Array(sizeOf(shape)), shape);
  }

  /** A tensor of the current scope whose contents `fill` writes in their place. */
  static filled(shape: Shape, fill: (data: Float32Array | Float64Array) => void): Tensor {
    checkShape("Tensor.filled", shape);
    return inScope(() => {
      const tensor = Tensor.allocate(shape);
      fill(tensor.block.data);
      return tensor;
    });
  }

  private static onHeap(data: Float32Array | Float64Array, shape: Shape): Tensor {
    return new Tensor(frozen(shape), { block: heapBlock(data), owner: null, references: 1 });
  }

  /** For operations: a tensor of the current scope with undefined contents. */
  static allocate(shape: Shape): Tensor {
    const kernels = activeKernels();
    const storage = { block: kernels.allocate(sizeOf(shape)), owner: kernels, references: 1 };
    return track(new Tensor(frozen(shape), storage));
  }

  /** For fast paths: a tensor of the current scope over a block of the kernels in use, which it now owns. */
  static adopt(shape: Shape, block: Block): Tensor {
    return track(new Tensor(frozen(shape), { block, owner: activeKernels(), references: 1 }));
  }

  /** For parameters and optimiser state: `fill` writes the contents; the memory is freed by the garbage collector. */
  static persistent(shape: Shape, fill: (data: Float32Array | Float64Array) => void): Tensor {
    checkShape("Tensor.persistent", shape);
    const kernels = activeKernels();
    const storage = { block: kernels.allocate(sizeOf(shape)), owner: kernels, references: 1 };
    try {
      fill(storage.block.data);
    } catch (error) {
      dropReference(storage);
      throw error;
    }
    const tensor = new Tensor(frozen(shape), storage);
    persistent.add(storage);
    collected.register(tensor, storage, tensor);
    return tensor;
  }

  /** For lists of parameters: a shape without memory. Reading its numbers is an error. */
  static withoutMemory(shape: Shape): Tensor {
    checkShape("Tensor.withoutMemory", shape);
    return new Tensor(frozen(shape), null);
  }

  /** For fast paths: a tensor of the current scope whose numbers are in a private layout. */
  static fromPrivateLayout(shape: Shape, layout: PrivateLayout): Tensor {
    const tensor = new Tensor(frozen(shape), null);
    tensor.#private = layout;
    return track(tensor);
  }

  /** For operations: the numbers, dense and row-major (converted from a private layout at the first call). */
  get block(): Block {
    if (this.#storage === null) {
      if (this.#private === null)
        throw new Error(`Tensor ${formatShape(this.shape)}: used after its scope ended, or after it was disposed of`);
      this.#storage = { block: this.#private.toDense(), owner: activeKernels(), references: 1 };
    }
    return this.#storage.block;
  }

  /** For fast paths: the private layout, while there is one. */
  get privateLayout(): PrivateLayout | null {
    return this.#private;
  }

  /** For fast paths: whether the numbers are in the memory of the kernels in use. */
  get isResident(): boolean {
    void this.block;
    return this.#storage!.owner === activeKernels();
  }

  /** A copy of the elements, row-major, as float32. */
  toArray(): Float32Array {
    return new Float32Array(this.block.data);
  }

  /** A copy of the elements, row-major, in full precision (float64 under the reference kernels). */
  toFloat64Array(): Float64Array {
    return new Float64Array(this.block.data);
  }

  /** The only element. Throws RangeError when there is not exactly one. */
  item(): number {
    if (this.size !== 1) throw new RangeError(`Tensor.item: needs exactly one element, got ${formatShape(this.shape)}`);
    return this.block.data[0];
  }

  /** The same numbers, cut off from the graph: no gradient flows through. */
  detach(): Tensor {
    return this.alias(this.shape);
  }

  /** For reshape: a tensor over the same memory. */
  alias(shape: Shape): Tensor {
    checkShape("reshape", shape);
    assertShape("reshape", "the number of elements", [sizeOf(shape)], [this.size]);
    void this.block;
    const storage = this.#storage!;
    storage.references++;
    const tensor = new Tensor(frozen(shape), storage);
    if (storage.owner !== null) {
      if (current !== null) track(tensor);
      else collected.register(tensor, storage, tensor);
    }
    return tensor;
  }

  /** For parameters: overwrites the contents in place. */
  update(write: (block: Block) => void): void {
    write(this.block);
    this.version++;
  }

  /** For fast paths: forgets the private layout, whose memory now belongs to a kernel's result. */
  surrender(): void {
    this.#private = null;
  }

  /** For scopes: gives the memory back. */
  release(): void {
    if (this.#storage !== null) dropReference(this.#storage);
    this.#private?.release();
    this.#storage = null;
    this.#private = null;
    this.node = null;
    this.scope = null;
  }

  /** For networks that are done with: gives the memory of a parameter back now, before the garbage collector would. */
  dispose(): void {
    collected.unregister(this);
    this.release();
  }

  /** For scopes: moves the numbers to the JavaScript heap. */
  moveToHeap(): void {
    const data = this.block.data;
    const copy = data instanceof Float64Array ? new Float64Array(data) : new Float32Array(data);
    const node = this.node;
    this.release();
    this.node = node;
    this.#storage = { block: heapBlock(copy), owner: null, references: 1 };
  }
}

function dropReference(storage: Storage): void {
  storage.references--;
  if (storage.references > 0 || storage.owner === null) return;
  persistent.delete(storage);
  storage.owner.release(storage.block);
}

const collected = new FinalizationRegistry<Storage>(dropReference);

/** The memory of parameters and optimiser state, which belongs to no scope. */
const persistent = new Set<Storage>();

/**
 * For a change of kernels: moves parameters and optimiser state from the memory of one to that of others, which compute in
 * their own precision.
 *
 * @throws RangeError when they do not fit; then nothing has been moved
 */
export function moveParameters(from: Kernels, to: Kernels): void {
  const moving = [...persistent].filter(({ owner }) => owner === from);
  const blocks: Block[] = [];
  try {
    for (const { block } of moving) blocks.push(to.allocate(block.length));
  } catch (error) {
    for (const block of blocks) to.release(block);
    throw error;
  }
  for (const [index, storage] of moving.entries()) {
    blocks[index].data.set(storage.block.data);
    from.release(storage.block);
    storage.block = blocks[index];
    storage.owner = to;
  }
}

let current: Scope | null = null;

/** Puts a tensor into a scope. */
function track(tensor: Tensor, scope = current): Tensor {
  if (scope === null) throw new Error("Tensor: operations must run inside a scope; use `inScope`");
  scope.tensors.push(tensor);
  tensor.scope = scope;
  return tensor;
}

/** A copy that nobody can change; a shape that is one already serves any number of tensors. */
function frozen(shape: Shape): Shape {
  return Object.isFrozen(shape) ? shape : Object.freeze([...shape]);
}

/** Adds the tensors in what a scope may return: tensors, plain values, and arrays, maps or plain objects of them. */
function collectTensors(value: unknown, into: Tensor[]): Tensor[] {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
    for (const item of value instanceof Map ? value.values() : value) collectTensors(item, into);
  } else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collectTensors(item, into);
  }
  return into;
}

/**
 * Takes out of a scope its tensors in a value, and all that their gradients still need. What an older tensor keeps is older still,
 * so the search ends at tensors of other scopes.
 */
function takeNeeded(value: unknown, scope: Scope): Tensor[] {
  const taken: Tensor[] = [];
  if (scope.tensors.length === 0) return taken;
  const waiting = collectTensors(value, []);
  for (let tensor = waiting.pop(); tensor !== undefined; tensor = waiting.pop()) {
    if (tensor.scope !== scope) continue;
    tensor.scope = null;
    taken.push(tensor);
    if (tensor.node !== null) for (const kept of tensor.node.keeps) waiting.push(kept);
  }
  return taken;
}

/**
 * Runs `body` and frees every tensor made inside but those it returns (alone, or in arrays, maps and plain objects),
 * and those that the gradients of the returned ones need.
 *
 * @throws TypeError when `body` is asynchronous: memory is freed when it returns
 * @example
 * const pixels = scope(() => gEma.forward(z, null).toArray());
 */
export function scope<T>(body: () => T): T {
  const parent = current;
  const own: Scope = { tensors: [] };
  let kept: Tensor[] = [];
  current = own;
  try {
    const result = body();
    if (result instanceof Promise) throw new TypeError("scope: the body must be synchronous, got a Promise");
    kept = takeNeeded(result, own);
    return result;
  } finally {
    current = parent;
    for (const tensor of own.tensors) if (tensor.scope === own) tensor.release();
    for (const tensor of kept) {
      if (parent === null) tensor.moveToHeap();
      else track(tensor, parent);
    }
  }
}

/** For operations: runs `body` in the current scope, or in one of its own where there is none. */
export function inScope<T>(body: () => T): T {
  return current === null ? scope(body) : body();
}

/** For autograd: frees a tensor before its scope ends. Tensors of other scopes and parameters are left alone. */
export function releaseEarly(tensor: Tensor): void {
  if (tensor.scope !== null && tensor.scope === current) tensor.release();
}

/**
 * Says that nothing reads x after the operation it is passed to, which may then write its result over x. A hint: it
 * changes how much memory large images need, never a result.
 */
export function lastUse(x: Tensor): Tensor {
  x.expendable = true;
  return x;
}

/**
 * Folds `step` over `items`, freeing each intermediate state as soon as the next one exists (unless gradients need
 * it): a deep network holds the activations of one block at a time.
 */
export function chain<T, S>(items: readonly T[], start: S, step: (state: S, item: T) => S): S {
  return items.reduce((state, item) => {
    const next = scope(() => step(state, item));
    releaseUnneeded(state, [start, next]);
    return next;
  }, start);
}

/** Frees the tensors of `state` that are neither among those of `used` nor needed by their gradients. */
function releaseUnneeded(state: unknown, used: unknown): void {
  const scope = current;
  if (scope === null) return;
  // A recorded tensor stays: what was made of it may need its gradient.
  const candidates = collectTensors(state, []).filter((tensor) => tensor.scope === scope && tensor.node === null);
  if (candidates.length === 0) return;
  const needed = takeNeeded(used, scope);
  for (const tensor of candidates) releaseEarly(tensor);
  for (const tensor of needed) tensor.scope = scope;
}

/**
 * Tensors and the scopes that own their memory.
 *
 * A tensor made inside a `scope` lives in the linear memory of the kernels and is freed when the scope ends, unless
 * the scope returns it. What leaves the outermost scope is moved to the JavaScript heap, where the garbage collector
 * owns it. Parameters are persistent: they stay in linear memory, outside every scope, until they are collected.
 * `tests/nn/memory.test.ts` holds all of this to account.
 */
import { activeKernels, hasKernels } from "./backend.js";
import type { Block, Refill } from "./kernels/types.js";
import { assertShape, checkShape, formatShape, type Shape, sizeOf } from "./shape.js";
import {
  borrowedStorage,
  dropReference,
  heapStorage,
  kernelStorage,
  type PrivateLayout,
  permanentStorage,
  type Scope,
  type Storage,
  TensorInternals,
} from "./storage.js";

export class Tensor {
  readonly shape: Shape;
  /** The number of elements. */
  readonly size: number;
  /** True for parameters and for everything computed from them while recording. */
  requiresGrad = false;
  /**
   * Memory, layout, scope and graph: for the operations of this library alone.
   *
   * @internal
   */
  readonly internals: TensorInternals<Tensor>;

  /** For the functions below: make a tensor with `Tensor.from`. */
  constructor(shape: Shape, storage: Storage | null, layout: PrivateLayout | null = null) {
    this.shape = Object.isFrozen(shape) ? shape : Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.internals = new TensorInternals(this.shape, storage, layout);
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
      const tensor = allocateTensor(shape);
      tensor.internals.block.data.set(data);
      return tensor;
    }
    const double = hasKernels() ? activeKernels().precision === "float64" : data instanceof Float64Array;
    return new Tensor(shape, heapStorage(double ? new Float64Array(data) : new Float32Array(data)));
  }

  /** A tensor of zeros. */
  static zeros(shape: Shape): Tensor {
    return Tensor.from(new Float32Array(sizeOf(shape)), shape);
  }

  /** A tensor of the current scope whose contents `fill` writes in their place. */
  static filled(shape: Shape, fill: (data: Float32Array | Float64Array) => void): Tensor {
    checkShape("Tensor.filled", shape);
    return inScope(() => {
      const tensor = allocateTensor(shape);
      fill(tensor.internals.block.data);
      return tensor;
    });
  }

  /** For parameters: a tensor outside of every scope, freed by the garbage collector; `fill` writes its contents. */
  static persistent(shape: Shape, fill: (data: Float32Array | Float64Array) => void): Tensor {
    return persistentTensor(shape, fill);
  }

  /** A copy of the elements, row-major, as float32. */
  toArray(): Float32Array {
    return new Float32Array(this.internals.numbers);
  }

  /** A copy of the elements, row-major, in full precision (float64 under the reference kernels). */
  toFloat64Array(): Float64Array {
    return new Float64Array(this.internals.numbers);
  }

  /** The only element. Throws RangeError when there is not exactly one. */
  item(): number {
    if (this.size !== 1) throw new RangeError(`Tensor.item: needs exactly one element, got ${formatShape(this.shape)}`);
    return this.internals.numbers[0];
  }

  /** The same numbers, cut off from the graph: no gradient flows through. */
  detach(): Tensor {
    return aliasTensor(this, this.shape);
  }

  /** For parameters: overwrites the contents in place. */
  update(write: (block: Block) => void): void {
    write(this.internals.block);
    this.internals.changed();
  }

  /** For networks that are done with: gives the memory of a parameter back now, before the garbage collector would. */
  dispose(): void {
    collected.unregister(this);
    this.internals.release();
  }
}

const collected = new FinalizationRegistry<Storage>(dropReference);

/** For operations: a tensor of the current scope with undefined contents. */
export function allocateTensor(shape: Shape): Tensor {
  return track(new Tensor(shape, kernelStorage(sizeOf(shape))));
}

/** For kernels: x where its numbers are in the memory of those in use, else a copy that lives as long as the scope. */
export function resident(x: Tensor): Tensor {
  if (x.internals.isResident) return x;
  const copy = allocateTensor(x.shape);
  copy.internals.block.data.set(x.internals.numbers);
  return copy;
}

/** For fused layers: a tensor of the current scope over a block of the kernels in use, which it now owns. */
export function adoptTensor(shape: Shape, block: Block): Tensor {
  return track(new Tensor(shape, { block, owner: activeKernels(), references: 1 }));
}

/** For fused layers: a tensor of the current scope whose numbers are in a private layout. */
export function tensorOfLayout(shape: Shape, layout: PrivateLayout): Tensor {
  return track(new Tensor(shape, null, layout));
}

/**
 * For parameters and optimiser state: `fill` writes the contents; the memory is freed by the garbage collector. With a `Refill` they
 * may be written later, and again.
 */
export function persistentTensor(shape: Shape, fill: ((data: Float32Array | Float64Array) => void) | Refill): Tensor {
  checkShape("persistentTensor", shape);
  const size = sizeOf(shape);
  const storage = typeof fill === "function" ? permanentStorage(size, fill) : borrowedStorage(size, fill);
  const tensor = new Tensor(shape, storage);
  collected.register(tensor, storage, tensor);
  return tensor;
}

/** For lists of parameters: a shape without memory. Reading its numbers is an error. */
export function tensorWithoutMemory(shape: Shape): Tensor {
  checkShape("tensorWithoutMemory", shape);
  return new Tensor(shape, null);
}

/** For reshape: a tensor over the memory of x. */
export function aliasTensor(x: Tensor, shape: Shape): Tensor {
  checkShape("reshape", shape);
  assertShape("reshape", "the number of elements", [sizeOf(shape)], [x.size]);
  const { storage } = x.internals;
  storage.references++;
  const tensor = new Tensor(shape, storage);
  if (storage.owner !== null) {
    if (current !== null) track(tensor);
    else collected.register(tensor, storage, tensor);
  }
  return tensor;
}

let current: Scope<Tensor> | null = null;

/** Puts a tensor into a scope. */
function track(tensor: Tensor, scope = current): Tensor {
  if (scope === null) throw new Error("Tensor: operations must run inside a scope; use `inScope`");
  scope.tensors.push(tensor);
  tensor.internals.scope = scope;
  return tensor;
}

/**
 * Adds the tensors in what a scope may return: tensors, plain values, and arrays, maps or plain objects of them, however
 * deep. Each container is looked into once: one may hold itself.
 */
function collectTensors(value: unknown, into: Tensor[]): Tensor[] {
  if (value instanceof Tensor) into.push(value);
  const first = itemsOf(value);
  if (first === null) return into;
  const seen = new Set<unknown>([value]);
  const waiting = [first];
  for (let items = waiting.pop(); items !== undefined; items = waiting.pop()) {
    for (const item of items) {
      if (item instanceof Tensor) into.push(item);
      const inner = itemsOf(item);
      if (inner === null || seen.has(item)) continue;
      seen.add(item);
      waiting.push(inner);
    }
  }
  return into;
}

/** What a container holds; null for anything else. */
function itemsOf(value: unknown): Iterable<unknown> | null {
  if (value === null || typeof value !== "object") return null;
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return value.values();
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : null;
}

/**
 * Takes out of a scope its tensors in a value, and all that lie on the way of their gradients. What an older tensor keeps is older
 * still, so the search ends at tensors of other scopes. `read`: those in the value, and those whose numbers gradients need.
 */
function takeNeeded(value: unknown, scope: Scope<Tensor>): { taken: Tensor[]; read: ReadonlySet<Tensor> } {
  const taken: Tensor[] = [];
  const read = new Set<Tensor>();
  if (scope.tensors.length === 0) return { taken, read };
  const waiting = collectTensors(value, []);
  for (const tensor of waiting) read.add(tensor);
  for (let tensor = waiting.pop(); tensor !== undefined; tensor = waiting.pop()) {
    if (tensor.internals.scope !== scope) continue;
    tensor.internals.scope = null;
    taken.push(tensor);
    const { node } = tensor.internals;
    if (node === null) continue;
    for (const kept of node.keeps) waiting.push(kept);
    for (const kept of node.reads) read.add(kept);
    if (node.readsResult) read.add(tensor);
  }
  return { taken, read };
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
  const own: Scope<Tensor> = { tensors: [] };
  let kept: Tensor[] = [];
  let read: ReadonlySet<Tensor> = new Set();
  current = own;
  try {
    const result = body();
    if (result instanceof Promise) throw new TypeError("scope: the body must be synchronous, got a Promise");
    ({ taken: kept, read } = takeNeeded(result, own));
    return result;
  } finally {
    current = parent;
    for (const tensor of own.tensors) if (tensor.internals.scope === own) tensor.internals.release();
    for (const tensor of kept) {
      if (!read.has(tensor)) tensor.internals.forget();
      if (parent === null) tensor.internals.moveToHeap();
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
  if (tensor.internals.scope !== null && tensor.internals.scope === current) tensor.internals.release();
}

/** Whether a tensor belongs to the scope that runs, and its memory to it alone. */
export function isUnshared(tensor: Tensor): boolean {
  const { internals } = tensor;
  return internals.scope !== null && internals.scope === current && internals.storage.references === 1;
}

/** For operations that write over an input that nobody reads after them (`lastUse`): a tensor in its place. */
export function inPlaceOf(x: Tensor): Tensor {
  return aliasTensor(x, x.shape);
}

/**
 * Says that nothing reads x after the operation it is passed to, which may then write its result over x. A hint: it
 * changes how much memory large images need, never a result.
 */
export function lastUse(x: Tensor): Tensor {
  x.internals.expendable = true;
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
  // A recorded tensor stays: what was made of it may need its gradient, and who was shown it may go on with it.
  const candidates = collectTensors(state, []).filter(
    (tensor) => tensor.internals.scope === scope && tensor.internals.node === null,
  );
  if (candidates.length === 0) return;
  const { taken } = takeNeeded(used, scope);
  for (const tensor of candidates) releaseEarly(tensor);
  for (const tensor of taken) tensor.internals.scope = scope;
}

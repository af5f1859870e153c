/**
 * Define-by-run automatic differentiation of any order.
 *
 * `defineOp` keeps an operation's forward and its vector-Jacobian products in one object. Each vjp is written with
 * public differentiable operations, so the gradient of a gradient needs no further rules. The engine below knows no
 * operation: it records nodes while gradients are wanted, and walks them backwards in `grad`.
 */

import { assertShape, sameShape } from "../shape.js";
import { type GraphNode, inScope, releaseEarly, scope, Tensor } from "../tensor.js";

/** The tensors an operation takes, by name. */
export type Inputs = Readonly<Record<string, Tensor | null>>;

export interface OpDefinition<I extends Inputs, O> {
  forward(inputs: I, options: O): Tensor;
  /**
   * For each input the product of dy with the Jacobian, with the shape of that input. Every input has a rule, by
   * the type: a missing one does not compile. `null` says that the derivative is zero everywhere. `found` holds the
   * products of the rules before it, where they were wanted, for rules that begin with the same work.
   */
  readonly vjp: {
    readonly [K in keyof I]-?: ((dy: Tensor, inputs: I, options: O, y: Tensor, found: Found<I>) => Tensor) | null;
  };
}

/** Gradients of one pullback by the names of the inputs. */
type Found<I extends Inputs> = { readonly [K in keyof I]?: Tensor };

/** An operation as a function of its named inputs and its options. */
export type Op<I extends Inputs, O> = (inputs: I, options: O) => Tensor;

interface OpNode extends GraphNode {
  readonly name: string;
  readonly inputs: Inputs;
  /** The names of the inputs, in the order of their rules. */
  readonly names: readonly string[];
  /** dy -> gradient of one input, or null where it is zero; `found`: those of the inputs before it. */
  pullback(input: string, dy: Tensor, found: Found<Inputs>): Tensor | null;
}

let recording = true;
let nextId = 1;

/** Whether operations on tensors that require gradients are being recorded. */
export function isRecording(): boolean {
  return recording;
}

/** Whether an operation on these tensors is being recorded: some of them leads to what gradients are wanted of. */
export function isRecorded(inputs: readonly (Tensor | null)[]): boolean {
  return recording && inputs.some((input) => input?.requiresGrad);
}

function withRecording<T>(on: boolean, body: () => T): T {
  const before = recording;
  recording = on;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` without recording: results carry no gradient, and whole layers may run as one kernel.
 *
 * @example
 * const image = noGrad(() => gEma.forward(z, null));
 */
export function noGrad<T>(body: () => T): T {
  return withRecording(false, body);
}

/** An operation with its gradient rules: a function of its named inputs and options. */
export function defineOp<I extends Inputs, O>(name: string, definition: OpDefinition<I, O>): Op<I, O> {
  const names = Object.keys(definition.vjp);
  return (inputs, options) =>
    inScope(() => {
      const y = definition.forward(inputs, options);
      if (!recording) return y;
      const keeps: Tensor[] = [];
      for (const input of names) if (inputs[input] !== null) keeps.push(inputs[input]!);
      if (isRecorded(keeps)) {
        const node: OpNode = {
          id: nextId++,
          name,
          inputs,
          names,
          keeps,
          pullback: (input, dy, found) =>
            definition.vjp[input as keyof I]?.(dy, inputs, options, y, found as Found<I>) ?? null,
        };
        y.node = node;
        y.requiresGrad = true;
      }
      return y;
    });
}

/** Marks a tensor as one to differentiate with respect to. Returns it. */
export function variable(tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  return tensor;
}

export interface GradOptions {
  /** Record the backward pass too, so that its results can be differentiated. Default false. */
  readonly createGraph?: boolean;
  /** dy for each output. Default: ones, and then every output must have one element. */
  readonly gradOutputs?: readonly Tensor[];
}

/**
 * Gradients of sum(outputs . gradOutputs) with respect to `inputs`, in their order; zeros where an input has no
 * influence.
 *
 * @throws RangeError when a given dy has another shape than its output, or an output without one several elements
 * @example
 * const [dx] = grad([sum(square(x))], [x]); // 2 x
 */
export function grad(outputs: readonly Tensor[], inputs: readonly Tensor[], options: GradOptions = {}): Tensor[] {
  const { createGraph = false, gradOutputs } = options;
  if (gradOutputs !== undefined) {
    assertShape("grad", "the number of gradOutputs", [gradOutputs.length], [outputs.length]);
    outputs.forEach(({ shape }, index) => {
      assertShape("grad", `gradOutputs[${index}]`, gradOutputs[index].shape, shape);
    });
  }
  return scope(() =>
    withRecording(createGraph, () => {
      const gradients = new PendingGradients();
      outputs.forEach((output, index) => {
        gradients.add(output, gradOutputs?.[index] ?? unitGradient(output));
      });
      const { order, onPath } = pathsBetween(inputs, outputs);
      const wanted = new Set(inputs);
      for (const tensor of order) {
        const dy = gradients.get(tensor);
        if (dy === undefined) continue;
        const node = tensor.node as OpNode;
        const found: Record<string, Tensor> = {};
        for (const name of node.names) {
          const input = node.inputs[name];
          if (input !== null && onPath.has(input)) pull(node, name, input, dy, found, gradients);
        }
        if (!wanted.has(tensor)) gradients.remove(tensor);
        const spent = gradients.takeSpent();
        if (createGraph) continue;
        for (const gradient of spent) if (!gradOutputs?.includes(gradient)) releaseEarly(gradient);
      }
      return inputs.map((input) => gradients.get(input) ?? zerosLike(input));
    }),
  );
}

/** Pulls dy through one node, onto one of its inputs. */
function pull(
  node: OpNode,
  name: string,
  input: Tensor,
  dy: Tensor,
  found: Record<string, Tensor>,
  gradients: PendingGradients,
): void {
  const dx = scope(() => node.pullback(name, dy, found));
  if (dx === null) return;
  found[name] = dx;
  if (!sameShape(dx.shape, input.shape)) assertShape(`gradient of ${node.name}`, name, dx.shape, input.shape);
  gradients.add(input, dx);
}

/** The gradients known so far, by tensor. One gradient may belong to several: an addition hands dy on as it is. */
class PendingGradients {
  readonly #gradients = new Map<Tensor, Tensor>();
  readonly #owners = new Map<Tensor, number>();
  #spent: Tensor[] = [];

  get(tensor: Tensor): Tensor | undefined {
    return this.#gradients.get(tensor);
  }

  /** Adds dy to the gradient of a tensor. */
  add(tensor: Tensor, dy: Tensor): void {
    const sum = this.#gradients.get(tensor);
    const gradient = sum === undefined ? dy : addGradients(sum, dy);
    this.#gradients.set(tensor, gradient);
    this.#owners.set(gradient, (this.#owners.get(gradient) ?? 0) + 1);
    if (sum === undefined) return;
    this.#disown(sum);
    if (!this.#owners.has(dy)) this.#spent.push(dy);
  }

  remove(tensor: Tensor): void {
    this.#disown(this.#gradients.get(tensor)!);
    this.#gradients.delete(tensor);
  }

  /** The gradients that have belonged to nobody since this was last asked. */
  takeSpent(): readonly Tensor[] {
    if (this.#spent.length === 0) return this.#spent;
    const spent = this.#spent.filter((gradient) => !this.#owners.has(gradient));
    this.#spent = [];
    return spent;
  }

  #disown(gradient: Tensor): void {
    const owners = this.#owners.get(gradient)! - 1;
    if (owners > 0) {
      this.#owners.set(gradient, owners);
      return;
    }
    this.#owners.delete(gradient);
    this.#spent.push(gradient);
  }
}

/** The results of operations that lie between inputs and outputs, later ones first; and every tensor on the way. */
function pathsBetween(inputs: readonly Tensor[], outputs: readonly Tensor[]): { order: Tensor[]; onPath: Set<Tensor> } {
  const recorded = new Set<Tensor>();
  const waiting = [...outputs];
  for (let tensor = waiting.pop(); tensor !== undefined; tensor = waiting.pop()) {
    if (tensor.node === null || recorded.has(tensor)) continue;
    recorded.add(tensor);
    for (const input of tensor.node.keeps) waiting.push(input);
  }
  const oldestFirst = [...recorded].sort((a, b) => a.node!.id - b.node!.id);
  const onPath = new Set(inputs);
  const order = oldestFirst.filter(
    (tensor) => tensor.node!.keeps.some((input) => onPath.has(input)) && onPath.add(tensor),
  );
  return { order: order.reverse(), onPath };
}

/** Set by ops/arith.ts: gradients are summed with the differentiable addition. */
let addGradients: (a: Tensor, b: Tensor) => Tensor = () => {
  throw new Error("autograd: ops/arith.ts is not loaded");
};

export function setGradientAddition(add: (a: Tensor, b: Tensor) => Tensor): void {
  addGradients = add;
}

function unitGradient(output: Tensor): Tensor {
  if (output.size !== 1) {
    throw new RangeError(`grad: an output without a given dy must have one element, got ${output.size}; sum it first`);
  }
  return Tensor.from([1], output.shape);
}

function zerosLike(tensor: Tensor): Tensor {
  return Tensor.zeros(tensor.shape);
}

/**
 * The walk back: gradients of recorded results, and of those gradients again.
 *
 * Nodes are visited from the latest to the earliest. Each pulls the gradient of its result through its rules onto its
 * inputs; what several nodes hand to one tensor is summed with the differentiable addition. With `createGraph` all of
 * this is recorded, too, and can be differentiated.
 */
import { add, addTo } from "../ops/arith.js";
import { assertShape, sameShape } from "../shape.js";
import { isUnshared, releaseEarly, scope, Tensor } from "../tensor.js";
import { type Found, type Inputs, isRecording, type OpNode, withRecording, withSum } from "./record.js";

export interface GradOptions {
  /** Record the backward pass too, so that its results can be differentiated. Default false. */
  readonly createGraph?: boolean;
  /**
   * Keep what was recorded for another walk. Without, the numbers of each recorded result are given up, whoever holds it, as soon as
   * this walk has read them, but for those of the outputs: gradients take their place, and memory stays small. Default true.
   */
  readonly retainGraph?: boolean;
  /** dy for each output. Default: ones, and then every output must have one element. */
  readonly gradOutputs?: readonly Tensor[];
}

/**
 * Gradients of sum(outputs . gradOutputs) with respect to `inputs`, in their order; zeros where an input has no
 * influence.
 *
 * @throws RangeError when a given dy has another shape than its output, or an output without one several elements; for createGraph
 *   without retainGraph
 * @example
 * const [dx] = grad([sum(square(x))], [x]); // 2 x
 */
export function grad(outputs: readonly Tensor[], inputs: readonly Tensor[], options: GradOptions = {}): Tensor[] {
  const { createGraph = false, retainGraph = true, gradOutputs } = options;
  if (createGraph && !retainGraph)
    throw new RangeError("grad: createGraph needs the graph; leave out retainGraph: false");
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
        const node = tensor.internals.node as OpNode;
        // Said anew for each node: one may hand dy on to several.
        dy.internals.expendable = !createGraph && !wanted.has(tensor) && gradients.isOwn(dy);
        pullAll(node, dy, onPath, gradients);
        if (!wanted.has(tensor)) gradients.remove(tensor);
        if (!retainGraph && !wanted.has(tensor) && !outputs.includes(tensor)) giveUp(tensor, gradients);
        const spent = gradients.takeSpent();
        if (createGraph) continue;
        for (const gradient of spent) if (!gradOutputs?.includes(gradient)) releaseEarly(gradient);
      }
      return inputs.map((input) => gradients.get(input) ?? zerosLike(input));
    }),
  );
}

/** What comes before in the graph reads a result no more once its own node has been pulled. A gradient may be that tensor. */
function giveUp(tensor: Tensor, gradients: PendingGradients): void {
  if (tensor.internals.scope !== null && !gradients.isOwned(tensor)) tensor.internals.release();
}

/** Pulls dy through one node, onto those of its inputs that are on the path. */
function pullAll(node: OpNode, dy: Tensor, onPath: ReadonlySet<Tensor>, gradients: PendingGradients): void {
  const { pullback, pullTogether } = node;
  const isWanted = (name: string): boolean => node.inputs[name] !== null && onPath.has(node.inputs[name]!);
  const found: Record<string, Tensor | null> = {};
  if (pullTogether !== null)
    Object.assign(
      found,
      scope(() => pullTogether(dy, isWanted)),
    );
  for (const name of node.names) {
    if (!isWanted(name)) continue;
    const input = node.inputs[name]!;
    const sum = gradients.sumOf(input, found);
    if (pullback !== null) found[name] = scope(() => withSum(sum, () => pullback(name, dy, found)));
    const dx = found[name];
    if (dx === null || dx === sum) continue;
    if (!sameShape(dx.shape, input.shape)) assertShape(`gradient of ${node.name}`, name, dx.shape, input.shape);
    gradients.add(input, dx, found);
  }
}

/** The gradients known so far, by tensor. One gradient may belong to several: an addition hands dy on as it is. */
class PendingGradients {
  readonly #gradients = new Map<Tensor, Tensor>();
  readonly #owners = new Map<Tensor, number>();
  #spent: Tensor[] = [];

  get(tensor: Tensor): Tensor | undefined {
    return this.#gradients.get(tensor);
  }

  /** Whether this is the gradient of a tensor. */
  isOwned(gradient: Tensor): boolean {
    return this.#owners.has(gradient);
  }

  /** Whether this was made by the walk and is the gradient of one tensor alone, so that its numbers may be replaced after that. */
  isOwn(gradient: Tensor): boolean {
    return this.#owners.get(gradient) === 1 && isUnshared(gradient);
  }

  /** The gradient so far of a tensor, where it may be added to in its place. `found`: those that the same node hands to others, too. */
  sumOf(tensor: Tensor, found: Found<Inputs>): Tensor | null {
    const sum = this.#gradients.get(tensor);
    if (sum === undefined || isRecording() || !this.isOwn(sum)) return null;
    return Object.values(found).includes(sum) ? null : sum;
  }

  /** Adds dy to the gradient of a tensor. `found`: the gradients that the same node hands to others, too. */
  add(tensor: Tensor, dy: Tensor, found: Found<Inputs> = {}): void {
    const own = this.sumOf(tensor, found);
    if (own !== null) {
      addTo(own, dy);
      if (!this.#owners.has(dy)) this.#spent.push(dy);
      return;
    }
    const sum = this.#gradients.get(tensor);
    const gradient = sum === undefined ? dy : add(sum, dy);
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
    if (tensor.internals.node === null || recorded.has(tensor)) continue;
    recorded.add(tensor);
    for (const input of tensor.internals.node.keeps) waiting.push(input);
  }
  const oldestFirst = [...recorded].sort((a, b) => a.internals.node!.id - b.internals.node!.id);
  const onPath = new Set(inputs);
  const order = oldestFirst.filter(
    (tensor) => tensor.internals.node!.keeps.some((input) => onPath.has(input)) && onPath.add(tensor),
  );
  return { order: order.reverse(), onPath };
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

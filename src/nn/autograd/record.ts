/**
 * Define-by-run automatic differentiation of any order: what is remembered on the way forward.
 *
 * `defineOp` keeps an operation's forward and its vector-Jacobian products in one object. Each vjp is written with
 * public differentiable operations, so the gradient of a gradient needs no further rules. This file knows no operation:
 * it records nodes while gradients are wanted. `grad.ts`, above the operations, walks them backwards.
 */

import type { GraphNode } from "../storage.js";
import { allocateTensor, inPlaceOf, inScope, type Tensor } from "../tensor.js";

/** The tensors an operation takes, by name. */
export type Inputs = Readonly<Record<string, Tensor | null>>;

export interface OpDefinition<I extends Inputs, O> {
  forward(inputs: I, options: O): Tensor;
  /**
   * For each input the product of dy with the Jacobian, with the shape of that input. Every input has a rule, by
   * the type: a missing one does not compile. `null` says that the derivative is zero everywhere. `found` holds the
   * products of the rules before it, where they were wanted, for rules that begin with the same work.
   */
  readonly vjp: Rules<I, O> | JointRule<I, O>;
  /**
   * Of which inputs, or of y, the rule of an input reads the numbers; nothing where it is not named. What no rule that may run reads
   * is given up when its scope ends, and only its place in the graph is kept. Default: every rule reads everything.
   */
  readonly reads?: Reads<NoInfer<I>>;
}

type Reads<I extends Inputs> = { readonly [K in keyof I]?: readonly (keyof I | "y")[] };

type Rules<I extends Inputs, O> = {
  readonly [K in keyof I]-?: ((dy: Tensor, inputs: I, options: O, y: Tensor, found: Found<I>) => Tensor) | null;
};

/**
 * All products that `wanted` says yes to, at once, where one reading of feature maps gives several. Null for the others. It may ask
 * `isRecording()`: while the way back is not recorded, kernels without a derivative will do.
 */
type JointRule<I extends Inputs, O> = (
  dy: Tensor,
  inputs: I,
  options: O,
  wanted: (input: keyof I) => boolean,
  y: Tensor,
) => { readonly [K in keyof I]-?: Tensor | null };

/** Gradients of one pullback by the names of the inputs. */
export type Found<I extends Inputs> = { readonly [K in keyof I]?: Tensor | null };

/** An operation as a function of its named inputs and its options. */
export type Op<I extends Inputs, O> = (inputs: I, options: O) => Tensor;

/** An operation that was recorded: its inputs, and the way back through it. */
export interface OpNode extends GraphNode<Tensor> {
  readonly name: string;
  readonly inputs: Inputs;
  /** The names of the inputs, in the order of their rules. */
  readonly names: readonly string[];
  /** dy -> gradient of one input, or null where it is zero; `found`: those of the inputs before it. Null for a joint rule. */
  readonly pullback: ((input: string, dy: Tensor, found: Found<Inputs>) => Tensor | null) | null;
  /** dy -> gradients of the inputs that are wanted. */
  readonly pullTogether: ((dy: Tensor, wanted: (input: string) => boolean) => Found<Inputs>) | null;
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

/** Runs `body` with recording switched on or off. */
export function withRecording<T>(on: boolean, body: () => T): T {
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
  const { vjp } = definition;
  const joint = typeof vjp === "function" ? vjp : null;
  const rules = typeof vjp === "function" ? null : vjp;
  const namesOfRules = rules && Object.keys(rules);
  const readsOfRules =
    definition.reads && Object.entries(definition.reads as Readonly<Record<string, readonly string[]>>);
  return (inputs, options) =>
    inScope(() => {
      const names = namesOfRules ?? Object.keys(inputs);
      const y = definition.forward(inputs, options);
      if (!recording) return y;
      const keeps: Tensor[] = [];
      for (const input of names) if (inputs[input] !== null) keeps.push(inputs[input]!);
      if (isRecorded(keeps)) {
        const { reads, readsResult } = readBy(readsOfRules, inputs, keeps);
        const node: OpNode = {
          id: nextId++,
          name,
          inputs,
          names,
          keeps,
          reads,
          readsResult,
          pullback:
            rules &&
            ((input, dy, found) => rules[input as keyof I]?.(dy, inputs, options, y, found as Found<I>) ?? null),
          pullTogether: joint && ((dy, wanted) => joint(dy, inputs, options, wanted as (input: keyof I) => boolean, y)),
        };
        y.internals.node = node;
        y.requiresGrad = true;
      }
      return y;
    });
}

/** What the rules of the inputs read that gradients may be wanted of. `reads`: [input, what its rule reads]. */
function readBy(
  reads: readonly (readonly [string, readonly string[]])[] | undefined,
  inputs: Inputs,
  all: readonly Tensor[],
): { readonly reads: readonly Tensor[]; readonly readsResult: boolean } {
  if (reads === undefined) return { reads: all, readsResult: true };
  const read: Tensor[] = [];
  let readsResult = false;
  for (const [name, others] of reads) {
    if (!inputs[name]?.requiresGrad) continue;
    for (const other of others) {
      const input = other === "y" ? null : inputs[other];
      if (other === "y") readsResult = true;
      else if (input !== null) read.push(input);
    }
  }
  return { reads: read, readsResult };
}

/**
 * For rules whose kernel may write over what it reads: a tensor for the gradient that is made of dy, by the last one to read it. It takes
 * the place of dy where the walk back says that nobody else has that.
 */
export function overGradient(dy: Tensor): Tensor {
  return dy.internals.expendable && !recording ? inPlaceOf(dy) : allocateTensor(dy.shape);
}

let sum: Tensor | null = null;

/**
 * For rules whose kernel can add: the sum of the gradients so far of the input that the rule is of, where it may be written to, or null.
 * Who adds to it returns it.
 */
export function sumSoFar(): Tensor | null {
  return sum;
}

/** Runs the rule of an input of whose gradient there is such a sum, or null. */
export function withSum<T>(given: Tensor | null, rule: () => T): T {
  sum = given;
  try {
    return rule();
  } finally {
    sum = null;
  }
}

/** Marks a tensor as one to differentiate with respect to. Returns it. */
export function variable(tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  return tensor;
}

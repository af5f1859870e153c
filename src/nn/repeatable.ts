/**
 * The seam between networks and captures (kernels/types.ts): what a network does to inputs of one shape is worked out once, in the
 * operations that a reader reads, and then repeated kernel by kernel. Where gradients are recorded, where the kernels in use cannot,
 * or where anything is not as it was, the operations run. Results are the same, bit for bit. Tests: tests/nn/repeatable.test.ts.
 */
import { isRecorded, isRecording } from "./autograd/record.js";
import { activeKernels } from "./backend.js";
import type { Captured } from "./kernels/types.js";
import { NoiseGenerator, type NoiseSource } from "./noise.js";
import { formatShape } from "./shape.js";
import { adoptTensor, inScope, resident, scope, type Tensor } from "./tensor.js";

/** Who repeats itself: all that it reads beside its inputs. A `ParameterTree` is one. */
export interface Repeatable {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly buffers: ReadonlyMap<string, Tensor>;
}

const names = new WeakMap<Repeatable, number>();
let named = 0;

/**
 * body(...inputs), which depends on the inputs, on the parameters of `network`, on what `settings` names and on what it draws from
 * `noise`, and on nothing else.
 *
 * @param settings null where that cannot be said
 */
export function repeatable<Inputs extends readonly (Tensor | null)[]>(
  network: Repeatable,
  settings: string | null,
  inputs: Inputs,
  body: (...inputs: Inputs) => Tensor,
  noise: NoiseSource | null = null,
): Tensor {
  return inScope(() => {
    const { captures } = activeKernels();
    if (captures === undefined || settings === null || !canRepeat(network, inputs)) return body(...inputs);
    const shapes = inputs.map((x) => x && formatShape(x.shape)).join(" ");
    const name = `${nameOf(network)} ${settings} ${shapes}`;
    const given = inputs.map((x) => x && resident(x)) as unknown as Inputs;
    const blocks = given.flatMap((x) => (x === null ? [] : [x.internals.block]));
    const next = noise instanceof NoiseGenerator ? () => noise.next() : null;
    const again = captures.replay(name, blocks, next);
    if (again !== null) return adoptTensor(again.shape, again.block);
    let y: Tensor | null = null;
    captures.capture(name, blocks, next !== null, () => {
      y = scope(() => body(...given));
      return resultOf(y);
    });
    return y!;
  });
}

function nameOf(network: Repeatable): number {
  let name = names.get(network);
  if (name === undefined) {
    name = named++;
    names.set(network, name);
  }
  return name;
}

/** Whether no gradient is recorded, and no input may be written over. */
function canRepeat({ parameters, buffers }: Repeatable, inputs: readonly (Tensor | null)[]): boolean {
  if (inputs.some((x) => x?.internals.expendable)) return false;
  if (!isRecording()) return true;
  for (const parameter of parameters.values()) if (parameter.requiresGrad) return false;
  for (const buffer of buffers.values()) if (buffer.requiresGrad) return false;
  return !isRecorded(inputs);
}

/** A tensor as what a capture makes; null for one that has more to it than its numbers. */
function resultOf({ shape, internals }: Tensor): Captured | null {
  const { privateLayout, node } = internals;
  if (privateLayout !== null || node !== null || !internals.isResident) return null;
  const { block, references } = internals.storage;
  return references === 1 ? { block, shape } : null;
}

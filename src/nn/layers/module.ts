/**
 * Where layers get their parameters from. A layer asks for each tensor by name, shape and initial distribution; the
 * tree records it under its full name (`synthesis.b64.conv0.affine.weight`) and takes the contents from a checkpoint
 * or from the initialiser. So there is one list of names, and a network is never first filled and then overwritten.
 */
import { variable } from "../autograd/record.js";
import type { Refill } from "../kernels/block.js";
import type { RandomState } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import { persistentTensor, type Tensor, tensorWithoutMemory } from "../tensor.js";

type Numbers = Float32Array | Float64Array;

/** Writes the initial contents of a parameter. */
export type Initializer = (data: Numbers, random: RandomState) => void;

/** Every element the same. */
export const constant =
  (value: number): Initializer =>
  (data) => {
    data.fill(value);
  };

/** Independent normal numbers with the given standard deviation. */
export const normal =
  (standardDeviation = 1): Initializer =>
  (data, random) => {
    for (let index = 0; index < data.length; index++) data[index] = standardDeviation * random.normal();
  };

/** Writes the tensor of that name and shape into `data`. */
export interface Contents {
  (name: string, shape: Shape, data: Numbers, initial: Initializer): void;
  /** Where what it writes can be had again, if it can. */
  readonly refill?: (name: string) => Refill;
}

/** Contents for a new network: the initialisers, drawing from one seeded generator in the order of the layers. */
export const initialContents =
  (random: RandomState): Contents =>
  (_name, _shape, data, initial) => {
    initial(data, random);
  };

export class ParameterTree {
  /** Trained tensors by full name, in the order of creation. */
  readonly parameters: Map<string, Tensor>;
  /** Tensors that are stored but not trained: averages, constant noise. */
  readonly buffers: Map<string, Tensor>;
  readonly #contents: Contents | null;
  readonly #prefix: string;

  /** Without contents nothing is allocated: the tree then records names and shapes, of a network that cannot run. */
  constructor(contents: Contents | null, prefix = "", parent?: ParameterTree) {
    this.#contents = contents;
    this.#prefix = prefix;
    this.parameters = parent?.parameters ?? new Map();
    this.buffers = parent?.buffers ?? new Map();
  }

  /** The subtree of a child layer. */
  child(name: string): ParameterTree {
    return new ParameterTree(this.#contents, `${this.#prefix}${name}.`, this);
  }

  /** A trained tensor. */
  parameter(name: string, shape: Shape, initial: Initializer): Tensor {
    return variable(this.#make(this.parameters, name, shape, initial));
  }

  /** A tensor that is stored with the network but not trained. */
  buffer(name: string, shape: Shape, initial: Initializer): Tensor {
    return this.#make(this.buffers, name, shape, initial);
  }

  #make(into: Map<string, Tensor>, name: string, shape: Shape, initial: Initializer): Tensor {
    const fullName = `${this.#prefix}${name}`;
    const contents = this.#contents;
    const tensor =
      contents === null
        ? tensorWithoutMemory(shape)
        : persistentTensor(shape, contents.refill?.(fullName) ?? ((data) => contents(fullName, shape, data, initial)));
    into.set(fullName, tensor);
    return tensor;
  }

  /** The number of trained numbers. */
  parameterCount(): number {
    let count = 0;
    for (const { shape } of this.parameters.values()) count += sizeOf(shape);
    return count;
  }
}

/**
 * An ONNX model, built node by node: a directed graph of operators over named values, with constants stored inside
 * (the field numbers are those of onnx.proto3, https://onnx.ai/onnx/intro/concepts.html). Knows no networks.
 */
import { Message } from "../../formats/protobuf/message.js";

/** The name of a value in the graph: an input, a constant, or the output of a node. */
export type Value = string;

/** Operator sets that say the same of every operator used here. From 18 on, reductions take their axes differently. */
export type Opset = 13 | 14 | 15 | 16 | 17;

/** A float, a whole number, or a list of whole numbers. A bare number is a float. */
export type Attribute = number | { readonly int: number } | readonly number[];

/** An extent, or the name of one that is free. */
export type Extent = number | string;

/** By these `describeOnnx` knows the models of this project. */
export const PRODUCER = "stylegan";
export const METADATA_KEY = "stylegan.config";

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** The version of the file format that came with each operator set. */
const irVersions: { readonly [set in Opset]: number } = { 13: 7, 14: 7, 15: 8, 16: 8, 17: 8 };

export class OnnxGraph {
  readonly #nodes: Message[] = [];
  readonly #constants = new Map<Value, Message>();
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  readonly #names = new Set<Value>();

  /** An input of the model, float32. */
  input(name: Value, shape: readonly Extent[]): Value {
    this.#inputs.push(valueInfo(name, shape));
    return this.#claim(name);
  }

  /** Declares a value as an output of the model, float32. */
  output(name: Value, shape: readonly Extent[]): void {
    if (!this.#names.has(name)) throw new Error(`OnnxGraph: no value is called ${name}`);
    this.#outputs.push(valueInfo(name, shape));
  }

  /** A constant, stored as float32 under `name`. float32 data are not copied before the model is written. */
  constant(name: Value, data: Float32Array | Float64Array, shape: readonly number[]): Value {
    const numbers = data instanceof Float32Array ? data : Float32Array.from(data);
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    return this.#store(name, shape, FLOAT, bytes);
  }

  /** One number. Equal numbers share a constant. */
  scalar(value: number): Value {
    const name = `number ${value}`;
    return this.#constants.has(name) ? name : this.constant(name, Float32Array.of(value), []);
  }

  /** A list of whole numbers, as axes and indices are given. Equal lists share a constant. */
  integers(values: readonly number[]): Value {
    return this.#integers(`integers ${values.join(" ")}`, values, [values.length]);
  }

  /** One whole number. */
  integer(value: number): Value {
    return this.#integers(`integer ${value}`, [value], []);
  }

  has(name: Value): boolean {
    return this.#names.has(name);
  }

  /** Applies an operator; its only output, and the node, are called `name`. */
  node(
    name: Value,
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    const message = new Message();
    for (const input of inputs) {
      if (!this.#names.has(input)) throw new Error(`OnnxGraph: ${name} needs ${input}, which is not defined yet`);
      message.string(1, input);
    }
    message.string(2, this.#claim(name)).string(3, name).string(4, operator);
    for (const [key, value] of Object.entries(attributes)) message.message(5, attribute(key, value));
    this.#nodes.push(message);
    return name;
  }

  /**
   * The bytes of the model file.
   *
   * @throws RangeError when the model needs more than 2 GiB, the limit of the format
   */
  finish(name: string, opset: Opset, metadata: ReadonlyMap<string, string>): Uint8Array {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, name);
    for (const constant of this.#constants.values()) graph.message(5, constant);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    const model = new Message().integer(1, irVersions[opset]).string(2, PRODUCER).message(7, graph);
    model.message(8, new Message().string(1, "").integer(2, opset));
    for (const [key, value] of metadata) model.message(14, new Message().string(1, key).string(2, value));
    return model.finish();
  }

  #integers(name: Value, values: readonly number[], shape: readonly number[]): Value {
    if (this.#constants.has(name)) return name;
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#store(name, shape, INT64, bytes);
  }

  #store(name: Value, shape: readonly number[], type: number, bytes: Uint8Array): Value {
    const tensor = new Message().integers(1, shape).integer(2, type).string(8, this.#claim(name)).bytes(9, bytes);
    this.#constants.set(name, tensor);
    return name;
  }

  #claim(name: Value): Value {
    if (this.#names.has(name)) throw new Error(`OnnxGraph: the name ${name} is taken`);
    this.#names.add(name);
    return name;
  }
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === "number") return message.float(2, value).integer(20, ATTRIBUTE_FLOAT);
  if ("int" in value) return message.integer(3, value.int).integer(20, ATTRIBUTE_INT);
  return message.integers(8, value).integer(20, ATTRIBUTE_INTS);
}

/** ValueInfoProto { name, type { tensor_type { elem_type, shape { dim { dim_value or dim_param } } } } } */
function valueInfo(name: Value, shape: readonly Extent[]): Message {
  const extents = new Message();
  for (const extent of shape) {
    const dim = new Message();
    extents.message(1, typeof extent === "number" ? dim.integer(1, extent) : dim.string(2, extent));
  }
  const tensorType = new Message().integer(1, FLOAT).message(2, extents);
  return new Message().string(1, name).message(2, new Message().message(1, tensorType));
}

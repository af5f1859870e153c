/** What an ONNX model of this project says of itself: its inputs and outputs, and the network that it was made of. */
import { type ByteSource, readRange } from "../../formats/byteSource.js";
import { FileError } from "../../formats/fileError.js";
import { type Field, fieldsOf, textOf } from "../../formats/protobuf/reader.js";
import type { GeneratorConfig } from "../config.js";
import { METADATA_KEY, PRODUCER } from "./graph.js";

/** An input or output: its name and extents, "N" for the free batch size. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxDescription {
  readonly part: "mapping" | "synthesis" | "both";
  readonly opset: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Numbers that are stored in the model. */
  readonly numbers: number;
  /** Geometry of the generator that it was made of. */
  readonly config: GeneratorConfig;
}

/**
 * Reads the description of a model that `exportOnnx` made; its weights are not read. Null for all other files: also for ONNX
 * models of other programs.
 */
export function describeOnnx(source: ByteSource): OnnxDescription | null {
  try {
    // ir_version comes first in every ONNX file: nothing is looked for in files that are none.
    if (source.size < 2 || readRange(source, 0, 1, "ONNX")[0] !== 0x08) return null;
    return describe(source);
  } catch (error) {
    if (error instanceof FileError || error instanceof SyntaxError) return null;
    throw error;
  }
}

function describe(source: ByteSource): OnnxDescription | null {
  const text = (field: Field): string => textOf(source, field);
  const model = [...fieldsOf(source)];
  const producer = model.find(({ field }) => field === 2);
  const graph = model.find(({ field }) => field === 7);
  const config = model
    .filter(({ field }) => field === 14)
    .map(({ range }) => new Map([...fieldsOf(source, range)].map((entry) => [entry.field, text(entry)])))
    .find((entry) => entry.get(1) === METADATA_KEY)
    ?.get(2);
  if (producer === undefined || text(producer) !== PRODUCER || graph === undefined || config === undefined) return null;

  const [opset] = model
    .filter(({ field }) => field === 8)
    .flatMap(({ range }) => [...fieldsOf(source, range)].flatMap(({ field, value }) => (field === 2 ? [value] : [])));
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  let name = "";
  let numbers = 0;
  for (const item of fieldsOf(source, graph.range)) {
    if (item.field === 2) name = text(item);
    else if (item.field === 5) numbers += sizeOf(source, item);
    else if (item.field === 11) inputs.push(readValue(source, item));
    else if (item.field === 12) outputs.push(readValue(source, item));
  }
  const part = /^stylegan2\.(mapping|synthesis|both)$/.exec(name)?.[1] as OnnxDescription["part"] | undefined;
  if (part === undefined || opset === undefined) return null;
  return { part, opset, inputs, outputs, numbers, config: JSON.parse(config) as GeneratorConfig };
}

/** Elements of a TensorProto: field 1 has its extents, packed. */
function sizeOf(source: ByteSource, { range }: Field): number {
  let size = 1;
  for (const { field, range: extents } of fieldsOf(source, range)) {
    if (field !== 1 || extents === undefined) continue;
    for (const extent of packed(readRange(source, extents[0], extents[1] - extents[0], "ONNX"))) size *= extent;
  }
  return size;
}

function packed(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let [value, place] = [0, 1];
  for (const byte of bytes) {
    value += (byte & 127) * place;
    place *= 128;
    if (byte > 127) continue;
    numbers.push(value);
    [value, place] = [0, 1];
  }
  return numbers;
}

/** ValueInfoProto { name 1, type 2 { tensor_type 1 { shape 2 { dim 1 { dim_value 1 or dim_param 2 } } } } } */
function readValue(source: ByteSource, { range }: Field): OnnxValue {
  const within = (ranges: readonly Field["range"][], wanted: number): Field["range"][] =>
    ranges.flatMap((outer) =>
      [...fieldsOf(source, outer)].flatMap(({ field, range: inner }) => (field === wanted ? [inner] : [])),
    );
  const name = [...fieldsOf(source, range)].find(({ field }) => field === 1);
  const dims = within(within(within([range], 2), 1), 2).flatMap((shape) => within([shape], 1));
  const extentOf = (dim: Field["range"]): number | string => {
    const [extent] = fieldsOf(source, dim);
    return extent.value ?? textOf(source, extent);
  };
  return { name: name === undefined ? "" : textOf(source, name), shape: dims.map(extentOf) };
}

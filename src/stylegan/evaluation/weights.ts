/**
 * Weights of the networks that measure images, from the files that people have: what `torch.save` wrote (zip or legacy
 * form, from whichever device), or safetensors. Names are those of the files; nothing in a file is executed.
 *
 * Tests: tests/goldens/vgg.test.ts, tests/goldens/inception.test.ts.
 */
import { type ByteSource, bytesSource, readRange } from "../../formats/byteSource.js";
import { describe, FileError } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import { readSafetensors } from "../../formats/safetensors.js";
import { isTorchLegacy, readTorch, TorchTensor } from "../../formats/torch/reader.js";
import { readZipDirectory } from "../../formats/zip.js";
import { type Shape, sameShape } from "../../nn/shape.js";
import { persistentTensor, type Tensor } from "../../nn/tensor.js";

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, PlainTensor>;

/** A file of weights: bytes, a file that stays on disk, or its tensors. */
export type WeightsSource = Uint8Array | ByteSource | NamedTensors;

const isNamedTensors = (source: WeightsSource): source is NamedTensors => source instanceof Map;

const ZIP_PREFIX = 0x04034b50;
const PICKLE_PREFIX = 0x80;

/**
 * The tensors of a file.
 *
 * @param what the network, for messages: "Inception"
 * @throws FileError when the file is neither a state dict nor safetensors, or is damaged
 */
export function readWeights(source: WeightsSource, what: string): NamedTensors {
  if (isNamedTensors(source)) return source;
  const file = source instanceof Uint8Array ? bytesSource(source) : source;
  const head = readRange(file, 0, Math.min(file.size, 16), `${what} weights`);
  const isZip = head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === ZIP_PREFIX;
  if (isZip) refusePrograms(file, what);
  if (isZip || isTorchLegacy(head)) return stateDict(readTorch(file), what);
  if (head[0] === PICKLE_PREFIX) {
    throw new FileError(
      `${what} weights: expected what torch.save or safetensors write, found another pickle; is it a checkpoint?`,
    );
  }
  return readSafetensors(file).tensors;
}

/** A TorchScript archive is a program; its parameters have no names that could be relied on. */
function refusePrograms(file: ByteSource, what: string): void {
  const isProgram = [...readZipDirectory(file).keys()].some((name) => /(^|\/)code\/.*\.py$/.test(name));
  if (isProgram) {
    throw new FileError(
      `${what} weights: the file is a TorchScript program, which is never executed here; expected a state dict (.pth)`,
    );
  }
}

function stateDict(value: unknown, what: string): NamedTensors {
  const outer = value instanceof Map ? value : null;
  const inner = outer?.get("state_dict");
  const entries = inner instanceof Map ? inner : outer;
  const tensors = new Map<string, PlainTensor>();
  for (const [name, tensor] of entries ?? []) {
    if (typeof name === "string" && tensor instanceof TorchTensor) tensors.set(name, tensor.toPlain(name));
  }
  if (tensors.size === 0) {
    throw new FileError(`${what} weights: expected a dict of tensors by name, found ${describe(value)}`);
  }
  return tensors;
}

/** Takes tensors out of a file, each checked against the shape that it must have. */
export class Weights {
  readonly #tensors: NamedTensors;
  readonly #what: string;

  /** @param what the network, for messages: "Inception" */
  constructor(source: WeightsSource, what: string) {
    this.#tensors = readWeights(source, what);
    this.#what = what;
  }

  /**
   * A frozen tensor: no gradients are recorded with respect to it.
   *
   * @throws FileError when the file has no tensor of that name, or one of another shape
   */
  tensor(name: string, shape: Shape): Tensor {
    const found = this.#find(name, shape);
    return persistentTensor(shape, (data) => found.copyTo(data));
  }

  /** The numbers of a tensor. Throws as `tensor` does. */
  numbers(name: string, shape: Shape): Float32Array | Float64Array {
    return this.#find(name, shape).toFloat();
  }

  #find(name: string, shape: Shape): PlainTensor {
    const found = this.#tensors.get(name);
    if (found === undefined) {
      const some = [...this.#tensors.keys()].slice(0, 3).join(", ");
      throw new FileError(
        `${this.#what} weights: ${name} is missing; the file has ${this.#tensors.size} tensors: ${some}, ...`,
      );
    }
    if (!sameShape(found.shape, shape)) {
      throw new FileError(`${this.#what} weights: ${name} must be [${shape}], found [${found.shape}]`);
    }
    return found;
  }
}

/** Official modules as their pickles hold them: a class name and the dictionary of attributes, read with care. */
import { CheckpointError, describe } from "../../../formats/fileError.js";
import { isForeign, type PickleConstructor, type PickleValue } from "../../../formats/pickle/values.js";
import type { PlainTensor } from "../../../formats/plainTensor.js";
import { TorchTensor } from "../../../formats/torch/reader.js";
import { ForeignNetworkError } from "../networkData.js";

/** What `torch_utils.persistence` stores of an object. Its source text is not looked at. */
export class PersistentObject {
  readonly className: string;
  readonly state: ReadonlyMap<PickleValue, PickleValue>;
  constructor(className: string, state: ReadonlyMap<PickleValue, PickleValue>) {
    this.className = className;
    this.state = state;
  }
  get summary(): string {
    return `a module of class ${this.className}`;
  }
}

export const makePersistentObject: PickleConstructor = ([meta]) => {
  const className = meta instanceof Map ? meta.get("class_name") : undefined;
  const state = meta instanceof Map ? meta.get("state") : undefined;
  if (typeof className !== "string" || !(state instanceof Map)) {
    throw new CheckpointError(`expected class_name and state of a persistent object, found ${describe(meta ?? null)}`);
  }
  return new PersistentObject(className, state);
};

/** The children that modules of each class may have. Those of SynthesisNetwork are looked at by its reader. */
const CHILDREN: Readonly<Record<string, RegExp>> = {
  Generator: /^(mapping|synthesis)$/,
  Discriminator: /^(mapping|b\d+)$/,
  MappingNetwork: /^(embed|fc\d+)$/,
  SynthesisBlock: /^(conv0|conv1|torgb|skip)$/,
  SynthesisLayer: /^affine$/,
  ToRGBLayer: /^affine$/,
  DiscriminatorBlock: /^(fromrgb|conv0|conv1|skip)$/,
  DiscriminatorEpilogue: /^(fromrgb|mbstd|conv|fc|out)$/,
};

const MAX_MODULES = 10_000;
const MAX_TENSORS = 100_000;
const MAX_DEPTH = 8;

/** A module with its path in the checkpoint (for messages), for example G_ema.synthesis.b4. */
export class TorchModule {
  readonly path: string;
  readonly className: string;
  readonly #state: ReadonlyMap<PickleValue, PickleValue>;

  constructor(value: PickleValue | undefined, path: string, className: string) {
    if (isForeign(value)) {
      throw new ForeignNetworkError(`${path}: expected a module of class ${className}, found ${describe(value)}`);
    }
    if (!(value instanceof PersistentObject)) {
      throw new CheckpointError(`${path}: expected a module of class ${className}, found ${describe(value)}`);
    }
    if (value.className !== className) {
      throw new CheckpointError(`${path}: expected a module of class ${className}, found class ${value.className}`);
    }
    this.path = path;
    this.className = value.className;
    this.#state = value.state;
  }

  childNames(): string[] {
    return [...this.#dictionary("_modules").keys()].filter((name) => typeof name === "string");
  }

  child(name: string, className: string): TorchModule {
    return new TorchModule(this.#dictionary("_modules").get(name), `${this.path}.${name}`, className);
  }

  /** null where the module was left out. */
  optionalChild(name: string, className: string): TorchModule | null {
    const value = this.#dictionary("_modules").get(name) ?? null;
    return value === null ? null : new TorchModule(value, `${this.path}.${name}`, className);
  }

  /** A parameter or buffer of this module itself. */
  tensor(name: string): PlainTensor {
    const value = this.#dictionary("_parameters").get(name) ?? this.#dictionary("_buffers").get(name);
    const where = `${this.path}.${name}`;
    if (!(value instanceof TorchTensor))
      throw new CheckpointError(`${where}: expected a tensor, found ${describe(value)}`);
    return value.toPlain(where);
  }

  integer(name: string): number {
    const value = this.#state.get(name);
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > 1 << 24) {
      throw new CheckpointError(`${this.path}.${name}: expected a whole number, found ${describe(value)}`);
    }
    return value as number;
  }

  optionalInteger(name: string): number | null {
    return this.#isNone(name) ? null : this.integer(name);
  }

  number(name: string): number {
    const value = this.#state.get(name);
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new CheckpointError(`${this.path}.${name}: expected a number, found ${describe(value)}`);
    }
    return value;
  }

  optionalNumber(name: string): number | null {
    return this.#isNone(name) ? null : this.number(name);
  }

  boolean(name: string): boolean {
    const value = this.#state.get(name);
    if (typeof value !== "boolean") {
      throw new CheckpointError(`${this.path}.${name}: expected True or False, found ${describe(value)}`);
    }
    return value;
  }

  attribute(name: string): PickleValue | undefined {
    return this.#state.get(name);
  }

  /** Throws unless an attribute has the value that this implementation assumes. */
  expectNumber(name: string, expected: number): void {
    const value = this.number(name);
    if (Math.abs(value - expected) > 1e-6 * Math.abs(expected)) {
      throw new CheckpointError(
        `${this.path}.${name}: expected ${expected}, found ${value}; this variant is unsupported`,
      );
    }
  }

  /** Every parameter and buffer below, by dotted name; the resampling filters, which are geometry, are left out. */
  allTensors(): Map<string, PlainTensor> {
    const tensors = new Map<string, PlainTensor>();
    // Modules and dicts may be shared, so that a small file unfolds to a large tree: both are counted.
    let modules = 0;
    let entries = 0;
    const visit = (value: PickleValue, prefix: string, depth: number): void => {
      const path = `${this.path}.${prefix}`;
      if (++modules > MAX_MODULES || depth > MAX_DEPTH)
        throw new CheckpointError(`${path}: more modules than expected`);
      if (!(value instanceof PersistentObject)) {
        throw new CheckpointError(`${path}: expected a module, found ${describe(value)}`);
      }
      for (const kind of ["_parameters", "_buffers"]) {
        for (const [name, item] of stateDictionary(value.state, kind, path)) {
          if (++entries > MAX_TENSORS) throw new CheckpointError(`${path}: more tensors than expected`);
          if (item === null || name === "resample_filter") continue;
          const full = `${prefix}${String(name)}`;
          if (!(item instanceof TorchTensor)) {
            throw new CheckpointError(`${this.path}.${full}: expected a tensor, found ${describe(item)}`);
          }
          tensors.set(full, item.toPlain(`${this.path}.${full}`));
        }
      }
      expectNothingElse(value, path.replace(/\.$/, ""));
      for (const [name, item] of stateDictionary(value.state, "_modules", path)) {
        if (item !== null) visit(item, `${prefix}${String(name)}.`, depth + 1);
      }
    };
    visit(new PersistentObject(this.className, this.#state), "", 0);
    return tensors;
  }

  #isNone(name: string): boolean {
    return this.#state.get(name) === null;
  }

  #dictionary(name: string): ReadonlyMap<PickleValue, PickleValue> {
    return stateDictionary(this.#state, name, this.path);
  }
}

/** Children that its class does not have, and functions hooked to a module, make another network of it. */
function expectNothingElse({ className, state }: PersistentObject, path: string): void {
  const known = CHILDREN[className];
  for (const [name, child] of known === undefined ? [] : stateDictionary(state, "_modules", path)) {
    if (child === null || known.test(String(name))) continue;
    throw new ForeignNetworkError(`${path}: a module of class ${className} has no ${describe(name)}`);
  }
  for (const hooks of ["_forward_hooks", "_forward_pre_hooks"]) {
    const value = state.get(hooks);
    if (value instanceof Map && value.size > 0) {
      throw new ForeignNetworkError(`${path}: has ${hooks}, functions that change what it computes`);
    }
  }
}

function stateDictionary(
  state: ReadonlyMap<PickleValue, PickleValue>,
  name: string,
  path: string,
): ReadonlyMap<PickleValue, PickleValue> {
  const value = state.get(name);
  if (!(value instanceof Map))
    throw new CheckpointError(`${path}: expected ${name} of a module, found ${describe(value)}`);
  return value;
}

/** The value that all of several modules agree on. */
export function agreed<T extends number | string | boolean | null>(
  modules: readonly TorchModule[],
  name: string,
  read: (module: TorchModule) => T,
): T {
  const value = read(modules[0]);
  for (const module of modules) {
    if (read(module) !== value) {
      throw new CheckpointError(
        `${module.path}.${name}: ${describe(read(module))}, but ${modules[0].path} has ${describe(value)}; ` +
          "networks that mix them are unsupported",
      );
    }
  }
  return value;
}

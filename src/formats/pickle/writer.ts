/**
 * Writes pickles of protocol 2: the few kinds of values that `torch.save` is made of. Nothing is memoised, so a value
 * that occurs twice is written twice. Tested by tests/checkpoints/rosinalityWriter.test.ts.
 */
import { PickleTuple } from "./values.js";

/** A Python class or function, by name. */
export class PickleName {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}

/** callee(*args), and then object[key] = value for the entries. */
export class PickleCall {
  readonly callee: PickleName;
  readonly args: PickleTuple;
  readonly entries: ReadonlyMap<string, Picklable>;
  constructor(callee: PickleName, args: readonly Picklable[], entries: ReadonlyMap<string, Picklable> = new Map()) {
    this.callee = callee;
    this.args = new PickleTuple(args);
    this.entries = entries;
  }
}

/** Something that lies outside the pickle: the reader is given this tuple and has to find it. */
export class PickleReference {
  readonly id: PickleTuple;
  constructor(id: readonly Picklable[]) {
    this.id = new PickleTuple(id);
  }
}

/** What can be written. Numbers are whole numbers of 32 bits; a Map becomes a dict. */
export type Picklable =
  | boolean
  | number
  | string
  | PickleTuple
  | PickleName
  | PickleCall
  | PickleReference
  | ReadonlyMap<string, Picklable>;

const opcode = {
  protocol: 0x80,
  stop: 0x2e,
  mark: 0x28,
  tuple: 0x74,
  emptyTuple: 0x29,
  emptyDict: 0x7d,
  setItems: 0x75,
  global: 0x63,
  reduce: 0x52,
  binaryPersistentId: 0x51,
  binaryInt: 0x4a,
  binaryUnicode: 0x58,
  newTrue: 0x88,
  newFalse: 0x89,
} as const;

/** @throws RangeError for numbers that are not whole or need more than 32 bits */
export function writePickle(value: Picklable): Uint8Array {
  const bytes: number[] = [opcode.protocol, 2];
  put(bytes, value);
  bytes.push(opcode.stop);
  return Uint8Array.from(bytes);
}

function put(bytes: number[], value: Picklable): void {
  if (typeof value === "boolean") bytes.push(value ? opcode.newTrue : opcode.newFalse);
  else if (typeof value === "number") bytes.push(opcode.binaryInt, ...int32(value));
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    bytes.push(opcode.binaryUnicode, ...int32(text.length), ...text);
  } else if (value instanceof PickleTuple) putTuple(bytes, value);
  else if (value instanceof PickleName) {
    bytes.push(opcode.global, ...new TextEncoder().encode(`${value.module}\n${value.name}\n`));
  } else if (value instanceof PickleReference) {
    putTuple(bytes, value.id);
    bytes.push(opcode.binaryPersistentId);
  } else if (value instanceof PickleCall) {
    put(bytes, value.callee);
    putTuple(bytes, value.args);
    bytes.push(opcode.reduce);
    putEntries(bytes, value.entries);
  } else {
    bytes.push(opcode.emptyDict);
    putEntries(bytes, value);
  }
}

function putTuple(bytes: number[], { items }: PickleTuple): void {
  if (items.length === 0) {
    bytes.push(opcode.emptyTuple);
    return;
  }
  bytes.push(opcode.mark);
  for (const item of items) put(bytes, item as Picklable);
  bytes.push(opcode.tuple);
}

function putEntries(bytes: number[], entries: ReadonlyMap<string, Picklable>): void {
  if (entries.size === 0) return;
  bytes.push(opcode.mark);
  for (const [key, value] of entries) {
    put(bytes, key);
    put(bytes, value);
  }
  bytes.push(opcode.setItems);
}

function int32(value: number): number[] {
  if (value !== (value | 0)) throw new RangeError(`writePickle: expected a whole number of 32 bits, got ${value}`);
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

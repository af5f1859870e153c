/**
 * A reader for Python pickles, protocols 0 to 5, that executes nothing.
 *
 * A pickle is a program for a small stack machine. This one builds plain data only (values.ts); every class or
 * function that the program names goes through `resolve`, and a name that is not on its list ends the reading. Each
 * opcode is at least one byte and pushes at most one value, marks are kept on a stack of their own, the memo is a map,
 * bytes are views into the file or stay in it, and operations and containers are counted: time and memory are bounded by the size of
 * the file and by the limits, whatever its bytes say. Tested by tests/formats/pickle.test.ts and tests/formats/mutation.test.ts.
 */
import { type ByteSource, sourceOf } from "../byteSource.js";
import { describe } from "../fileError.js";
import { PickleScanner } from "./scanner.js";
import { parseFloatText, quotedText, unescapeText } from "./text.js";
import {
  isForeign,
  type PickleConstructor,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "./values.js";

export interface PickleOptions {
  /** What a call to `module.name` becomes; undefined refuses the name. */
  readonly resolve: (module: string, name: string) => PickleConstructor | undefined;
  /** Turns persistent ids (torch storages) into values; files that have some are refused without it. */
  readonly persistentLoad?: (id: PickleValue) => PickleValue;
  /** First byte of the pickle; default 0. */
  readonly start?: number;
  /** Prefix of error messages; default "pickle". */
  readonly name?: string;
  /** Opcodes and work of constructors; default 16 million and one for each byte, which old protocols write as text. */
  readonly maxOperations?: number;
  /** Lists, tuples, dicts, sets and objects; default 1 million. */
  readonly maxContainers?: number;
}

export interface PickleResult {
  readonly value: PickleValue;
  /** Position after the STOP opcode, where a following pickle begins. */
  readonly end: number;
}

export function readPickle(file: Uint8Array | ByteSource, options: PickleOptions): PickleResult {
  return new PickleMachine(sourceOf(file), options).run();
}

class PickleMachine extends PickleScanner {
  readonly #options: PickleOptions;
  #operations: number;
  #containers: number;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(source: ByteSource, options: PickleOptions) {
    super(source, options.start ?? 0, options.name ?? "pickle");
    this.#options = options;
    this.#operations = options.maxOperations ?? 16_000_000 + source.size;
    this.#containers = options.maxContainers ?? 1_000_000;
  }

  run(): PickleResult {
    for (;;) {
      this.opcodeAt = this.position;
      this.spend(1);
      const opcode = this.byte();
      if (opcode === 0x2e) {
        const value = this.#pop(); // STOP
        return { value, end: this.position };
      }
      const value = this.#step(opcode);
      if (value !== undefined) this.#stack.push(value);
    }
  }

  spend(operations: number): void {
    this.#operations -= operations;
    if (!(this.#operations >= 0)) this.fail("more operations than any checkpoint needs; is the file damaged?");
  }

  /** Executes one opcode. Returns the value that it pushes, or undefined when it pushes none. */
  #step(opcode: number): PickleValue | undefined {
    switch (opcode) {
      // Constants and numbers
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4a: // BININT
        return this.int32();
      case 0x4b: // BININT1
        return this.byte();
      case 0x4d: // BININT2
        return this.uint16();
      case 0x8a: // LONG1
        return this.integer(this.byte());
      case 0x8b: // LONG4
        return this.integer(this.int32());
      case 0x47: // BINFLOAT
        return this.float64();
      case 0x49: // INT
        return this.integerLine({ booleans: true });
      case 0x4c: // LONG
        return this.integerLine();
      case 0x46: // FLOAT
        return this.located(() => parseFloatText(this.line()));

      // Strings and bytes
      case 0x8c: // SHORT_BINUNICODE
        return this.text(this.byte());
      case 0x58: // BINUNICODE
        return this.text(this.uint32());
      case 0x8d: // BINUNICODE8
        return this.text(this.length8());
      case 0x56: // UNICODE
        return unescapeText(this.line());
      case 0x43: // SHORT_BINBYTES
        return this.data(this.byte());
      case 0x42: // BINBYTES
        return this.data(this.uint32());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.data(this.length8());
      case 0x55: // SHORT_BINSTRING: Python 2 text, every byte one character
        return this.latin1(this.byte());
      case 0x54: // BINSTRING
        return this.latin1(this.uint32());
      case 0x53: // STRING
        return this.located(() => quotedText(this.line()));

      // Containers
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        return undefined;
      case 0x29: // EMPTY_TUPLE
        return this.#tuple([]);
      case 0x74: // TUPLE
        return this.#tuple(this.#popMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#tuple(this.#popMany(opcode - 0x84));
      case 0x5d: // EMPTY_LIST
        return this.#container<PickleValue[]>([]);
      case 0x6c: // LIST
        return this.#container(this.#popMark());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popMark());
      case 0x7d: // EMPTY_DICT
        return this.#container(new Map<PickleValue, PickleValue>());
      case 0x64: {
        const items = this.#popMark(); // DICT
        return this.#fill(this.#container(new Map<PickleValue, PickleValue>()), items);
      }
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMark());
      case 0x8f: // EMPTY_SET
        return this.#container(new Set<PickleValue>());
      case 0x90: // ADDITEMS
        return this.#addItems(this.#popMark());
      case 0x91: // FROZENSET
        return this.#container(new Set(this.#popMark()));

      // Stack and memo
      case 0x30: // POP
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return undefined;
      case 0x31: // POP_MARK
        this.#popMark();
        return undefined;
      case 0x32: // DUP
        return this.#top();
      case 0x70: // PUT
        return this.#put(Number(this.integerLine()));
      case 0x71: // BINPUT
        return this.#put(this.byte());
      case 0x72: // LONG_BINPUT
        return this.#put(this.uint32());
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x67: // GET
        return this.#get(Number(this.integerLine()));
      case 0x68: // BINGET
        return this.#get(this.byte());
      case 0x6a: // LONG_BINGET
        return this.#get(this.uint32());

      // Names and what is made with them
      case 0x63: // GLOBAL
        return this.#global(this.line(), this.line());
      case 0x93: {
        const [module, name] = this.#popMany(2); // STACK_GLOBAL
        if (typeof module !== "string" || typeof name !== "string") {
          this.fail(`expected two strings naming a class, found ${describe(module)} and ${describe(name)}`);
        }
        return this.#global(module, name);
      }
      case 0x52: {
        const [callable, args] = this.#popMany(2); // REDUCE
        return this.#call(callable, args);
      }
      case 0x81: {
        const [type, args] = this.#popMany(2); // NEWOBJ
        return this.#call(type, args);
      }
      case 0x92: {
        const [type, args] = this.#popMany(3); // NEWOBJ_EX; keyword arguments are not used by any checkpoint
        return this.#call(type, args);
      }
      case 0x69: {
        const type = this.#global(this.line(), this.line()); // INST
        return this.#call(type, this.#tuple(this.#popMark()));
      }
      case 0x6f: {
        const [type, ...args] = this.#popMark(); // OBJ
        return this.#call(type ?? null, this.#tuple(args));
      }
      case 0x62: // BUILD
        return this.#build(this.#pop());
      case 0x50: // PERSID
        return this.#persistent(this.line());
      case 0x51: // BINPERSID
        return this.#persistent(this.#pop());

      // Framing
      case 0x80: {
        const protocol = this.byte(); // PROTO
        if (protocol > 5) this.fail(`protocol ${protocol}, expected 0 to 5`);
        return undefined;
      }
      case 0x95: {
        const length = this.length8(); // FRAME: a hint for buffered reading
        if (this.position + length > this.size) this.failTruncated(length);
        return undefined;
      }
      default:
        this.fail(`unsupported opcode 0x${opcode.toString(16).padStart(2, "0")}`);
    }
  }

  /** The stack above the innermost MARK is all that an opcode may take. */
  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): PickleValue {
    if (this.#stack.length <= this.#floor())
      this.fail("expected a value on the stack, found none; the file is damaged");
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < this.#floor()) {
      this.fail(`expected ${count} values on the stack, found fewer; the file is damaged`);
    }
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) return this.fail("expected a MARK before, found none; the file is damaged");
    return this.#stack.splice(mark);
  }

  #container<T>(value: T): T {
    if (--this.#containers < 0)
      this.fail("more lists, dicts and objects than any checkpoint needs; is the file damaged?");
    return value;
  }

  #tuple(items: PickleValue[]): PickleTuple {
    return this.#container(new PickleTuple(items));
  }

  #append(items: readonly PickleValue[]): undefined {
    const list = this.#top();
    if (isForeign(list)) return;
    if (!Array.isArray(list)) this.fail(`expected a list to append to, found ${describe(list)}`);
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): undefined {
    const dict = this.#top();
    if (isForeign(dict)) return;
    if (!(dict instanceof Map)) this.fail(`expected a dict to fill, found ${describe(dict)}`);
    this.#fill(dict as Map<PickleValue, PickleValue>, items);
  }

  #fill(dict: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): PickleValue {
    if (items.length % 2 !== 0) this.fail("expected pairs of keys and values, found an odd number");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
    return dict;
  }

  #addItems(items: readonly PickleValue[]): undefined {
    const set = this.#top();
    if (isForeign(set)) return;
    if (!(set instanceof Set)) this.fail(`expected a set to fill, found ${describe(set)}`);
    for (const item of items) set.add(item);
  }

  #put(slot: number): undefined {
    if (!Number.isSafeInteger(slot) || slot < 0) this.fail(`memo slot ${slot}, expected a whole number`);
    this.#memo.set(slot, this.#top());
  }

  #get(slot: number): PickleValue {
    const value = this.#memo.get(slot);
    if (value === undefined) this.fail(`memo slot ${slot} is empty; the file is damaged`);
    return value;
  }

  #global(module: string, name: string): PickleGlobal {
    const construct = this.#options.resolve(module, name);
    if (!construct) {
      this.fail(
        `refused the name ${describe(`${module}.${name}`)}: no supported checkpoint needs it; nothing was executed`,
      );
    }
    return this.#container(new PickleGlobal(`${module}.${name}`, construct));
  }

  #call(callable: PickleValue, args: PickleValue): PickleValue {
    if (isForeign(callable)) return this.#container(new PickleObject(callable.type, [], true));
    if (!(callable instanceof PickleGlobal)) this.fail(`expected a class to construct, found ${describe(callable)}`);
    if (!(args instanceof PickleTuple)) this.fail(`expected a tuple of arguments, found ${describe(args)}`);
    return this.#container(this.located(() => callable.construct(args.items, this)));
  }

  #persistent(id: PickleValue): PickleValue {
    const load = this.#options.persistentLoad;
    if (!load) return this.fail(`a persistent id, ${describe(id)}, where no file of this kind has one`);
    return this.#container(this.located(() => load(id)));
  }

  #build(state: PickleValue): undefined {
    const target = this.#top();
    if (target instanceof PickleObject) target.state = state;
    else if (!(target instanceof Map)) {
      // Attributes set on a dict (torch keeps version numbers there) say nothing about the network.
      this.fail(`expected an object to set the state of, found ${describe(target)}`);
    }
  }
}

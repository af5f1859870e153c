/** What a pickle is turned into: plain data, never anything that runs. */

/**
 * None, numbers, strings, lists (arrays), dicts (Map), sets (Set), bytes (Uint8Array views into the file), and:
 * tuples, allow-listed names, records of constructor calls, and whatever a resolver made of such calls.
 */
export type PickleValue = null | boolean | number | bigint | string | object;

export class PickleTuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
  get summary(): string {
    return `a tuple of ${this.items.length}`;
  }
}

/** How much a constructor may do is paid from the budget of the pickle that called it. */
export interface PickleBudget {
  spend(operations: number): void;
}

/** Turns the arguments of an allow-listed constructor into plain data. Throws FileError when they make no sense. */
export type PickleConstructor = (args: readonly PickleValue[], budget: PickleBudget) => PickleValue;

/** An allow-listed class or function named by a pickle, with what a call to it becomes here. */
export class PickleGlobal {
  readonly qualifiedName: string;
  readonly construct: PickleConstructor;
  constructor(qualifiedName: string, construct: PickleConstructor) {
    this.qualifiedName = qualifiedName;
    this.construct = construct;
  }
  get summary(): string {
    return `the name ${this.qualifiedName}`;
  }
}

/** A record of a constructor call: which class, with which arguments, and the state set afterwards. Nothing more. */
export class PickleObject {
  readonly type: string;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;
  constructor(type: string, args: readonly PickleValue[]) {
    this.type = type;
    this.args = args;
  }
  get summary(): string {
    return `an object of class ${this.type}`;
  }
}

/** The constructor that only keeps a record of the call. */
export function recordAs(type: string): PickleConstructor {
  return (args) => new PickleObject(type, args);
}

/** Elements of a list or tuple; null for anything else. */
export function sequence(value: PickleValue | undefined): readonly PickleValue[] | null {
  if (value instanceof PickleTuple) return value.items;
  return Array.isArray(value) ? (value as readonly PickleValue[]) : null;
}

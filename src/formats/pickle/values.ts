/** What a pickle is turned into: plain data, never anything that runs. */

/**
 * None, numbers, strings, lists (arrays), dicts (Map), sets (Set), bytes (Uint8Array views into the file; PartOfSource where many lie in
 * one that is not in memory), and: tuples, allow-listed names, records of constructor calls, and whatever a resolver made of such calls.
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

/** A class or function named by a pickle, with what a call to it becomes here: plain data, or an inert record. */
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
  /** Of a class that no reader knows: an inert record, of which nothing is asked but its name. */
  readonly isForeign: boolean;
  state: PickleValue = null;
  constructor(type: string, args: readonly PickleValue[], isForeign = false) {
    this.type = type;
    this.args = args;
    this.isForeign = isForeign;
  }
  get summary(): string {
    if (!this.isForeign) return `an object of class ${this.type}`;
    return `an object of an unknown class (refused the name ${JSON.stringify(this.type)}; nothing was executed)`;
  }
}

/** The constructor that only keeps a record of the call. */
export function recordAs(type: string): PickleConstructor {
  return (args) => new PickleObject(type, args);
}

/** Whether it stands for something of a class that no reader knows. */
export function isForeign(value: PickleValue | undefined): value is PickleObject {
  return value instanceof PickleObject && value.isForeign;
}

/** Elements of a list or tuple; null for anything else. */
export function sequence(value: PickleValue | undefined): readonly PickleValue[] | null {
  if (value instanceof PickleTuple) return value.items;
  return Array.isArray(value) ? (value as readonly PickleValue[]) : null;
}

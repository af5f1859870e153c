/** What goes wrong, in words. */
import { expect } from "vitest";

/** The message of the error that `run` throws, which must be of that kind. */
export function messageOf(run: () => unknown, kind: new (...args: never[]) => Error): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return (error as Error).message;
  }
  throw new Error(`expected an error of the kind ${kind.name}, but it succeeded`);
}

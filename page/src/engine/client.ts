/** The page's end of the engine: calls with answers, of which the latest of a kind wins. */
import type { Args, CallName, FromEngine, Partial, Result, ToEngine } from "./protocol.js";

/** What went wrong, in a sentence for people. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

/** What went wrong, with the stop that a sentence has. */
export function sentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /[.?!]$/.test(message) ? message : `${message}.`;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onPartial: (value: unknown) => void;
}

export interface CallOptions<K extends CallName> {
  readonly onPartial?: (value: Partial<K>) => void;
  /** Cancels the call, which then gives null. */
  readonly signal?: AbortSignal;
  /** Partial values count after cancelling, too: the call ends in its own time, with a result. Default false. */
  readonly keepsResult?: boolean;
}

export class Engine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<string, { readonly controller: AbortController; readonly done: Promise<unknown> }>();
  #lastId = 0;

  constructor() {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromEngine>) => this.#receive(data);
    this.#worker.onerror = (event) => this.#fail(new EngineError(`The engine stopped: ${event.message || "unknown"}`));
  }

  /** Null when the call was cancelled. Rejects with EngineError. */
  call<K extends CallName>(name: K, args: Args<K>, options: CallOptions<K> = {}): Promise<Result<K> | null> {
    const { onPartial, signal, keepsResult = false } = options;
    const id = ++this.#lastId;
    const answer = new Promise<Result<K> | null>((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: resolve as (value: unknown) => void,
        reject,
        onPartial: (value) => {
          if (keepsResult || signal?.aborted !== true) onPartial?.(value as Partial<K>);
        },
      });
    });
    if (signal?.aborted === true) {
      this.#waiting.get(id)!.resolve(null);
      this.#waiting.delete(id);
      return answer;
    }
    this.#post({ id, name, args });
    signal?.addEventListener("abort", () => this.#post({ id, cancel: true }), { once: true });
    return answer;
  }

  /**
   * The latest call of a `channel` wins: the one before is cancelled, and those that came in between and have not
   * begun never run. Null for every call but the latest.
   */
  async latest<K extends CallName>(
    channel: string,
    name: K,
    args: Args<K>,
    options: CallOptions<K> = {},
  ): Promise<Result<K> | null> {
    const before = this.#running.get(channel);
    const controller = new AbortController();
    before?.controller.abort();
    const run = async (): Promise<Result<K> | null> => {
      await before?.done.catch(() => {});
      return this.call(name, args, { ...options, signal: controller.signal });
    };
    const done = run();
    this.#running.set(channel, { controller, done });
    const result = await done;
    return controller.signal.aborted ? null : result;
  }

  #post(message: ToEngine): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromEngine): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if ("partial" in message) {
      waiting.onPartial(message.partial);
      return;
    }
    this.#waiting.delete(message.id);
    if ("error" in message) waiting.reject(new EngineError(message.error));
    else waiting.resolve("result" in message ? message.result : null);
  }

  #fail(error: EngineError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** A peer in a process of its own, on cores of its own, seen from the parent. The other end is bench/peers/child.mjs. */
import { spawn, spawnSync } from "node:child_process";
import os from "node:os";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("../peers/child.mjs", import.meta.url));
const canPin = process.platform === "linux" && spawnSync("taskset", ["-V"]).status === 0;

/** The last `threads` cores, as taskset names them; null where processes cannot be pinned. */
function coresFor(threads) {
  const count = os.availableParallelism();
  if (!canPin || threads > count) return null;
  return threads === 1 ? String(count - 1) : `${count - threads}-${count - 1}`;
}

/** A command that runs on the last `threads` cores, where processes can be pinned. */
export function pinned(command, threads) {
  const cores = coresFor(threads);
  return cores === null ? command : ["taskset", "-c", cores, ...command];
}

export class PeerProcess {
  #process;
  #waiting = null;
  #failed = null;
  /** The child's first message, and the time from the start of the process to its first image. */
  ready;

  /**
   * Starts the process, waits for its first image.
   *
   * @param {object} task  PeerTask of child.mjs
   * @param {{ node?: string }} options  the Node.js to run it with
   */
  static async start(task, { node = process.execPath } = {}) {
    const peer = new PeerProcess();
    const command = pinned([node, CHILD], task.threads);
    const spawnedAt = performance.timeOrigin + performance.now();
    peer.#process = spawn(command[0], command.slice(1), {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    peer.#process.on("message", (message) => peer.#receive(message));
    peer.#process.on("exit", (code) => peer.#receive({ kind: "error", message: `the process ended (${code})` }));
    const ready = await peer.#ask({ kind: "load", task });
    peer.ready = { ...ready, coldMs: ready.firstImageAt - spawnedAt, cores: coresFor(task.threads) };
    return peer;
  }

  /** Milliseconds of one batch, measured in the child. */
  async run() {
    return (await this.turn()).ms;
  }

  /** The same with what the peer itself has to say about it: { ms, result }. */
  async turn() {
    return this.#ask({ kind: "run" });
  }

  /** The last batch, NCHW, or what else the peer is compared by. */
  async output() {
    return this.#ask({ kind: "output" });
  }

  async peakRssMb() {
    return (await this.#ask({ kind: "stats" })).peakRssMb;
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#failed = new Error("stopped");
    this.#process.disconnect();
    await ended;
  }

  #ask(request) {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#process.send(request);
    });
  }

  #receive(message) {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (message.kind !== "error") {
      waiting?.resolve(message);
      return;
    }
    this.#failed = new Error(message.message);
    waiting?.reject(this.#failed);
  }
}

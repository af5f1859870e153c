/**
 * How far two cores are from each other. A virtual machine's host may move its cores, between seconds, from under one third-level cache to
 * two of them; whatever shares its data among threads is slower then by a third, and nothing in the guest says so.
 */
import { Worker } from "node:worker_threads";

const STOP = -1;
const ANSWER = `const { workerData: word } = require("node:worker_threads");
for (;;) {
  const value = Atomics.load(word, 0);
  if (value === ${STOP}) break;
  if (value % 2 === 1) Atomics.store(word, 0, value + 1);
}`;

/** Nanoseconds that a word takes from one core to another, the median of some milliseconds. */
export async function coreDistance() {
  const word = new Int32Array(new SharedArrayBuffer(128));
  const worker = new Worker(ANSWER, { eval: true, workerData: word });
  await new Promise((resolve) => worker.once("online", resolve));
  const times = [];
  for (let batch = 0; batch < 40; batch++) {
    const start = performance.now();
    for (let k = 0; k < 1000; k++) {
      const next = Atomics.load(word, 0) + 1;
      Atomics.store(word, 0, next);
      while (Atomics.load(word, 0) === next);
    }
    times.push((performance.now() - start) * 500);
  }
  Atomics.store(word, 0, STOP);
  await new Promise((resolve) => worker.once("exit", resolve));
  // The first batches begin before the loop of the other is compiled.
  return times.slice(20).sort((a, b) => a - b)[10];
}

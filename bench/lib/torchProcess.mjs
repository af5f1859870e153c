/** PyTorch in a Python of its own (bench/peers/torchTraining.py), on the cores of this process. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../peers/torchTraining.py", import.meta.url));

/**
 * What PyTorch is fastest with: memory that is given up and taken again by every operation stays with the process (3 to 8 %
 * faster), and OpenBLAS keeps its own threads from waiting in the way of OpenMP's (with two threads, twice as fast).
 */
const SETTINGS = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
  MALLOC_TOP_PAD_: String(2 ** 28),
  OPENBLAS_NUM_THREADS: "1",
};

/** The first of these Pythons that has PyTorch, or null. */
export function findPython(candidates = ["python3", "/usr/bin/python3"]) {
  return candidates.find((python) => spawnSync(python, ["-c", "import torch"]).status === 0) ?? null;
}

export const NO_PYTORCH =
  "No Python with PyTorch here, so it is left out. On Debian: apt-get install python3-torch libopenblas0-openmp; " +
  "elsewhere: pip install torch, then --python PATH.";

/** Starts the program. Returns what asks it: one JSON object there, one back. */
export function startTorch(python, threads) {
  const child = spawn(python, [PROGRAM], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...SETTINGS, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} torchTraining.py ended; its error is above`);
    return JSON.parse(value);
  };
}

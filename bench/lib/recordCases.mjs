/** Reads what the benchmarks beside other programs wrote. */
import { readFileSync } from "node:fs";

/**
 * @param {string[]} files
 * @returns cases { kind, size, threads, results }, images first, by size and threads; and runs { machine, versions } in the order of files
 */
export function readCases(files) {
  const found = new Map();
  const runs = [];
  for (const path of files) {
    const { machine, versions, cases = [], trainingCases = [] } = JSON.parse(readFileSync(path, "utf8"));
    if (machine === undefined) throw new Error(`${path}: expected what bench:peers writes with --json`);
    const images = cases
      .filter(({ batch }) => batch === 1)
      .map((one) => ({ ...one, kind: "images", size: one.resolution }));
    const steps = trainingCases.map((one) => ({ ...one, kind: "training" }));
    for (const one of [...images, ...steps]) found.set(`${one.kind} ${one.size} ${one.threads}`, one);
    if (images.length + steps.length > 0) runs.push({ machine, versions });
  }
  const order = ({ kind, size, threads }) => (kind === "images" ? 0 : 1e6) + size * 10 + threads;
  return { cases: [...found.values()].sort((a, b) => order(a) - order(b)), runs };
}

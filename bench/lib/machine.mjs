/** What a measurement must be read with: machine, engine, load, revision. */
import { execFileSync } from "node:child_process";
import os from "node:os";

export function describeMachine() {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString(),
    command: ["node", ...process.argv.slice(1).map((part) => part.replace(`${process.cwd()}/`, ""))].join(" "),
    revision: revision(),
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    loadAverage: os.loadavg().map((load) => Number(load.toFixed(2))),
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
  };
}

/** Adds to a description what coreDistance.mjs measured while several threads ran, [least, most] in ns, and prints it. */
export function addCoreDistances(machine, distances) {
  if (distances.length === 0) return;
  machine.coreDistanceNs = [Math.round(Math.min(...distances)), Math.round(Math.max(...distances))];
  console.log(
    `\nFrom core to core ${machine.coreDistanceNs.join(" to ")} ns: beyond 100, they shared no cache, and threads wait for each other.`,
  );
}

function revision() {
  try {
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], options).trim();
    const changed = execFileSync("git", ["status", "--porcelain", "src", "assembly"], options).trim() !== "";
    return changed ? `${commit} with changes` : commit;
  } catch {
    return null;
  }
}

export function printMachine(machine) {
  const { cpu, cores, memoryGb, platform, node, v8, loadAverage, revision, date } = machine;
  console.log(`${cpu}, ${cores} cores, ${memoryGb} GiB, ${platform}`);
  console.log(`Node ${node} (V8 ${v8}), revision ${revision}, ${date}, load ${loadAverage.join(" ")}`);
  if (loadAverage[0] > 0.5) console.log("Something else is running: trust ratios within this run, not times.");
}

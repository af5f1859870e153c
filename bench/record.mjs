/**
 * The record: what `npm run bench:peers` and `npm run bench:peers:training` measured (--json FILE), as the table of bench/RESULTS.md
 * and the chart of the README:
 *
 *   node bench/record.mjs out/peers*.json out/training*.json
 *
 * Of several files with the same case the last counts. What must hold, and what is aimed for, stands in lib/targets.mjs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readCases } from "./lib/recordCases.mjs";
import { speedChart } from "./lib/speedChart.mjs";
import { median, short } from "./lib/table.mjs";
import { targetOf } from "./lib/targets.mjs";

const PAGE = fileURLToPath(new URL("./RESULTS.md", import.meta.url));
const CHART = fileURLToPath(new URL("../docs/images/speed.svg", import.meta.url));
const [BEGIN, END] = ["<!-- begin: written by bench/record.mjs -->", "<!-- end -->"];
const OURS = { "stylegan-cli": "command line", stylegan: "library" };
const OTHERS = ["onnxruntime-node", "onnxruntime-web", "tfjs-wasm", "pytorch", "pytorch, 1 thread"];

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: node bench/record.mjs FILE.json ..., files that bench:peers and bench:peers:training wrote");
  process.exit(2);
}
const { cases, runs } = readCases(files);
const text = readFileSync(PAGE, "utf8");
const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
if (after === undefined) throw new Error(`${PAGE}: expected the lines ${BEGIN} and ${END}, found none`);
writeFileSync(PAGE, `${before}${BEGIN}\n\n${table()}\n${sources()}\n${END}${after}`);
writeFileSync(CHART, speedChart(cases));
console.log(`${PAGE}\n${CHART}`);

/** Median over the rounds of their time by ours, within a round. */
function ratio(theirs, ours) {
  return median(theirs.ms.map((ms, round) => ms / ours.ms[round]));
}

/** `**2.05**` where the aim is reached, `1.9` where it must be that much, `1.7 (must 1.85)` where it is less. */
function cell(times, target) {
  const value = times.toFixed(2);
  if (target === undefined) return value;
  const [must, aim] = target;
  return times >= aim ? `**${value}**` : times >= must ? value : `${value} (must ${must})`;
}

function table() {
  const rows = [];
  for (const { kind, size, threads, results } of cases) {
    for (const [name, label] of Object.entries(OURS)) {
      const own = results.find(({ peer }) => peer === name);
      if (own === undefined) continue;
      const cells = OTHERS.map((peer) => {
        const theirs = results.find((result) => result.peer === peer);
        return theirs === undefined
          ? "-"
          : cell(ratio(theirs, own), targetOf({ kind, size, threads, ours: name, peer }));
      });
      const what = kind === "images" ? `image of ${size}` : `training step at ${size}`;
      const kernels = own.detail?.kernels ?? "?";
      rows.push([
        what,
        threads,
        `${label} (${kernels})`,
        short(median(own.ms)),
        gain(kind, size, threads, name),
        ...cells,
      ]);
    }
  }
  const head = ["", "threads", "ours", "ms", "over one thread", ...OTHERS];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line), ""].join("\n");
}

/** How much faster than with one thread. */
function gain(kind, size, threads, name) {
  const timeOf = (count) => {
    const found = cases.find((one) => one.kind === kind && one.size === size && one.threads === count);
    const own = found?.results.find(({ peer }) => peer === name);
    return own === undefined ? undefined : median(own.ms);
  };
  if (threads === 1 || timeOf(1) === undefined) return "-";
  return cell(timeOf(1) / timeOf(threads), targetOf({ kind, threads, ours: name, peer: "one thread" }));
}

function sources() {
  const lines = runs.map(({ machine, versions }) => {
    const { cpu, cores, date, loadAverage, revision, command, coreDistanceNs } = machine;
    const apart = coreDistanceNs === undefined ? "" : ` ${coreDistanceNs.join(" to ")} ns apart`;
    const engine = versions.node === undefined ? `Node ${machine.node}` : `Node ${versions.node} (V8 ${versions.v8})`;
    const others = Object.entries(versions).filter(([name]) => !["node", "v8", "stylegan"].includes(name));
    const peers = others.map((entry) => entry.join(" ")).join(", ");
    // Where things lie on that machine is nobody's business.
    const said = command
      .replace(/ --json \S+/, "")
      .replace(/--(node|python) \S+/g, (_, name) => `--${name} ${name.toUpperCase()}`);
    return `- ${date.slice(0, 10)}, ${cpu}, ${cores} cores${apart}, load ${loadAverage[0]} at the start; ${engine}, revision ${revision}; ${peers}: \`${said}\``;
  });
  return `${lines.join("\n")}\n`;
}

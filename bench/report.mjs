/**
 * Turns what the benchmarks measured (--json FILE) into the tables of bench/RESULTS.md:
 *
 *   node bench/report.mjs out/bench.json out/peers.json out/trainingPeers.json
 */
import { readFileSync } from "node:fs";
import { median, short } from "./lib/table.mjs";

/** Times faster than each peer, by RESOLUTION:THREADS: what must hold, and what was aimed for. */
const TARGETS = {
  stylegan: {
    "onnxruntime-web": { "1024:1": [3.2, 4], "1024:2": [3.0, 4], "256:1": [2.8, 4] },
    "tfjs-wasm": { "1024:1": [5.5, 7], "256:1": [4, 6] },
    "onnxruntime-node": { "1024:1": [0.8, 1.0], "1024:2": [0.8, 1.0], "256:1": [0.6, 0.9] },
  },
  "stylegan-wide": {
    "onnxruntime-node": { "1024:1": [1.3, 1.7], "1024:2": [1.3, 1.7], "256:1": [1.0, 1.4] },
  },
};

/** Times faster in training than PyTorch on one core, by the number of threads. */
const TRAINING_TARGETS = { 1: [1, 2], 2: [2, 3.6] };
const PHASES = ["draws", "Gmain", "Greg", "Dmain", "Dreg", "between"];

const verdictOf = (times, [must, aim]) => (times >= aim ? "aim reached" : times >= must ? "must reached" : "missed");

function table(headers, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell ?? "-").join(" | ")} |`;
  console.log([line(headers), `|${"---|".repeat(headers.length)}`, ...rows.map(line), ""].join("\n"));
}

function header({ machine }, kind) {
  const { cpu, cores, memoryGb, node, v8, revision, date, loadAverage, command } = machine;
  console.log(`### ${kind}, ${date.slice(0, 10)}\n`);
  console.log(`${cpu}, ${cores} cores, ${memoryGb} GiB; Node ${node} (V8 ${v8}); revision ${revision};`);
  console.log(`load average at the start ${loadAverage[0]}. \`${command}\`\n`);
}

/** Median over the rounds of their time by ours, within a round. */
const ratio = (theirs, ours) => median(theirs.ms.map((ms, round) => ms / ours.ms[round]));

function reportPeers(report) {
  header(report, "Peers");
  console.log(
    `${Object.entries(report.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.\n`,
  );
  for (const { resolution, threads, batch, results, readMs } of report.cases) {
    console.log(
      `Config F at ${resolution}, batch ${batch}, ${threads} thread(s); reading the file: ${short(readMs)} ms.\n`,
    );
    table(
      [
        "peer",
        "median ms",
        "fastest",
        "slowest",
        "difference",
        "cold start ms",
        "of it load",
        "first image",
        "peak RSS MB",
      ],
      results.map((result) => [
        result.peer,
        short(result.medianMs),
        short(Math.min(...result.ms)),
        short(Math.max(...result.ms)),
        result.difference.toExponential(0),
        ...["coldMs", "load", "firstImage"].map((key) => short(median(result.cold.map((start) => start[key])))),
        short(result.peakRssMb),
      ]),
    );
  }
  const rows = [];
  for (const [ours, peers] of Object.entries(TARGETS)) {
    for (const [peer, targets] of Object.entries(peers)) {
      for (const { resolution, threads, batch, results } of report.cases) {
        const target = targets[`${resolution}:${threads}`];
        const [own, theirs] = [ours, peer].map((name) => results.find((result) => result.peer === name));
        if (target === undefined || batch !== 1 || own === undefined || theirs === undefined) continue;
        const times = ratio(theirs, own);
        const verdict = verdictOf(times, target);
        rows.push([ours, peer, resolution, threads, times.toFixed(2), target.join(" / "), verdict]);
      }
    }
  }
  if (rows.length > 0) table(["ours", "peer", "pixels", "threads", "times faster", "must / aim", ""], rows);
}

function reportBench(report) {
  header(report, "Kernels and networks");
  const { mulAdd, relaxedMadd } = report.peak;
  const variant = report.variant ?? (report.networks ?? report.training)?.[0]?.detail.kernels;
  const peak = variant === "relaxed-simd" ? relaxedMadd : mulAdd;
  const relaxed = relaxedMadd === null ? "" : `, relaxed madd ${short(relaxedMadd)}`;
  console.log(`Peak of one core in registers: mul + add ${short(mulAdd)} GFLOP/s${relaxed}. Kernels: ${variant}.\n`);
  if (report.kernels !== undefined) {
    table(
      ["kernel", "median ms", "GFLOP/s", "of peak", "GB/s"],
      report.kernels.map(({ group, name, medianMs, gflops, gbPerSecond }) => [
        `${group}: ${name}`,
        short(medianMs),
        short(gflops),
        gflops === null ? null : `${Math.round((100 * gflops) / peak)} %`,
        short(gbPerSecond),
      ]),
    );
  }
  if (report.networks !== undefined) {
    table(
      ["pixels", "batch", "threads", "ms/image", "GFLOP/s", "load ms", "first batch ms", "peak RSS MB"],
      report.networks.map((record) => [
        record.resolution,
        record.batch,
        record.threads,
        short(record.medianMs),
        short(record.gflops),
        short(record.startMs.load),
        short(record.startMs.firstImage),
        short(record.peakRssMb),
      ]),
    );
  }
  for (const { size, threads, detail, phases, stepMs, kimgPerHour, peakBytes, kernels } of report.training ?? []) {
    const summary = `${short(stepMs)} ms a step, ${short(kimgPerHour)} kimg/h, ${short(peakBytes / 1e6)} MB of tensors`;
    console.log(`Training at ${size}x${size}, batch 16, ${detail.kernels}, ${threads} thread(s): ${summary}.\n`);
    table(PHASES, [PHASES.map((phase) => short(phases[phase]))]);
    table(
      ["kernel", "ms a step", "calls a step"],
      kernels.slice(0, 12).map(({ name, ms, calls }) => [name, short(ms), short(calls)]),
    );
  }
}

function reportTrainingPeers(report) {
  header(report, "Training beside PyTorch");
  const rows = [];
  const targets = [];
  for (const { size, threads, results } of report.trainingCases) {
    for (const result of results) {
      const { peer, phases, ms, stepMs, kimgPerHour, detail } = result;
      const name = detail.kernels === undefined ? peer : `${peer} (${detail.kernels})`;
      const phaseMs = PHASES.map((phase) => short(phases[phase]));
      rows.push([size, result.threads, name, ...phaseMs, short(stepMs), short(Math.min(...ms)), short(kimgPerHour)]);
    }
    for (const own of results.filter(({ peer }) => peer in TARGETS)) {
      for (const theirs of results.filter(({ peer }) => peer.startsWith("pytorch"))) {
        const times = ratio(theirs, own);
        const target = theirs.threads === 1 ? TRAINING_TARGETS[threads] : undefined;
        const verdict = target === undefined ? null : verdictOf(times, target);
        targets.push([own.peer, theirs.peer, size, threads, times.toFixed(2), target?.join(" / "), verdict]);
      }
    }
  }
  table(["pixels", "threads", "", ...PHASES, "step ms", "fastest", "kimg/h"], rows);
  if (targets.length > 0) table(["ours", "beside", "pixels", "threads", "times faster", "must / aim", ""], targets);
}

for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, "utf8"));
  if (report.cases !== undefined) reportPeers(report);
  else if (report.trainingCases !== undefined) reportTrainingPeers(report);
  else reportBench(report);
}

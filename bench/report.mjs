/**
 * Turns what the benchmarks measured (--json FILE) into tables with every detail, as Markdown (the record is record.mjs's):
 *
 *   node bench/report.mjs out/bench.json out/peers.json out/trainingPeers.json
 */
import { readFileSync } from "node:fs";
import { median, short } from "./lib/table.mjs";

const PHASES = ["draws", "Gmain", "Greg", "Dmain", "Dreg", "between"];

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
  for (const { size, results } of report.trainingCases) {
    for (const result of results) {
      const { peer, phases, ms, stepMs, kimgPerHour, detail } = result;
      const name = detail.kernels === undefined ? peer : `${peer} (${detail.kernels})`;
      const phaseMs = PHASES.map((phase) => short(phases[phase]));
      rows.push([size, result.threads, name, ...phaseMs, short(stepMs), short(Math.min(...ms)), short(kimgPerHour)]);
    }
  }
  table(["pixels", "threads", "", ...PHASES, "step ms", "fastest", "kimg/h"], rows);
}

for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, "utf8"));
  if (report.cases !== undefined) reportPeers(report);
  else if (report.trainingCases !== undefined) reportTrainingPeers(report);
  else reportBench(report);
}

/**
 * What the distances between large sets of features take, and that they keep to the limits: 50,000 x 2048, as Inception gives.
 *
 *   node scripts/checks/largeMetrics.mjs [--count 50000] [--dims 2048] [--threads N] [--only frechet|manifold]
 *
 *   frechet    statistics of two sets, and the Frechet distance: the distance alone within 2 minutes
 *   manifold   precision and recall of two sets within 3 GB of memory, features included
 *
 * Each part prints its figures as soon as it has them (for the table "What it costs" of docs/metrics.md), so a check that was stopped
 * goes on with --only: at the full size frechet takes some 3 minutes of one core, manifold 13.
 * Features are normal numbers whose dimensions differ in scale; each part runs in a process of its own, whose peak is told.
 * Exits with 1 when a limit is passed. Needs the compiled library: npm run build.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { init, RandomState } from "../../dist/index.js";
import { featureStatistics, frechetDistance, manifoldPrecisionRecall } from "../../dist/stylegan/evaluation/index.js";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "50000" },
    dims: { type: "string", default: "2048" },
    threads: { type: "string" },
    only: { type: "string" },
    inside: { type: "string" },
  },
});
const [count, dims] = [Number(values.count), Number(values.dims)];
const LIMITS = { frechetSeconds: 120, manifoldBytes: 3e9 };

/** [count, dims], normal, about `shift`; dimension i has the deviation 1 / (1 + i / 64). */
function features(seed, shift) {
  const data = new Float32Array(count * dims);
  new RandomState(seed).fillNormal(data);
  for (let k = 0; k < data.length; k++) data[k] = (data[k] + shift) / (1 + (k % dims) / 64);
  return { data, count, dims };
}

function timed(body) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const value = body();
  const { user, system } = process.cpuUsage(cpu);
  return { value, seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

const took = ({ seconds, cpuSeconds }) => `${seconds.toFixed(1)} s (processor time ${cpuSeconds.toFixed(1)} s)`;

/** Peak of this process in bytes. */
const peak = () => process.resourceUsage().maxRSS * 1024;

const parts = {
  frechet() {
    const statistics = timed(() => [features(1, 0), features(2, 0.1)].map(featureStatistics));
    const distance = timed(() => frechetDistance(...statistics.value));
    console.log(`statistics of two sets of ${count} x ${dims}: ${took(statistics)}`);
    console.log(
      `Frechet distance of ${dims} dimensions: ${took(distance)}, ${distance.value.toPrecision(6)}; ` +
        `peak ${(peak() / 1e9).toFixed(2)} GB`,
    );
    return distance.seconds <= LIMITS.frechetSeconds;
  },
  manifold() {
    const [real, fake] = [features(1, 0), features(2, 0.1)];
    const result = timed(() => manifoldPrecisionRecall(real, fake));
    const { precision, recall } = result.value;
    console.log(
      `precision and recall of ${count} x ${dims}: ${took(result)}, ${precision.toFixed(4)} and ${recall.toFixed(4)}; ` +
        `peak ${(peak() / 1e9).toFixed(2)} GB`,
    );
    return peak() <= LIMITS.manifoldBytes;
  },
};

if (values.inside !== undefined) {
  await init(values.threads === undefined ? {} : { threads: Number(values.threads) });
  const isWithin = parts[values.inside]();
  if (!isWithin) console.error(`FAILED ${values.inside}: past its limit`);
  process.exit(isWithin ? 0 : 1);
}
let failures = 0;
for (const part of values.only === undefined ? Object.keys(parts) : [values.only]) {
  if (parts[part] === undefined) throw new Error(`--only: expected one of ${Object.keys(parts).join(", ")}`);
  console.log(`${part}: ${count} x ${dims}, begun ${new Date().toISOString().slice(11, 19)}`);
  const args = [process.argv[1], "--inside", part, "--count", String(count), "--dims", String(dims)];
  const threads = values.threads === undefined ? [] : ["--threads", values.threads];
  if (spawnSync(process.execPath, [...args, ...threads], { stdio: "inherit" }).status !== 0) failures++;
}
process.exit(failures === 0 ? 0 : 1);

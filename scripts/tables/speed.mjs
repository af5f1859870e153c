/**
 * The time of a training step of some rows, on one thread, in turns: docs/tables/speed.json.
 *
 *   node scripts/tables/speed.mjs ROW... [--rounds 8] [--work FOLDER]
 *
 * Sixteen steps of each row in turn, since penalties come every 16th step at most; of the rounds the median. Networks that
 * grow are timed where all layers run. Only rows of one call can be compared.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepareFaces } from "./data.mjs";
import { writeJson } from "./files.mjs";
import { activeKernels, buildRun, defineRun, init, openDataset, scope, setLod, trainingStep } from "./library.mjs";
import { readPlan, resolveRow } from "./plan.mjs";

const STEPS = 16;
const root = resolve(import.meta.dirname, "..", "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "8" },
    work: { type: "string", default: join(root, "out", "tables") },
  },
});
const plan = readPlan(join(root, "docs", "tables", "plan.json"));
await init({ threads: 1 });
const { images } = prepareFaces(join(values.work, "data"), console.log);

const runs = positionals.map((name) => {
  const { options, settings } = resolveRow(plan, name);
  const dataset = openDataset(images, options);
  const definition = defineRun(images, dataset, options, null);
  const run = buildRun({ ...definition, settings: { ...definition.settings, ...settings } }, dataset);
  const { generator, discriminator, average } = run.state;
  if (definition.schedule !== null) for (const network of [generator, discriminator, average]) setLod(network, 0);
  return { name, run, batch: definition.batch, times: [] };
});

/** Sixteen steps; milliseconds of one. */
function time({ run: { state, dataset, order, samplerFor }, batch }) {
  const began = performance.now();
  for (let step = 0; step < STEPS; step++) {
    scope(() => {
      const inputs = samplerFor(batch).draw(state);
      trainingStep(state, { ...inputs, real: dataset.images(order.next(batch)), realC: null });
    });
  }
  return (performance.now() - began) / STEPS;
}

for (const run of runs) time(run); // engines optimise what runs often
for (let round = 0; round < Number(values.rounds); round++) for (const run of runs) run.times.push(time(run));
const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
writeJson(join(root, "docs", "tables", "speed.json"), {
  node: process.version,
  kernels: activeKernels().name,
  threads: 1,
  steps: STEPS * Number(values.rounds),
  millisecondsPerStep: Object.fromEntries(runs.map(({ name, times }) => [name, Number(median(times).toFixed(2))])),
});
for (const { name, times } of runs) console.log(`${name}  ${median(times).toFixed(1)} ms a step`);
process.exit(0);

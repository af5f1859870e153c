/**
 * The time of a training step of some rows, on one thread, in turns: docs/tables/speed.json.
 *
 *   node scripts/tables/speed.mjs ROW... [--rounds 8] [--work FOLDER]
 *
 * Sixteen steps of each row in turn, since penalties come every 16th step at most; of the rounds the median. Networks that
 * grow are timed at every stage of their schedule: a step is one where all layers run, a run is the whole of it. Only rows of
 * one call can be compared.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepareFaces } from "./data.mjs";
import { writeJson } from "./files.mjs";
import {
  activeKernels,
  buildRun,
  defineRun,
  init,
  momentAt,
  openDataset,
  scope,
  setLod,
  trainingStep,
} from "./library.mjs";
import { readPlan, resolveRow } from "./plan.mjs";

const STEPS = 16;
/** Moments of a run that are looked at; divides the plan's budget so that every stage of its schedule is met. */
const MOMENTS = 12;
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

/** The moments of a run that are timed, and how many of its steps each stands for: as many as the schedule has stages. */
function stagesOf({ batch, schedule }, kimg) {
  const lods = Array.from({ length: MOMENTS }, (_, at) =>
    schedule === null ? 0 : momentAt(schedule, ((at + 0.5) / MOMENTS) * kimg * 1000).lod,
  );
  const steps = (kimg * 1000) / batch / MOMENTS;
  return [...new Set([...lods, 0])].map((lod) => ({
    lod,
    steps: steps * lods.filter((other) => other === lod).length,
    times: [],
  }));
}

const runs = positionals.map((name) => {
  const { options, settings, kimg } = resolveRow(plan, name);
  const dataset = openDataset(images, options);
  const definition = defineRun(images, dataset, options, null);
  const run = buildRun({ ...definition, settings: { ...definition.settings, ...settings } }, dataset);
  return { name, run, ...definition, stages: stagesOf(definition, kimg) };
});

/** Sixteen steps at a stage; milliseconds of one. */
function time({ run: { state, dataset, order, samplerFor }, batch, schedule }, { lod }) {
  if (schedule !== null)
    for (const network of [state.generator, state.discriminator, state.average]) setLod(network, lod);
  const began = performance.now();
  for (let step = 0; step < STEPS; step++) {
    scope(() => {
      const inputs = samplerFor(batch).draw(state);
      trainingStep(state, { ...inputs, real: dataset.images(order.next(batch)), realC: null });
    });
  }
  return (performance.now() - began) / STEPS;
}

const turns = runs.flatMap((run) => run.stages.map((stage) => ({ run, stage })));
for (const { run, stage } of turns) time(run, stage); // engines optimise what runs often
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { run, stage } of turns) stage.times.push(time(run, stage));
}
const median = ({ times }) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
const perStep = ({ stages }) => median(stages.find(({ lod }) => lod === 0));
const perRun = ({ stages }) => stages.reduce((sum, stage) => sum + (stage.steps * median(stage)) / 1000, 0);
const ofAll = (measure, digits) =>
  Object.fromEntries(runs.map((run) => [run.name, Number(measure(run).toFixed(digits))]));
writeJson(join(root, "docs", "tables", "speed.json"), {
  node: process.version,
  kernels: activeKernels().name,
  threads: 1,
  steps: STEPS * Number(values.rounds),
  millisecondsPerStep: ofAll(perStep, 2),
  secondsPerRun: ofAll(perRun, 1),
});
for (const run of runs) {
  console.log(`${run.name}  ${perStep(run).toFixed(1)} ms a step, ${perRun(run).toFixed(0)} s a run`);
}
process.exit(0);

/**
 * Do two checkouts compute the same, bit for bit?
 *
 *   node scripts/checks/sameBits.mjs OLD NEW [--threads N]
 *
 * Both must be built (npm run build). In each are made, in a process of its own:
 *
 *   start      the images of `npm start`
 *   generate   two seeds of every checkpoint under OLD's tests/fixtures, as PNG and as float32, with noise of each kind
 *   train      three steps of every fixture of training, on the float64 reference and on SIMD: all parameters, averages and
 *              buffers afterwards, and the gradients on the way
 *
 * Every file and every tensor is compared by its hash, PNG files by that of their pixels. Prints what differs and exits with 1, or how much agrees.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const STEPS = 3;
const GOLDEN = ".golden.safetensors";
/** Settings that goldens have under the same names, in snake case. */
const SETTINGS = ["r1Gamma", "plWeight", "plDecay", "gRegInterval", "dRegInterval", "emaKimg", "emaRampup"];
const NETWORKS = /\.(pkl|pt|pth|safetensors)$/;

const text = { type: "string" };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: text, of: text, fixtures: text, into: text },
});
const threads = values.threads === undefined ? undefined : Number(values.threads);

if (values.of !== undefined) await describeCheckout(values.of, values.fixtures, values.into);
else if (positionals.length === 2) compareCheckouts(...positionals.map((path) => resolve(path)));
else {
  console.error("usage: node scripts/checks/sameBits.mjs OLD NEW [--threads N], two checkouts that are built");
  process.exitCode = 2;
}

function compareCheckouts(before, after) {
  const scratch = mkdtempSync(join(tmpdir(), "same-bits-"));
  try {
    const [old, now] = [before, after].map((checkout, index) => {
      if (!existsSync(join(checkout, "dist", "index.js"))) {
        throw new Error(`${checkout}: expected a checkout that is built, got none; run npm run build there`);
      }
      const into = join(scratch, `${index}.json`);
      const given = ["--of", checkout, "--fixtures", join(before, "tests", "fixtures"), "--into", into];
      if (threads !== undefined) given.push("--threads", String(threads));
      execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...given], {
        cwd: checkout,
        stdio: ["ignore", "ignore", "pipe"],
      });
      return JSON.parse(readFileSync(into, "utf8"));
    });
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    const different = names.filter((name) => old[name] !== now[name]);
    for (const name of different) {
      const how = name in old ? (name in now ? "differs" : "is missing in the new one") : "is new";
      console.log(`${name}: ${how}`);
    }
    console.log(`${names.length - different.length} of ${names.length} hashes agree`);
    process.exitCode = different.length === 0 && names.length > 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Writes the hashes of all that one checkout makes, by name. */
async function describeCheckout(checkout, fixtures, into) {
  const hashes = {};
  const note = (name, bytes) => {
    if (name in hashes) throw new Error(`two things are called ${name}`);
    hashes[name] = createHash("sha256").update(bytes).digest("hex");
  };
  const scratch = mkdtempSync(join(tmpdir(), "same-bits-of-"));
  try {
    const library = await import(pathToFileURL(join(checkout, "dist", "index.js")));
    const { runCli } = await import(pathToFileURL(join(checkout, "dist", "cli", "program.js")));
    const run = async (folder, command) => {
      const given = threads === undefined ? [] : ["--threads", String(threads)];
      const code = await runCli([...command, ...given, "--outdir", join(scratch, folder)]);
      if (code !== 0) throw new Error(`${checkout}: ${command.join(" ")}: exit code ${code}`);
    };
    execFileSync(process.execPath, [join(checkout, "scripts", "start.mjs"), join(scratch, "start")], { cwd: checkout });

    await library.init({ threads });
    for (const path of filesUnder(fixtures).filter((file) => NETWORKS.test(file) && !file.endsWith(GOLDEN))) {
      const checkpoint = await library.loadCheckpoint(path).catch(() => null);
      if (checkpoint === null) note(`generate/${basename(path)}`, "no networks");
      const { g, gEma } = checkpoint ?? {};
      const network = gEma ?? g;
      if (network === null || network === undefined) continue;
      const conditional = network.config.cDim > 0 ? ["--class", "1"] : [];
      for (const [format, noise] of [
        ["png", "const"],
        ["npy", "const"],
        ["npy", "random"],
        ["npy", "none"],
      ]) {
        const options = ["--seeds", "0,85", "--trunc", "0.7", "--format", format, "--noise-mode", noise];
        const folder = join("generate", basename(path), `${format}-${noise}`);
        await run(folder, ["generate", "--network", path, ...options, ...conditional]);
      }
    }
    const { decodePixels } = await import(pathToFileURL(join(checkout, "dist", "formats", "index.js")));
    for (const path of filesUnder(scratch)) {
      const bytes = readFileSync(path);
      note(path.slice(scratch.length + 1), path.endsWith(".png") ? pixelsOf(decodePixels(bytes)) : bytes);
    }

    for (const path of filesUnder(fixtures).filter((file) => file.endsWith(GOLDEN))) {
      const golden = readSafetensors(path);
      if (!golden.names.some((name) => name.startsWith("step0/Gmain/"))) continue;
      for (const kernels of ["reference", "simd"]) {
        await library.init({ kernels, threads });
        await train({ checkout, library, path, golden, note: (name, data) => note(`train/${kernels}/${name}`, data) });
      }
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  writeFileSync(into, JSON.stringify(hashes));
}

/** The size of an image and its pixels. */
function pixelsOf({ width, height, channels, data }) {
  return Buffer.concat([Buffer.from(`${width} ${height} ${channels} `), data]);
}

/** Trains a fixture, with the inputs that its golden file has for each step. */
async function train({ checkout, library, path, golden, note }) {
  const trainingStep = await exported(checkout, "trainingStep");
  const TrainingState = await exported(checkout, "TrainingState");
  const name = basename(path, GOLDEN);
  const checkpoint = filesUnder(join(path, "..")).find(
    (file) => NETWORKS.test(file) && !file.endsWith(GOLDEN) && basename(file).startsWith(`${name}.`),
  );
  const { g, d, gEma } = await library.loadCheckpoint(checkpoint);
  const meta = (key) => Number(golden.metadata[key]);
  const state = new TrainingState(
    { generator: g, discriminator: d, average: gEma },
    {
      generatorLearningRate: meta("lr"),
      discriminatorLearningRate: meta("lr"),
      betas: JSON.parse(golden.metadata.betas),
      epsilon: meta("eps"),
      ...Object.fromEntries(SETTINGS.map((name) => [name, meta(name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`))])),
    },
  );
  for (let step = 0; step < STEPS; step++) {
    // A golden has as many steps as it has; from then on, its last one again.
    const at = [step, step - 1, step - 2].map((k) => `step${k}`).find((prefix) => golden.has(`${prefix}/real`));
    trainingStep(state, stepInputs(library.Tensor, golden, at), (phase, tensors) => {
      tensors.forEach((tensor, index) => {
        note(`${name}/step${step}/${phase}/gradient${index}`, bytesOf(tensor));
      });
    });
  }
  const networks = { g: state.generator, d: state.discriminator, gEma: state.average };
  for (const [prefix, { parameters, buffers }] of Object.entries(networks)) {
    for (const [key, tensor] of [...parameters, ...buffers]) note(`${name}/${prefix}/${key}`, bytesOf(tensor));
  }
}

function stepInputs(Tensor, golden, at) {
  const tensor = (name) => Tensor.from(golden.data(name), golden.shape(name));
  const [batch] = golden.shape(`${at}/real`);
  const latents = (phase, rows) => {
    const head = (name) => {
      const [, features] = golden.shape(name);
      return Tensor.from(golden.data(name).subarray(0, rows * features), [rows, features]);
    };
    const c = golden.has(`${phase}/c`) ? head(`${phase}/c`) : null;
    return { z: head(`${phase}/z`), c, mixing: null, noiseSeed: null };
  };
  const greg = golden.has(`${at}/Greg/z`);
  const pathBatch = batch / Number(golden.metadata.pl_batch_shrink);
  return {
    real: tensor(`${at}/real`),
    realC: golden.has(`${at}/real_c`) ? tensor(`${at}/real_c`) : null,
    Gmain: { ...latents(`${at}/Gmain`, batch), augment: null },
    Greg: greg ? { ...latents(`${at}/Greg`, pathBatch), plNoise: tensor(`${at}/Greg/pl_noise`) } : null,
    Dmain: { ...latents(`${at}/Dmain`, batch), augmentFake: null, augmentReal: null, interpolation: null },
    Dreg: golden.has(`${at}/Dreg/z`) ? { augmentReal: null } : null,
  };
}

function bytesOf(tensor) {
  return new Uint8Array(tensor.toFloat64Array().buffer);
}

/** An export of the compiled library by its name: files move from checkout to checkout. */
async function exported(checkout, name) {
  const declares = new RegExp(`^export (async )?(function|class|const) ${name}\\b`, "m");
  const files = filesUnder(join(checkout, "dist")).filter((file) => file.endsWith(".js"));
  const file = files.find((path) => declares.test(readFileSync(path, "utf8")));
  if (file === undefined) throw new Error(`${checkout}: nothing under dist/ exports ${name}`);
  return (await import(pathToFileURL(file)))[name];
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Names, shapes and numbers of a safetensors file, read without the library, whose readers may differ. */
function readSafetensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
  const types = { F64: Float64Array, F32: Float32Array, U8: Uint8Array };
  return {
    metadata,
    names: Object.keys(entries),
    has: (name) => name in entries,
    shape: (name) => entries[name].shape,
    data: (name) => {
      const { dtype, data_offsets: offsets } = entries[name];
      const [begin, end] = offsets.map((offset) => bytes.byteOffset + start + offset);
      return Float64Array.from(new types[dtype](bytes.buffer.slice(begin, end)));
    },
  };
}

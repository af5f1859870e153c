/**
 * Compiles assembly/ into build/, once for each variant of the kernels, and puts what a program has to load into modules:
 *
 *   build/stylegan-*.wasm           the kernels; the settings that all variants share are in asconfig.json
 *   build/stylegan-worker.js        the program of a thread, which imports nothing: threads/pool.ts and worker.ts in one script
 *   src/nn/kernels/wasm/generated/  the same as text inside modules, so that no bundler has to know of other files
 *
 * What is there already, made from the same sources by the same compilers, stays as it is. Zopfli's gzip is 5 % smaller than zlib's best,
 * a KB of each build: pages load them, and the package weighs them.
 *
 * A variant differs only in compiler features and in whether functions hold pairs of vectors; `assembly/vector.ts` reads
 * both. A build for shared memory would differ from
 * a plain one in the flag byte of its memory alone, which is set when it is loaded (src/nn/kernels/wasm/load.ts).
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import zopfli from "@gfx/zopfli";
import asc from "assemblyscript/asc";
import ts from "typescript";

const GENERATED = "src/nn/kernels/wasm/generated";
/**
 * Static data of `wide` lies at 1024, as in the others, but said aloud: unasked, the compiler takes it that nothing lies below, and moves
 * added constants into the offset of the lower half of a pair, but not of the upper one, so that V8 sees two bases and joins nothing.
 */
const wide = ["--enable", "relaxed-simd", "--use", "STYLEGAN_WIDE=1", "--memoryBase", "1024"];
const variants = { simd: [], "relaxed-simd": ["--enable", "relaxed-simd"], wide };

/** Of those that TypeScript compiles alike: plain names at the top, nothing imported from elsewhere. */
const workerSources = ["src/nn/kernels/wasm/threads/pool.ts", "src/nn/kernels/wasm/threads/worker.ts"];

const outputs = [
  ...Object.keys(variants).flatMap((name) => [`build/stylegan-${name}.wasm`, `${GENERATED}/${fileName(name)}.ts`]),
  "build/stylegan-worker.js",
  `${GENERATED}/worker.ts`,
];
const fingerprint = await fingerprintOfInputs();
if ((await readOr("build/inputs.sha256", "")) === fingerprint && outputs.every(existsSync)) process.exit(0);

await mkdir("build", { recursive: true });
await mkdir(GENERATED, { recursive: true });
const { only, rest } = takeOnly(process.argv.slice(2));
for (const [variant, features] of Object.entries(variants)) {
  if (only !== undefined && !only.split(",").includes(variant)) continue;
  const outFile = `build/stylegan-${variant}.wasm`;
  const { error, stdout, stderr } = await asc.main(
    ["--config", "asconfig.json", "--outFile", outFile, ...features, ...rest],
    {},
  );
  process.stdout.write(stdout.toString());
  if (error !== null) {
    process.stderr.write(stderr.toString());
    process.stderr.write(`${outFile}: ${error.message}\n`);
    process.exit(1);
  }
  await writeModule(variant, `The kernels, variant ${variant}: a WebAssembly module, gzipped, in base64.`, {
    kernels: Buffer.from(await zopfli.gzipAsync(await readFile(outFile), { numiterations: 15 })).toString("base64"),
  });
}
const worker = await workerScript();
await writeFile("build/stylegan-worker.js", worker);
await writeModule("worker", "The program of a thread (pool.ts and worker.ts), as text.", { workerScript: worker });
await writeFile("build/inputs.sha256", fingerprint);

/** Of all that the outputs follow from. */
async function fingerprintOfInputs() {
  const assembly = await readdir("assembly", { recursive: true });
  const sources = assembly
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `assembly/${name.replaceAll("\\", "/")}`);
  const settings = ["asconfig.json", "package-lock.json", "scripts/build/wasm.mjs", ...workerSources];
  const hash = createHash("sha256").update(JSON.stringify(process.argv.slice(2)));
  for (const path of [...sources.sort(), ...settings]) hash.update(path).update(await readOr(path, ""));
  return hash.digest("hex");
}

async function readOr(path, otherwise) {
  return existsSync(path) ? readFile(path, "utf8") : otherwise;
}

function fileName(variant) {
  return variant.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

/** `--only VARIANT,VARIANT` is ours; everything else goes to the compiler. */
function takeOnly(args) {
  const at = args.indexOf("--only");
  return at < 0 ? { rest: args } : { only: args[at + 1], rest: args.toSpliced(at, 2) };
}

/** The sources without types, imports and exports, one after the other, inside a function; minified, as every page that has threads loads it. */
async function workerScript() {
  const parts = await Promise.all(
    workerSources.map(async (path) => {
      const { outputText } = ts.transpileModule(await readFile(path, "utf8"), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, removeComments: true },
      });
      return outputText.replace(/^import .*;\n/gm, "").replace(/^export (?!\{)/gm, "");
    }),
  );
  const text = `(() => {\n${parts.join("")}})();\n`;
  if (/^\s*(import|export)\b|\bimport\(/m.test(text)) {
    throw new Error(`${workerSources.join(" and ")} must import each other only, and export declarations only`);
  }
  const { minifySync } = await import("vite");
  const { code, errors } = minifySync("worker.js", text);
  if (errors.length > 0) throw new Error(`the program of a thread: ${errors[0].message}`);
  return `${code}\n`;
}

/** A module that exports texts. The types are written down: inferred, they would repeat the texts. */
async function writeModule(name, says, texts) {
  const lines = Object.entries(texts).map(
    ([key, text]) => `export const ${key}: string =\n  ${JSON.stringify(text)};\n`,
  );
  await writeFile(
    `${GENERATED}/${fileName(name)}.ts`,
    `/** ${says} Written by scripts/build/wasm.mjs. */\n${lines.join("")}`,
  );
}

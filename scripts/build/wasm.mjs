/**
 * Compiles assembly/ into build/: every variant of the kernels, for plain and for shared memory. The settings that all
 * share are in asconfig.json. A variant differs only in compiler features; `assembly/vector.ts` reads them.
 */
import { mkdir } from "node:fs/promises";
import asc from "assemblyscript/asc";

const variants = {
  simd: [],
  "relaxed-simd": ["--enable", "relaxed-simd"],
};
const memories = {
  "": [],
  "-shared": ["--enable", "threads", "--sharedMemory"],
};

await mkdir("build", { recursive: true });
for (const [variant, features] of Object.entries(variants)) {
  for (const [memory, options] of Object.entries(memories)) {
    const outFile = `build/stylegan-${variant}${memory}.wasm`;
    const { error, stdout, stderr } = await asc.main(
      ["--config", "asconfig.json", "--outFile", outFile, ...features, ...options, ...process.argv.slice(2)],
      {},
    );
    process.stdout.write(stdout.toString());
    if (error !== null) {
      process.stderr.write(stderr.toString());
      process.stderr.write(`${outFile}: ${error.message}\n`);
      process.exit(1);
    }
  }
}

/** The page's pixels are Node's, isolated or not. */
import { init, loadCheckpoint, scope, seedsToZ, Tensor, toPixels } from "../../../dist/index.js";
import { assert, chooseFile, fixture, open, pixels, serve, set, ways } from "../support.mjs";

const cases = [
  { file: "sg2ada-r64-fp16-clamp.pkl", seed: 85, psi: 0.7, label: null },
  { file: "sg2ada-r32-cond5.pkl", seed: 6600, psi: 1, label: 3 },
  { file: "sg2ada-r32-gray.pkl", seed: 1, psi: 0.5, label: null },
  { file: "tf-stylegan1-r32.pkl", seed: 0, psi: 0.7, label: null },
  { file: "rosinality-r32-zip.pt", seed: 4294967295, psi: 0.7, label: null },
];

/** The same image by Node. */
async function nodePixels({ file, seed, psi, label }) {
  await init({ threads: 1 });
  const { gEma } = await loadCheckpoint(fixture(file), { networks: ["gEma"] });
  const { imgChannels, cDim, zDim } = gEma;
  const bytes = scope(() => {
    const oneHot = Array.from({ length: cDim }, (_, index) => (index === label ? 1 : 0));
    const c = label === null ? null : Tensor.from(oneHot, [1, cDim]);
    return toPixels(gEma.forward(seedsToZ([seed], zDim), c, { truncationPsi: psi, noiseMode: "const" }));
  });
  return Array.from({ length: (4 * bytes.length) / imgChannels }, (_, at) =>
    at % 4 === 3 ? 255 : bytes[(at >> 2) * imgChannels + (imgChannels === 1 ? 0 : at % 4)],
  );
}

export async function checkPixels({ browser, check }) {
  for (const [name, options] of Object.entries(ways)) {
    await check(`pixels of five checkpoints are Node's within 1: ${name}`, async () => {
      const server = await serve(options);
      try {
        const { page, problems } = await open(browser, server);
        const isIsolated = await page.evaluate(() => crossOriginIsolated);
        assert(isIsolated === (name !== "not isolated"), `crossOriginIsolated is ${isIsolated}`);
        const notes = [];
        for (const one of cases) {
          const { state, status } = await chooseFile(page, fixture(one.file));
          assert(state === "ready", `${one.file}: ${status}`);
          if (one.label !== null) await set(page, "class", one.label);
          await set(page, "psi", one.psi);
          const told = await set(page, "seed", one.seed);
          const cores = await page.evaluate(() => navigator.hardwareConcurrency);
          const expected = isIsolated && cores > 1 ? `${cores} threads` : "one thread";
          assert(told.status.includes(expected), `expected ${expected}, the page says: ${told.status}`);
          notes.push(compare(one.file, (await pixels(page)).data, await nodePixels(one)));
        }
        const serious = problems.filter((problem) => !problem.includes("isolation.js") && !problem.includes("404"));
        assert(serious.length === 0, serious.join("; "));
        await page.close();
        return notes.join(", ");
      } finally {
        server.close();
      }
    });
  }
}

/** Engines may or may not fuse multiplication and addition: one level here and there. */
function compare(file, shown, expected) {
  assert(shown.length === expected.length, `${file}: ${shown.length} numbers, expected ${expected.length}`);
  const largest = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - shown[at])), 0);
  assert(largest <= 1, `${file}: pixels differ by up to ${largest}`);
  const same = expected.filter((value, at) => value === shown[at]).length / expected.length;
  assert(same > 0.999, `${file}: only ${(100 * same).toFixed(2)} % of the pixels are the same`);
  return `${(100 * same).toFixed(2)} %`;
}

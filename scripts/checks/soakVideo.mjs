/**
 * Makes films of thousands of frames and demands that they fit into the memory of the first ones.
 *
 *   node scripts/checks/soakVideo.mjs [--frames 2000] [--endings png,gif,frames,mp4,webm] [--network FILE]
 *
 * A line for each ending: what the process has grown by after the first tenth, and its kernels. Exits with 1 when the process grows by
 * more than 64 MiB from there, or the kernels hold more after a frame than after the tenth one. Endings that need ffmpeg are left out, and
 * that is said, where there is none. Needs the compiled library: npm run build.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCli } from "../../dist/cli/program.js";
import { hasFfmpeg } from "../../dist/cli/video/ffmpeg.js";
import { activeKernels } from "../../dist/nn/backend.js";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "2000" },
    endings: { type: "string", default: "png,gif,frames,mp4,webm" },
    network: { type: "string" },
  },
});
const KEYS = 4;
const SETTLED_AFTER = 10;
const LIMIT_BYTES = 64 * 2 ** 20;
const frames = Number(values.frames);
const endings = values.endings.split(",");
if (!Number.isInteger(frames / KEYS) || frames < 200 || !endings.every((ending) => /^\w+$/.test(ending))) {
  console.error("usage: soakVideo.mjs [--frames N, a multiple of 4, at least 200] [--endings LIST] [--network FILE]");
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "stylegan-film-"));
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

async function film(ending) {
  const path = join(folder, ending === "frames" ? "frames" : `film.${ending}`);
  const network = values.network === undefined ? [] : ["--network", values.network];
  const rest = ["--w-frames", String(frames / KEYS), "--fps", "30", "--trunc", "0.7", "--output", path];
  let seen = 0;
  let early = 0;
  let most = 0;
  let settled = null;
  const problems = [];
  // The command redraws its line with every frame, which is where to look from.
  const err = (text) => {
    if (!text.includes("frames")) return;
    seen++;
    const resident = process.memoryUsage.rss();
    if (seen === Math.floor(frames / 10)) early = resident;
    if (early > 0) most = Math.max(most, resident);
    const { usedBytes } = activeKernels().memory();
    if (seen === SETTLED_AFTER) settled = usedBytes;
    if (settled !== null && usedBytes !== settled && problems.length === 0) {
      problems.push(`kernels hold ${usedBytes} bytes after frame ${seen}, ${settled} after ${SETTLED_AFTER}`);
    }
  };
  const terminal = { out: () => {}, err, isInteractive: true, columns: 80 };
  const started = performance.now();
  const code = await runCli(["video", ...network, "--seeds", `0-${KEYS - 1}`, ...rest], terminal);
  rmSync(path, { recursive: true, force: true });
  if (code !== 0) problems.push(`the command ended with ${code}`);
  if (seen !== frames) problems.push(`${seen} frames were told of`);
  const grown = most - early;
  if (grown > LIMIT_BYTES) problems.push(`the process grew by ${mebibytes(grown)}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${ending}: ${seen} frames in ${seconds} s, ${mebibytes(early)} resident after a tenth, at most ${mebibytes(grown)} more; ` +
      `kernels ${mebibytes(settled ?? 0)}${problems.length === 0 ? "" : `: FAILED: ${problems.join("; ")}`}`,
  );
  return problems.length === 0;
}

/** A process for each ending: the networks of the films before it would be collected in its course. */
function filmAlone(ending) {
  const network = values.network === undefined ? [] : ["--network", values.network];
  const args = [process.argv[1], "--frames", String(frames), "--endings", ending, ...network];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0;
}

let isFlat = true;
try {
  for (const ending of endings) {
    if (["mp4", "webm"].includes(ending) && !hasFfmpeg()) console.log(`${ending}: left out, there is no ffmpeg here`);
    else isFlat = (endings.length === 1 ? await film(ending) : filmAlone(ending)) && isFlat;
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(isFlat ? 0 : 1);

/** Whole images, w's to pixels, of config F: sizes, batches and threads, each in a pinned process of its own. */
import { Bench } from "tinybench";
import { RandomState } from "../dist/index.js";
import { convFlops, networkFiles } from "./lib/networkFiles.mjs";
import { PeerProcess } from "./lib/peerProcess.mjs";
import { printTable, short } from "./lib/table.mjs";

/**
 * @param {{ sizes: number[], batches: number[], threads: number[], timeMs: number, wide: boolean, node: string }} options
 * @returns {Promise<object[]>} one record a setting
 */
export async function benchNetworks({ sizes, batches, threads, timeMs, wide, node }) {
  const records = [];
  for (const resolution of sizes) {
    const { native, config } = await networkFiles(resolution);
    for (const batch of batches) {
      for (const count of threads) {
        const setting = { resolution, batch, threads: count };
        records.push({ ...setting, ...(await measure({ ...setting, native, config, timeMs, wide, node })) });
      }
    }
  }
  printTable(
    "config F, w's to images",
    ["size", "batch", "threads", "ms/image", "min", "images/s", "GFLOP/s", "load ms", "first ms", "peak RSS MB"],
    records.map((record) => [
      record.resolution,
      record.batch,
      record.threads,
      short(record.medianMs),
      short(record.minMs),
      short(1000 / record.medianMs),
      short(record.gflops),
      record.startMs.load.toFixed(0),
      record.startMs.firstImage.toFixed(0),
      record.peakRssMb.toFixed(0),
    ]),
  );
  return records;
}

async function measure({ native, config, resolution, batch, threads, timeMs, wide, node }) {
  const shape = [batch, config.mapping.numWs, config.wDim];
  const random = new RandomState(1);
  const ws = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.normal());
  const task = { module: "./stylegan.mjs", native, onnx: null, threads, shape, ws, wide };
  const child = await PeerProcess.start(task, { node });
  try {
    const bench = new Bench({ time: timeMs, iterations: 3, warmupTime: 0, warmupIterations: 1, throws: true });
    bench.add(`${resolution}`, async () => ({ overriddenDuration: await child.run() }));
    await bench.run();
    const { p50, min, samplesCount } = bench.tasks[0].result.latency;
    return {
      medianMs: p50 / batch,
      minMs: min / batch,
      samples: samplesCount,
      gflops: (convFlops(config) * batch) / p50 / 1e6,
      peakRssMb: await child.peakRssMb(),
      startMs: child.ready.startMs,
      coldMs: child.ready.coldMs,
      detail: child.ready.detail,
    };
  } finally {
    await child.stop();
  }
}

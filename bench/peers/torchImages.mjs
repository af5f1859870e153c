/** PyTorch's images: the synthesis network in the forms of the official code on a CPU. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTorch } from "../lib/torchProcess.mjs";

export async function load({ python, native, threads, shape, ws, resolution }) {
  const folder = mkdtempSync(join(tmpdir(), "torch-images-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [input, into] = ["ws.bin", "images.bin"].map((name) => join(folder, name));
  writeFileSync(input, new Uint8Array(ws.buffer, ws.byteOffset, ws.byteLength));
  const ask = startTorch(python, threads);
  const { versions, detail } = await ask({ kind: "load images", file: native, resolution, ws: input, shape, threads });
  return {
    versions,
    detail,
    run: () => ask({ kind: "images" }),
    output: async () => {
      await ask({ kind: "images", into });
      const bytes = readFileSync(into);
      const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      return { data: Float32Array.from(data), shape: [shape[0], 3, resolution, resolution] };
    },
    peakRssMb: async () => (await ask({ kind: "stats" })).peakRssMb,
  };
}

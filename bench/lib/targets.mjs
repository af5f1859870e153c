/** Times faster than others: what must hold, and what is aimed for. */
const IMAGES = {
  "stylegan-cli": {
    "onnxruntime-node": { "1024:1": [1.85, 2], "1024:2": [1.85, 2.1], "256:1": [1.22, 1.4], "256:2": [1.3, 1.5] },
    "onnxruntime-web": { "1024:1": [4.5, 6], "256:1": [6, 8] },
  },
  stylegan: { "onnxruntime-node": { "1024:1": [1.1, 1.2], "256:1": [0.82, 0.95] } },
};

/** Than PyTorch on one core, whatever our threads, with what `stylegan train` does by default. */
const TRAINING = { 1: [1.6, 2], 2: [2.8, 3.6] };
const TWO_THREADS = [1.85, 2];

/** @returns {[must: number, aim: number] | undefined} */
export function targetOf({ kind, size, threads, ours, peer }) {
  if (peer === "one thread") return threads === 2 ? TWO_THREADS : undefined;
  if (kind === "images") return IMAGES[ours]?.[peer]?.[`${size}:${threads}`];
  const isOneCore = peer === (threads === 1 ? "pytorch" : "pytorch, 1 thread");
  return ours === "stylegan-cli" && isOneCore ? TRAINING[threads] : undefined;
}

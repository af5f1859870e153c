/**
 * The most that one core can compute in WebAssembly SIMD: twelve independent accumulators c = c a + b that never leave
 * the registers. Kernels are compared with this number, measured in the same process.
 */
import { performance } from "node:perf_hooks";

const ACCUMULATORS = 12;
const UNROLL = 4;
const LANES = 4;
const FLOPS_PER_ITERATION = ACCUMULATORS * UNROLL * LANES * 2;

// Opcodes of the WebAssembly specification, section 5.4.
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const SPLAT = [0xfd, 0x13];
const F32X4_MUL = [0xfd, 0xe6, 0x01];
const F32X4_ADD = [0xfd, 0xe4, 0x01];
const RELAXED_MADD = [0xfd, 0x85, 0x02];

const unsigned = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]);
const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
const float = (value) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];

/** (iterations: i32) -> f32. Locals: 0 the counter, 1 a, 2 b, 3... the accumulators. */
function probe(relaxed) {
  const accumulators = Array.from({ length: ACCUMULATORS }, (_, k) => 3 + k);
  const step = (c) =>
    relaxed
      ? [LOCAL_GET, c, LOCAL_GET, 1, LOCAL_GET, 2, ...RELAXED_MADD, LOCAL_SET, c]
      : [LOCAL_GET, c, LOCAL_GET, 1, ...F32X4_MUL, LOCAL_GET, 2, ...F32X4_ADD, LOCAL_SET, c];
  const body = [
    ...[1, ...unsigned(2 + ACCUMULATORS), 0x7b], // one group of locals, v128
    ...[...float(0.999), ...SPLAT, LOCAL_SET, 1],
    ...[...float(0.001), ...SPLAT, LOCAL_SET, 2],
    ...accumulators.flatMap((c) => [...float(c / 8), ...SPLAT, LOCAL_SET, c]),
    ...[0x03, 0x40], // loop
    ...Array.from({ length: UNROLL }, () => accumulators.flatMap(step)).flat(),
    ...[LOCAL_GET, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b], // counter - 1, again while it is not 0
    ...[LOCAL_GET, accumulators[0]],
    ...accumulators.slice(1).flatMap((c) => [LOCAL_GET, c, ...F32X4_ADD]),
    ...[0xfd, 0x1f, 0, 0x0b], // lane 0, end
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, ...sized([1, 0x60, 1, 0x7f, 1, 0x7d])],
    ...[0x03, ...sized([1, 0])],
    ...[0x07, ...sized([1, ...sized([0x72]), 0x00, 0])], // export "r"
    ...[0x0a, ...sized([1, ...sized(body)])],
  ]);
}

/** GFLOP/s, the best of some twenty runs of a few milliseconds; null where the engine lacks the instructions. */
function measure(relaxed) {
  const bytes = probe(relaxed);
  if (!WebAssembly.validate(bytes)) return null;
  const { r: run } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  const iterations = 200_000;
  let best = 0;
  for (let k = 0; k < 25; k++) {
    const from = performance.now();
    run(iterations);
    best = Math.max(best, (iterations * FLOPS_PER_ITERATION) / (performance.now() - from) / 1e6);
  }
  return best;
}

/** @returns {{ mulAdd: number, relaxedMadd: number | null }} GFLOP/s of one core */
export const measurePeak = () => ({ mulAdd: measure(false), relaxedMadd: measure(true) });

/** Where the time of a computation goes, kernel by kernel. */

/**
 * The same kernels, but each adds up its time and its calls under its name in `times`, a Map.
 *
 * @param {{ shapes: boolean, now: () => number }} options  `shapes` adds what a call worked on to the name
 */
export function measuredKernels(kernels, times, { shapes, now }) {
  return new Proxy(kernels, {
    get(target, key) {
      const method = target[key];
      if (typeof method !== "function") return method;
      if (["allocate", "release", "memory"].includes(key)) return method.bind(target);
      return (...values) => {
        const start = now();
        const result = method.apply(target, values);
        const name = shapes ? `${key} ${describe(key, values)}` : key;
        const entry = times.get(name) ?? { ms: 0, calls: 0 };
        times.set(name, { ms: entry.ms + now() - start, calls: entry.calls + 1 });
        return result;
      };
    },
  });
}

/** What a call worked on, in short. */
function describe(key, values) {
  const g = key === "conv2dBiasAct" ? values.at(-2) : values.at(-1);
  if (key.startsWith("conv2d")) {
    const { n, inChannels, outChannels, height, width, kernelHeight, stride, padY } = g;
    return `[${n}, ${inChannels}, ${height}, ${width}] -> ${outChannels}, ${kernelHeight}x${kernelHeight}/${stride} pad ${padY}`;
  }
  if (key === "matmul") return `${g.m} x ${g.k} x ${g.n} ${g.transposeA ? "T" : "N"}${g.transposeB ? "T" : "N"}`;
  if (key === "upfirdn2d") {
    const { planes, height, width, outHeight, outWidth, upX, downX } = g;
    return `[${planes}, ${height}, ${width}] -> ${outHeight} x ${outWidth}, up ${upX} down ${downX}`;
  }
  if (key === "binary") return `${values[0]} [${g.shape}] ${g.strides.map((s) => `[${s}]`).join(" ")}`;
  if (key === "sum") return `${g.outer} x ${g.reduce} x ${g.inner}`;
  if (key.startsWith("biasAct")) return `${g.outer} x ${g.channels} x ${g.inner} ${g.activation}`;
  if (key === "stridedCopy") return `[${g.shape}] ${g.strides.map((s) => `[${s}]`).join(" ")}`;
  if (key === "unary") return `${values[0]} ${values[1].length}`;
  return String(values[0].length);
}

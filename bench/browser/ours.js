/** A build of this library in a worker: how a network is loaded and run, through the public entry. */
export const loadWith =
  ({ init, loadCheckpoint, scope, Tensor }, { activeKernels }) =>
  async ({ native, threads, ws: numbers, shape }) => {
    await init({ threads });
    const { gEma } = await loadCheckpoint(native, { networks: ["gEma"] });
    const ws = Tensor.from(Float32Array.from(numbers), shape);
    let images;
    return {
      detail: `${activeKernels().name}, ${activeKernels().threads} thread(s)`,
      run: () => {
        images = scope(() => gEma.synthesis.forward(ws, { noiseMode: "const" }).toArray());
      },
      output: () => images,
    };
  };

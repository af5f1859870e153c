/** A worker's end: answers `load`, `run` and `output` with what a peer does. Times are taken here, around the work alone. */
export function answerWith(load) {
  let peer = null;
  const answers = {
    load: async ({ task }) => {
      const start = performance.now();
      peer = await load(task);
      await peer.run();
      return { detail: peer.detail, ms: performance.now() - start };
    },
    run: async () => {
      const start = performance.now();
      await peer.run();
      return { ms: performance.now() - start };
    },
    output: async () => ({ output: peer.output() }),
  };
  addEventListener("message", async ({ data }) => {
    try {
      postMessage(await answers[data.kind](data));
    } catch (error) {
      postMessage({ error: String(error?.stack ?? error) });
    }
  });
}

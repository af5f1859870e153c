/**
 * A network that is asked again repeats the kernels that it ran (src/nn/repeatable.ts), and nobody can tell: images have the bits of one
 * that was worked out, whatever changed in between, and memory is as full as it would be. `plain` is how an image is worked out:
 * somebody watches, so nothing is repeated.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { noGrad, variable } from "../../src/nn/autograd/record.js";
import { activeKernels, setKernels } from "../../src/nn/backend.js";
import type { Block, Captures } from "../../src/nn/kernels/types.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { createThreadPool } from "../../src/nn/kernels/wasm/threads/dispatcher.js";
import { NoiseGenerator } from "../../src/nn/noise.js";
import { add, mul, scale } from "../../src/nn/ops/arith.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { RandomState } from "../../src/nn/random.js";
import { type Repeatable, repeatable } from "../../src/nn/repeatable.js";
import { moveParameters } from "../../src/nn/storage.js";
import { lastUse, persistentTensor, scope, Tensor } from "../../src/nn/tensor.js";
import type { AnyGeneratorConfig } from "../../src/stylegan/config.js";
import type { SynthesisOptions } from "../../src/stylegan/forward/blocks.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkPreset, type PresetName } from "../../src/stylegan/training/presets.js";
import { Draw, SEED } from "../support/draw.js";
import { drawnContents, SMALL } from "../support/growingNetworks.js";

const captures = (): Captures => activeKernels().captures!;
const usedBytes = (): number => activeKernels().memory().usedBytes;

/** How many replays there were in `body`. */
function replaysIn(body: () => void): number {
  const before = captures().replays;
  body();
  return captures().replays - before;
}

function network(preset: PresetName, draw: Draw, resolution = 16): Generator<AnyGeneratorConfig> {
  const { generator } = networkPreset(preset, { resolution, cDim: 0, ...SMALL });
  return new Generator(generator, drawnContents(draw));
}

const wsFor = (g: Generator<AnyGeneratorConfig>, draw: Draw, n = 1): Tensor => draw.normals([n, g.numWs, g.wDim]);

function image(g: Generator<AnyGeneratorConfig>, ws: Tensor, options: SynthesisOptions = {}): Float32Array {
  return noGrad(() => scope(() => g.synthesis.forward(ws, { noiseMode: "const", ...options }).toArray()));
}

/** With layers whose noise matters. */
function noisy(draw: Draw): Generator<AnyGeneratorConfig> {
  const g = network("config-f", draw);
  for (const [name, tensor] of g.parameters) if (name.endsWith("strength")) tensor.update(({ data }) => data.fill(1));
  return g;
}

/** Worked out. */
function plain(g: Generator<AnyGeneratorConfig>, ws: Tensor, options: SynthesisOptions = {}): Float32Array {
  let pixels: Float32Array | undefined;
  expect(
    replaysIn(() => {
      pixels = image(g, ws, { ...options, onLayer: () => {} });
    }),
  ).toBe(0);
  return pixels!;
}

/** Something that repeats a small sum, with one parameter. */
function smallOne(): Repeatable & { readonly factor: Tensor; readonly run: (x: Tensor, body?: Body) => Tensor } {
  const factor = persistentTensor([3], (data) => data.set([1, 2, 3]));
  const own = { parameters: new Map([["factor", factor]]), buffers: new Map<string, Tensor>() };
  const product: Body = (x) => add(mul(x, factor), x);
  return { ...own, factor, run: (x, body = product) => repeatable(own, "", [x], body) };
}
type Body = (x: Tensor) => Tensor;

const threads = async (count: number) =>
  createWasmKernels({
    shared: count > 1,
    ...(count > 1 && { createDispatcher: (loaded) => createThreadPool(loaded, count) }),
  });

describe.each([1, 2])("on %i thread(s)", (count) => {
  beforeAll(async () => setKernels(await threads(count)));

  describe("the same bits as when it was worked out", () => {
    test.each<PresetName>(["config-f", "config-e", "config-b", "stylegan1", "table1-a", "table1-c"])("%s", (preset) => {
      const draw = new Draw(3);
      const g = network(preset, draw);
      const all = [1, 2, 1, 2, 1, 2, 1, 2].map((n) => wsFor(g, draw, n));
      const wanted = all.map((ws) => plain(g, ws));
      const replays = replaysIn(() => {
        for (const [k, ws] of all.entries()) expect(image(g, ws), `image ${k}`).toEqual(wanted[k]);
      });
      expect(replays).toBeGreaterThanOrEqual(all.length - 4); // the first prepare weights, the second are captured
    });

    test("from z to image, truncated, with every noise that is not drawn, and smaller images of a skip generator", () => {
      const draw = new Draw(5);
      const g = network("config-f", draw);
      const z = draw.normals([2, g.zDim]);
      const choices = [
        { noiseMode: "const" },
        { noiseMode: "none" },
        { noiseMode: "const", truncationPsi: 0.5 },
        { noiseMode: "const", truncationPsi: 0.5, truncationCutoff: 2 },
        { noiseMode: "const", until: 8 },
      ] as const;
      const of = (k: number, watched: boolean): Float32Array => {
        const options = { ...choices[k], ...(watched && { onLayer: () => {} }) };
        return noGrad(() => scope(() => g.forward(z, null, options).toArray()));
      };
      const wanted = choices.map((_, k) => of(k, true));
      expect(new Set(wanted.map((pixels) => pixels.join())).size).toBe(choices.length);
      const replays = replaysIn(() => {
        for (let round = 0; round < 4; round++) {
          for (const k of choices.keys()) expect(of(k, false)).toEqual(wanted[k]);
        }
      });
      expect(replays).toBeGreaterThan(choices.length);
    });

    test("inputs that lie side by side in linear memory", () => {
      const draw = new Draw(4);
      const g = network("config-f", draw);
      scope(() => {
        const all = [1, 1, 2, 1].map((n) => wsFor(g, draw, n));
        const wanted = all.map((ws) => plain(g, ws));
        const replays = replaysIn(() => {
          for (let round = 0; round < 4; round++) {
            for (const [k, ws] of all.entries()) expect(image(g, ws)).toEqual(wanted[k]);
          }
        });
        expect(replays).toBe(3 * all.length);
      });
    });

    test("drawn noise: the next of its generator, and that of a fresh one where none is given", () => {
      const draw = new Draw(13);
      const g = noisy(draw);
      const ws = wsFor(g, draw, 2);
      const [watched, random] = [new NoiseGenerator(7), new NoiseGenerator(7)];
      const wanted = Array.from({ length: 6 }, () => plain(g, ws, { noiseMode: "random", random: watched }));
      expect(new Set(wanted.map((pixels) => pixels.join())).size).toBe(6);
      const replays = replaysIn(() => {
        for (const pixels of wanted) expect(image(g, ws, { noiseMode: "random", random })).toEqual(pixels);
      });
      expect(replays).toBeGreaterThanOrEqual(4);
      expect(random.next()).toEqual(watched.next());
      const fresh = Array.from({ length: 6 }, () => image(g, ws, { noiseMode: "random" }).join());
      expect(new Set(fresh).size).toBe(6);
    });

    test("a level of detail of a network that grows is a name of its own", () => {
      const draw = new Draw(6);
      const g = network("stylegan1", draw);
      const ws = wsFor(g, draw);
      const lods = [0, 0.5, 1, 1.25];
      const wanted = lods.map((lod) => plain(g, ws, { lod }));
      for (let round = 0; round < 3; round++) {
        for (const [k, lod] of lods.entries()) expect(image(g, ws, { lod })).toEqual(wanted[k]);
      }
      expect(replaysIn(() => expect(image(g, ws, { lod: 0.5 })).toEqual(wanted[1]))).toBe(1);
      g.synthesis.lod!.update(({ data }) => data.fill(1));
      for (let k = 0; k < 3; k++) expect(image(g, ws)).toEqual(wanted[2]);
    });
  });

  test("whatever a program does between images: others' images, tensors that stay, changed parameters, fuller memory", () => {
    const steps = fc.array(
      fc.record({
        what: fc.constantFrom("image", "image", "image", "image", "hold", "drop", "change", "large", "gradient"),
        of: fc.nat(1),
        n: fc.integer({ min: 1, max: 2 }),
        noiseMode: fc.constantFrom<"const" | "none">("const", "none"),
        size: fc.integer({ min: 1, max: 5000 }),
        which: fc.nat(1000),
        isMade: fc.boolean(),
      }),
      { minLength: 20, maxLength: 40 },
    );
    let images = 0;
    const replays = replaysIn(() => {
      fc.assert(
        fc.property(steps, fc.nat(), (list, seed) => {
          const draw = new Draw(seed);
          const networks = [network("config-f", draw), network("stylegan1", draw, 8)];
          const made = networks.map((g) => [1, 2].map((n) => wsFor(g, draw, n))); // on the JavaScript heap
          for (const [k, g] of networks.entries()) image(g, made[k][0]);
          const start = usedBytes();
          scope(() => {
            const held: { readonly tensor: Tensor; readonly numbers: Float32Array }[] = [];
            for (const { what, of, n, noiseMode, size, which, isMade } of list) {
              const g = networks[of];
              if (what === "image") {
                const ws = isMade ? made[of][n - 1] : wsFor(g, draw, n); // or in linear memory, as it is within a scope
                images++;
                const pixels = image(g, ws, { noiseMode });
                const after = usedBytes(); // with prepared weights
                expect(image(g, ws, { noiseMode })).toEqual(pixels);
                expect(plain(g, ws, { noiseMode })).toEqual(pixels);
                expect(usedBytes()).toBe(after);
              } else if (what === "hold" || what === "large") {
                const tensor = draw.normals([what === "large" ? 40 * size : size]);
                held.push({ tensor, numbers: tensor.toArray() });
              } else if (what === "drop" && held.length > 0) {
                held.splice(which % held.length, 1)[0].tensor.internals.release();
              } else if (what === "change") {
                const parameters = [...g.parameters.values(), ...g.buffers.values()];
                const parameter = parameters[which % parameters.length];
                parameter.update(({ data }) => {
                  if (parameter.size > 1) data[which % parameter.size] += 1;
                });
              } else if (what === "gradient") {
                const ws = variable(wsFor(g, draw, n));
                const y = g.synthesis.forward(ws, { noiseMode });
                expect(grad([sum(y)], [ws])[0].shape).toEqual(ws.shape);
              }
            }
            for (const { tensor, numbers } of held) expect(tensor.toArray()).toEqual(numbers);
          });
          for (const g of networks) for (const tensor of g.parameters.values()) tensor.dispose();
          for (const g of networks) for (const tensor of g.buffers.values()) tensor.dispose();
          expect(usedBytes()).toBeLessThan(start);
        }),
        { seed: SEED, numRuns: 6 },
      );
    });
    expect(replays).toBeGreaterThan(images / 4);
  });

  test("memory is as full after a replay as after what it repeats, and no fuller after many", () => {
    const draw = new Draw(8);
    const g = network("config-f", draw);
    const ws = wsFor(g, draw);
    for (let k = 0; k < 3; k++) image(g, ws);
    const before = usedBytes();
    scope(() => {
      noGrad(() => {
        const worked = scope(() => g.synthesis.forward(ws, { noiseMode: "const", onLayer: () => {} }));
        const one = usedBytes() - before;
        expect(one).toBeGreaterThanOrEqual(worked.size * 4);
        const outer = usedBytes();
        const again = scope(() => g.synthesis.forward(ws, { noiseMode: "const" }));
        expect(usedBytes() - outer).toBe(one);
        expect(again.toArray()).toEqual(worked.toArray());
      });
    });
    expect(usedBytes()).toBe(before);
    const { reservedBytes } = activeKernels().memory();
    expect(replaysIn(() => Array.from({ length: 50 }, () => image(g, ws)))).toBe(50);
    expect(usedBytes()).toBe(before);
    expect(activeKernels().memory().reservedBytes).toBe(reservedBytes);
  });

  describe("what is worked out anew", () => {
    test("the image after any parameter has changed, been averaged or disposed of", () => {
      const draw = new Draw(9);
      const g = network("config-f", draw);
      const ws = wsFor(g, draw);
      for (let k = 0; k < 3; k++) image(g, ws);
      for (const [name, tensor] of [...g.parameters, ...g.buffers]) {
        if (!name.startsWith("synthesis.")) continue;
        expect(replaysIn(() => image(g, ws))).toBe(1);
        tensor.update(({ data }) => data.set(data.map((x) => x + 0.25)));
        let after: Float32Array | undefined;
        expect(
          replaysIn(() => {
            after = image(g, ws);
          }),
          name,
        ).toBe(0);
        expect(after, name).toEqual(plain(g, ws));
        image(g, ws);
      }
      g.parameters.get("synthesis.b4.conv1.bias")!.dispose();
      expect(() => image(g, ws)).toThrow(/disposed/);
    });

    test("noise that RandomState draws: it is others every time", () => {
      const draw = new Draw(10);
      const g = noisy(draw);
      const ws = wsFor(g, draw);
      const random = new RandomState(1);
      const replays = replaysIn(() => {
        const images = Array.from({ length: 5 }, () => image(g, ws, { noiseMode: "random", random }).join());
        expect(new Set(images).size).toBe(5);
      });
      expect(replays).toBe(0);
    });

    test("what gradients are wanted of: of the inputs, of parameters, of buffers", () => {
      const draw = new Draw(11);
      const g = network("config-f", draw);
      for (const tensor of g.parameters.values()) tensor.requiresGrad = false;
      const ws = wsFor(g, draw);
      const forward = (): Tensor => g.synthesis.forward(ws, { noiseMode: "const" });
      for (let k = 0; k < 3; k++) scope(() => forward().toArray());
      expect(replaysIn(() => scope(() => forward().toArray()))).toBe(1); // recording, but nothing is recorded
      const weight = g.parameters.get("synthesis.b8.conv1.weight")!;
      const noise = g.buffers.get("synthesis.b8.conv1.noise_const")!;
      for (const tensor of [ws, weight, noise]) {
        tensor.requiresGrad = true;
        expect(replaysIn(() => scope(() => noGrad(forward).toArray()))).toBeLessThanOrEqual(1);
        scope(() => {
          const y = forward();
          expect(y.requiresGrad).toBe(true);
          expect(grad([sum(y)], [tensor])[0].shape).toEqual(tensor.shape);
        });
        tensor.requiresGrad = false;
      }
    });

    test("what a body does that looks at the memory, or that writes to it", () => {
      const looks: Body[] = [
        (x) => scale(x, x.toArray()[0]),
        (x) => add(x, Tensor.from([1, 2, 3])),
        (x) => {
          activeKernels().normal(x.internals.block, { seed: 1, stream: 1 });
          return scale(x, 2);
        },
      ];
      for (const body of looks) {
        const { run } = smallOne();
        scope(() => {
          const x = Tensor.from([1, 2, 3]);
          for (let k = 0; k < 4; k++) expect(replaysIn(() => scope(() => run(x, body).toArray()))).toBe(0);
        });
      }
    });

    test("what leaves more behind than its result, or less", () => {
      const left: Block[] = [];
      const leaves: Body = (x) => {
        left.push(activeKernels().allocate(100));
        return scale(x, 2);
      };
      const returnsInput: Body = (x) => x;
      for (const body of [leaves, returnsInput]) {
        const { run } = smallOne();
        for (let k = 0; k < 4; k++) {
          expect(replaysIn(() => scope(() => expect(run(Tensor.from([1, 2, 3]), body).size).toBe(3)))).toBe(0);
          for (const block of left.splice(0)) activeKernels().release(block);
        }
      }
    });

    test("an input that may be written over, and what was asked for within another", () => {
      const { run } = smallOne();
      const inner = smallOne();
      for (let k = 0; k < 4; k++) {
        expect(replaysIn(() => scope(() => void run(lastUse(Tensor.from([1, 2, 3])))))).toBe(0);
      }
      const nested = (): Float32Array =>
        scope(() => run(Tensor.from([1, 2, 3]), (x) => scale(inner.run(x), 3)).toArray());
      for (let k = 0; k < 4; k++) expect(nested()).toEqual(new Float32Array([6, 18, 36]));
      expect(replaysIn(nested)).toBe(1);
    });

    test("what threw: the next one is worked out and captured", () => {
      const { run } = smallOne();
      const ask = (body?: Body): Float32Array => scope(() => run(Tensor.from([1, 2, 3]), body).toArray());
      const failing: Body = (x) => {
        scale(x, 3);
        throw new RangeError("inside");
      };
      const before = usedBytes();
      expect(() => ask(failing)).toThrow("inside");
      expect(usedBytes()).toBe(before);
      expect(replaysIn(() => expect(ask()).toEqual(new Float32Array([2, 6, 12])))).toBe(0);
      expect(replaysIn(() => expect(ask()).toEqual(new Float32Array([2, 6, 12])))).toBe(1);
    });
  });

  test("of many names the last that were used stay", () => {
    const many = Array.from({ length: 12 }, () => smallOne());
    const ask = (which: readonly number[]): void => {
      for (const k of which) {
        const y = scope(() => many[k].run(Tensor.from([k, k, k])).toArray());
        expect(y).toEqual(new Float32Array([2 * k, 3 * k, 4 * k]));
      }
    };
    const all = [...many.keys()];
    ask(all);
    expect(replaysIn(() => ask(all.toReversed()))).toBe(8); // 11 to 4; then 3 to 0 take the places of 11 to 8
    expect(replaysIn(() => ask([0, 1, 2, 3, 4, 5, 6, 7]))).toBe(8);
  });
});

test("other kernels take parameters over, and nothing of the old ones is repeated", async () => {
  setKernels(await threads(1));
  const draw = new Draw(12);
  const g = network("config-f", draw);
  const ws = wsFor(g, draw);
  const wanted = plain(g, ws);
  for (let k = 0; k < 3; k++) expect(image(g, ws)).toEqual(wanted);
  const [old, next] = [activeKernels(), await threads(1)];
  moveParameters(old, next);
  setKernels(next);
  expect(replaysIn(() => expect(image(g, ws)).toEqual(wanted))).toBe(0);
  expect(replaysIn(() => expect(image(g, ws)).toEqual(wanted))).toBeLessThanOrEqual(1);
});

test("without room for what a capture needs, all is worked out", async () => {
  const kernels = await threads(1);
  setKernels(kernels);
  const { run } = smallOne();
  const grow = vi.spyOn(kernels.engine.memory.memory, "grow").mockImplementation(() => {
    throw new RangeError("no");
  });
  const blocks: Block[] = [];
  expect(() => {
    for (;;) blocks.push(kernels.allocate(25_000));
  }).toThrow("no room");
  kernels.release(blocks.pop()!);
  const ask = (): Float32Array => scope(() => run(Tensor.from([1, 2, 3])).toArray());
  for (let k = 0; k < 4; k++) {
    expect(replaysIn(() => expect(ask()).toEqual(new Float32Array([2, 6, 12])))).toBe(0);
  }
  expect(grow).toHaveBeenCalled();
  grow.mockRestore();
});

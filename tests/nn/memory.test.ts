/**
 * Who owns memory. A scope frees all that was made in it but what it returns; what leaves the outermost scope is on the
 * JavaScript heap; parameters live until they are collected; and a network can make images for ever. Held against the
 * count of bytes of the kernels in use, the reference and the fast ones.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { noGrad, variable } from "../../src/nn/autograd/record.js";
import { activeKernels, setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { add, mul, scale, square, sub, tanh } from "../../src/nn/ops/arith.js";
import { slice } from "../../src/nn/ops/layout.js";
import { reshape, sum } from "../../src/nn/ops/reduce.js";
import { RandomState } from "../../src/nn/random.js";
import { allocateTensor, chain, persistentTensor, scope, Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { Draw, SEED } from "../support/draw.js";
import { identical } from "../support/laws.js";

const usedBytes = (): number => activeKernels().memory().usedBytes;

/** Bytes that `count` tensors of a shape take: allocators round up. */
const bytesOf = (shape: readonly number[], count = 1): number =>
  scope(() => {
    const before = usedBytes();
    for (let k = 0; k < count; k++) allocateTensor(shape);
    return usedBytes() - before;
  });

const KERNELS = [
  ["the reference in float64", async () => createReferenceKernels("float64")],
  ["SIMD, in memory of its own, where growing takes every view away", () => createWasmKernels()],
  ["SIMD, as this machine gets it", () => createKernels({ kernels: "simd" })],
] as const;

describe.each(KERNELS)("%s", (_, create) => {
  beforeAll(async () => setKernels(await create()));

  describe("scopes", () => {
    test("free everything but what they return: alone, in arrays, maps and plain objects", () => {
      const before = usedBytes();
      scope(() => {
        const one = bytesOf([3, 5]);
        const make = (): Tensor => {
          const x = Tensor.from(new Float32Array(15).fill(2), [3, 5]);
          return add(square(x), x);
        };
        const outer = usedBytes();
        const alone = scope(make);
        expect(usedBytes()).toBe(outer + one);
        const several = scope(() => ({ list: [make(), make()], map: new Map([["a", make()]]), number: 7 }));
        expect(usedBytes()).toBe(outer + 4 * one);
        expect(several.number).toBe(7);
        for (const y of [alone, ...several.list, several.map.get("a")!]) identical(y, new Float32Array(15).fill(6));
        expect(scope(() => sum(make()).item())).toBe(90);
        expect(usedBytes()).toBe(outer + 4 * one);
      });
      expect(usedBytes()).toBe(before);
    });

    test("may return what holds itself, and very deep lists", () => {
      const before = usedBytes();
      scope(() => {
        const make = (): Tensor => square(Tensor.from(new Float32Array(15).fill(2), [3, 5]));
        interface Ring {
          readonly x: Tensor;
          readonly list: unknown[];
          self?: Ring;
        }
        const ring = scope(() => {
          const made: Ring = { x: make(), list: [make()] };
          made.self = made;
          made.list.push(made, made.list, new Map([["back", made]]));
          return made;
        });
        identical(ring.x, new Float32Array(15).fill(4));
        identical(ring.list[0] as Tensor, new Float32Array(15).fill(4));
        let deep: unknown = null;
        const last = scope(() => {
          const y = make();
          deep = y;
          for (let k = 0; k < 50_000; k++) deep = [deep];
          return deep;
        });
        expect(last).toBe(deep);
        let inner = deep;
        while (Array.isArray(inner)) inner = inner[0];
        identical(inner as Tensor, new Float32Array(15).fill(4));
      });
      expect(usedBytes()).toBe(before);
    });

    test("move what leaves the outermost scope to the JavaScript heap, where it still computes", () => {
      const before = usedBytes();
      const y = scope(() => scale(Tensor.from([1, 2, 3]), 2));
      expect(usedBytes()).toBe(before);
      identical(y, [2, 4, 6]);
      identical(add(y, y), [4, 8, 12]);
      identical(Tensor.from([1, 2]), [1, 2]);
      expect(usedBytes()).toBe(before);
    });

    test("keep what the gradients of a returned tensor need, and nothing else", () => {
      const before = usedBytes();
      const x = variable(Tensor.from([1, 2, 3]));
      scope(() => {
        const outer = usedBytes();
        const loss = scope(() => {
          square(x); // no one needs it
          return sum(mul(square(x), x));
        });
        expect(usedBytes()).toBe(outer + bytesOf([3]) + bytesOf([])); // x^2 and the sum, whose gradient does not read x^3
        identical(grad([loss], [x])[0], [3, 12, 27]);
      });
      const loss = scope(() => sum(mul(square(x), x)));
      identical(grad([loss], [x])[0], [3, 12, 27]);
      expect(usedBytes()).toBe(before);
    });

    test("free everything when the body throws, and go on", () => {
      const before = usedBytes();
      const failing = (): void =>
        scope(() => {
          square(Tensor.from([1, 2]));
          throw new RangeError("inside");
        });
      expect(failing).toThrow("inside");
      expect(() => scope(failing)).toThrow("inside");
      expect(usedBytes()).toBe(before);
      expect(scope(() => Tensor.from([5]).item())).toBe(5);
    });

    test("refuse asynchronous bodies and tensors whose scope has ended", () => {
      const before = usedBytes();
      expect(() => scope(async () => Tensor.from([1]))).toThrow(/must be synchronous/);
      let leaked: Tensor | undefined;
      scope(() => {
        leaked = square(Tensor.from([1, 2]));
      });
      expect(() => leaked!.toArray()).toThrow(/used after its scope ended/);
      expect(usedBytes()).toBe(before);
    });

    test("share memory between reshapes and free it once, in whatever order they end", () => {
      const before = usedBytes();
      scope(() => {
        const outer = usedBytes();
        const flat = scope(() => reshape(Tensor.from([1, 2, 3, 4], [2, 2]), [4]));
        expect(usedBytes()).toBe(outer + bytesOf([4]));
        const again = scope(() => [reshape(flat, [1, 4]), flat.detach()]);
        expect(usedBytes()).toBe(outer + bytesOf([4]));
        identical(again[0], [1, 2, 3, 4]);
      });
      expect(usedBytes()).toBe(before);
      const outside = scope(() => reshape(Tensor.from([1, 2, 3, 4], [2, 2]), [4]));
      identical(reshape(outside, [2, 2]), [1, 2, 3, 4]);
      expect(usedBytes()).toBe(before);
    });

    test("chain frees each state once the next exists", () => {
      const before = usedBytes();
      scope(() => {
        const outer = usedBytes();
        const one = bytesOf([100]);
        const start = Tensor.from(new Float32Array(100).fill(0.5));
        const end = chain([1, 2, 3, 4, 5], start, (x) => {
          expect(usedBytes()).toBeLessThanOrEqual(outer + 2 * one);
          return tanh(scale(x, 2));
        });
        expect(usedBytes()).toBe(outer + 2 * one); // start belongs to the caller
        expect(end.toArray()[0]).toBeGreaterThan(0.9);
      });
      expect(usedBytes()).toBe(before);
    });

    test("chain keeps a state without gradient that a recorded one was made from", () => {
      const before = usedBytes();
      const w = variable(Tensor.from([2, 3]));
      scope(() => {
        const outer = usedBytes();
        const steps = [square, square, (x: Tensor) => mul(x, w), (x: Tensor) => mul(x, x)];
        const y = chain(steps, Tensor.from([1, 2]), (x, step) => step(x)); // x^8 w^2
        expect(usedBytes()).toBe(outer + bytesOf([2], 4)); // x, x^4, x^4 w and y, without x^2
        const dw = grad([sum(y)], [w])[0]; // 2 x^8 w
        identical(dw, [4, 2 * 256 * 3]);
      });
      expect(usedBytes()).toBe(before);
    });

    test("filled: the contents are written in their place, outside of scopes on the JavaScript heap", () => {
      const before = usedBytes();
      const count = (data: Float32Array | Float64Array): void => data.set([0, 1, 2, 3, 4, 5]);
      const outside = Tensor.filled([2, 3], count);
      identical(outside, [0, 1, 2, 3, 4, 5]);
      expect(usedBytes()).toBe(before);
      scope(() => {
        const outer = usedBytes();
        identical(add(Tensor.filled([2, 3], count), outside), [0, 2, 4, 6, 8, 10]);
        expect(usedBytes()).toBe(outer + bytesOf([2, 3], 2));
      });
      expect(() => Tensor.filled([-1], count)).toThrow(/Tensor.filled: a shape must be whole numbers/);
    });

    test("leave nothing behind, whatever program runs in them", () => {
      let executed = 0;
      /** A random program over nested scopes; returns tensors that all hold their own first element everywhere. */
      const program = (draw: Draw, depth: number, inherited: readonly Tensor[]): Tensor[] => {
        const live = [...inherited];
        const any = (): Tensor => live[draw.integer(0, live.length - 1)];
        const made: Tensor[] = [];
        for (let step = draw.integer(1, 5); step > 0; step--) {
          const kind = draw.integer(0, 5);
          if (kind === 0) made.push(Tensor.from(new Float32Array(12).fill(draw.integer(-9, 9)), [3, 4]));
          else if (kind === 1) made.push(reshape(any(), [2, 6]), reshape(any(), [3, 4]));
          else if (kind === 2) made.push(add(reshape(any(), [12]), reshape(any(), [12])));
          else if (kind === 3) made.push(any().detach());
          else if (kind === 4 && depth > 0) made.push(...scope(() => program(draw, depth - 1, live)));
          else made.push(scope(() => reshape(slice(reshape(any(), [12]), 0, 0, 12), [4, 3])));
          live.push(...made.slice(-2));
        }
        return made.filter(() => draw.uniform() < 0.5);
      };
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const before = usedBytes();
          const draw = new Draw(seed);
          const outside = Tensor.from(new Float32Array(12).fill(3), [3, 4]);
          const results = scope(() => program(draw, 3, [outside]));
          expect(usedBytes()).toBe(before);
          for (const result of results) {
            const numbers = result.toArray();
            expect(numbers).toHaveLength(12);
            identical(numbers, new Float32Array(12).fill(numbers[0]));
          }
          executed++;
        }),
        { seed: SEED, numRuns: 60 },
      );
      expect(executed).toBe(60);
    });
  });

  test("growing the memory leaves live tensors valid, and what is computed from them", () => {
    const before = usedBytes();
    const parameter = persistentTensor([4], (data) => data.set([1, 2, 3, 4]));
    const own = usedBytes() - before;
    scope(() => {
      const x = Tensor.from([5, 6, 7, 8]);
      const flat = reshape(x, [2, 2]);
      const reserved = activeKernels().memory().reservedBytes;
      for (let k = 0; activeKernels().memory().reservedBytes < reserved + 3e7; k++) {
        expect(k).toBeLessThan(40);
        allocateTensor([1024, 1024]);
      }
      identical(x, [5, 6, 7, 8]);
      identical(flat, [5, 6, 7, 8]);
      identical(parameter, [1, 2, 3, 4]);
      identical(add(x, parameter), [6, 8, 10, 12]);
    });
    expect(usedBytes()).toBe(before + own);
    identical(parameter, [1, 2, 3, 4]);
  });

  test("parameters outlive scopes; the garbage collector gives their memory back", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const before = usedBytes();
    const use = (): number => {
      const parameter = scope(() => persistentTensor([1000], (data) => data.fill(1)));
      const alias = reshape(parameter, [10, 100]);
      expect(usedBytes()).toBeGreaterThanOrEqual(before + 4000);
      return scope(() => sum(add(parameter, reshape(alias, [1000]))).item());
    };
    expect(use()).toBe(2000);
    for (let k = 0; k < 100 && usedBytes() > before; k++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(usedBytes()).toBeLessThanOrEqual(before);
  });

  describe("a small network", () => {
    const geometry = networkGeometry({
      resolution: 8,
      zDim: 4,
      wDim: 4,
      mappingLayers: 2,
      channelBase: 32,
      channelMax: 4,
    });

    test("makes 300 images in the memory of the first", () => {
      const { generator } = createNetworks(geometry, 1);
      const random = new RandomState(SEED % 2 ** 32);
      const parameters = usedBytes();
      let afterFirst = { usedBytes: 0, peakBytes: 0, reservedBytes: 0 };
      for (let k = 0; k < 300; k++) {
        const image = noGrad(() => {
          const z = Tensor.from(random.randn(4), [1, 4]);
          return generator.forward(z, null, {
            noiseMode: k % 2 === 0 ? "const" : "random",
            random,
            truncationPsi: 0.7,
          });
        });
        expect(image.shape).toEqual([1, 3, 8, 8]);
        if (k === 1)
          afterFirst = activeKernels().memory(); // one of either kind
        else if (k > 1) expect(activeKernels().memory()).toEqual(afterFirst);
      }
      // Prepared forms of the parameters may stay; activations may not.
      expect(afterFirst.usedBytes).toBeLessThanOrEqual(2.5 * parameters + 1e6);
    });

    test("walks back through sixty operations with a handful of gradients at a time", async () => {
      // Memory of its own: the peak that is looked at is that of all before, too.
      setKernels(await create());
      const length = 1 << 16;
      const x = variable(Tensor.from(new Float32Array(length).fill(1), [length]));
      scope(() => {
        let y: Tensor = x;
        // Sums of two ways of one length, and of different ones: gradients are handed on, added, and let go.
        for (let k = 0; k < 20; k++) y = sub(scale(add(y, y), 0.5), scale(add(y, x), 0.25));
        const recorded = usedBytes();
        const one = bytesOf([length]);
        const [dx] = grad([sum(y)], [x]);
        // d(k + 1) = 3/4 d(k) - 1/4: from 1, towards -1
        const values = dx.toFloat64Array();
        expect(values[0]).toBeCloseTo(2 * 0.75 ** 20 - 1, 5);
        expect(values.every((value) => value === values[0])).toBe(true);
        const most = activeKernels().memory().peakBytes - recorded;
        expect(most / one).toBeLessThan(12);
        expect(usedBytes() - recorded).toBeLessThan(1.1 * one);
      });
    });

    test("gives up what it has read, where the graph need not be kept, and nothing that is wanted", () => {
      const length = 1000;
      const x = variable(Tensor.from(new Float32Array(length).fill(0.5)));
      const walk = (retainGraph: boolean) =>
        scope(() => {
          const powers = [x];
          for (let k = 0; k < 12; k++) powers.push(square(powers[k]));
          const loss = sum(powers[12]);
          const recorded = usedBytes();
          const [dx, middle] = grad([loss], [x, powers[6]], { retainGraph });
          const freed = recorded - usedBytes();
          return { dx, middle, freed, loss: loss.item(), readable: powers.map((power) => () => power.toArray()) };
        });
      const [kept, given] = [true, false].map(walk);
      identical(given.dx, kept.dx);
      identical(given.middle, kept.middle);
      expect(given.loss).toBe(kept.loss);
      expect(kept.freed).toBe(-2 * bytesOf([length])); // two gradients more
      expect(given.freed).toBe(9 * bytesOf([length])); // of twelve powers all but the one that was wanted
    });

    test("gives up no gradient, and not the graph that createGraph needs", () => {
      scope(() => {
        const [a, b] = [3, 5].map((value) => variable(Tensor.from([value])));
        const y = mul(scale(a, 2), scale(b, 2));
        // d(sum)/d(2a) is 2b itself, which is given up after it.
        expect(grad([sum(y)], [a, b], { retainGraph: false }).map((d) => d.item())).toEqual([20, 12]);
        expect(() => grad([sum(square(a))], [a], { createGraph: true, retainGraph: false })).toThrow(
          "grad: createGraph needs the graph; leave out retainGraph: false",
        );
      });
    });

    test("computes gradients of gradients, again and again, in the same memory", () => {
      const { generator, discriminator } = createNetworks({ ...geometry }, 2);
      const draw = new Draw(SEED);
      const [z, noise] = [draw.normals([2, 4]), draw.normals([2, 3, 8, 8])];
      const step = (): number =>
        scope(() => {
          const images = generator.forward(z, null, { noiseMode: "const" });
          const [dw] = grad([sum(mul(images, noise))], [generator.parameters.get("mapping.fc0.weight")!], {
            createGraph: true,
          });
          const loss = add(sum(square(dw)), sum(discriminator.forward(images, null)));
          const gradients = grad([loss], [...generator.parameters.values()]);
          return gradients.reduce((total, gradient) => total + sum(square(gradient)).item(), 0);
        });
      const first = step();
      const memory = activeKernels().memory();
      for (let k = 0; k < 3; k++) {
        expect(step()).toBe(first);
        expect(activeKernels().memory()).toEqual(memory);
      }
    });
  });
});

/** The allocator: blocks never overlap, everything released is whole again, and a repeating program stays flat. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Engine } from "../../src/nn/kernels/wasm/engine.js";
import { LinearMemory } from "../../src/nn/kernels/wasm/memory.js";
import { Draw, SEED } from "../support/draw.js";

const firstBlock = 64 * 1024;

describe("LinearMemory", () => {
  test("live blocks are aligned, disjoint, as low as they can be, and clear of the control area; the counters add up", () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 300_000 }), fc.nat()), {
      minLength: 30,
      maxLength: 80,
    });
    let allocations = 0;
    fc.assert(
      fc.property(steps, (script) => {
        const memory = new LinearMemory();
        const live: { start: number; bytes: number }[] = [];
        let used = 0;
        let peak = 0;
        for (const [action, bytes, which] of script) {
          if (action > 0 || live.length === 0) {
            const start = memory.allocate(bytes);
            const size = Math.max(64, Math.ceil(bytes / 64) * 64);
            expect(start % 64).toBe(0);
            expect(start).toBeGreaterThanOrEqual(firstBlock);
            expect(start + size).toBeLessThanOrEqual(memory.reservedBytes);
            // Where the lowest gap is that holds it; the last one ends with the memory.
            let lowest = firstBlock;
            for (const other of live.toSorted((a, b) => a.start - b.start)) {
              if (other.start - lowest >= size) break;
              lowest = other.start + other.bytes;
            }
            expect(start).toBe(lowest);
            const disjoint = live.every((other) => start + size <= other.start || other.start + other.bytes <= start);
            expect(disjoint).toBe(true);
            live.push({ start, bytes: size });
            used += size;
            peak = Math.max(peak, used);
            allocations++;
          } else {
            const [gone] = live.splice(which % live.length, 1);
            memory.release(gone.start);
            used -= gone.bytes;
          }
          expect([memory.usedBytes, memory.peakBytes]).toEqual([used, peak]);
        }
        // Free neighbours melt together in any order of release: at the end one range holds all the memory.
        const order = new Draw(script.length);
        while (live.length > 0) memory.release(live.splice(order.integer(0, live.length - 1), 1)[0].start);
        const all = memory.reservedBytes - firstBlock;
        expect(memory.allocate(all)).toBe(firstBlock);
        expect(memory.reservedBytes).toBe(all + firstBlock);
      }),
      { seed: SEED, numRuns: 60 },
    );
    expect(allocations).toBeGreaterThan(500);
  });

  test("10,000 images: the memory stays flat", () => {
    const memory = new LinearMemory();
    const draw = new Draw(1);
    const sizes = Array.from({ length: 8 }, () => draw.integer(1, 200_000));
    const image = () => {
      // Layers: the next activation is made before the last one goes, with scratch in between.
      let last = memory.allocate(1000);
      for (const size of sizes) {
        const next = memory.allocate(size);
        const scratch = memory.allocate(size >> 1);
        memory.release(scratch);
        memory.release(last);
        last = next;
      }
      memory.release(last);
    };
    image();
    const afterOne = [memory.reservedBytes, memory.peakBytes];
    for (let n = 1; n < 10_000; n++) image();
    expect([memory.reservedBytes, memory.peakBytes]).toEqual(afterOne);
    expect(memory.usedBytes).toBe(0);
  });

  test("room that is made at once is taken without growing; what there is stays, and what there cannot be is not made", () => {
    const memory = new LinearMemory();
    const first = memory.allocate(500_000);
    memory.makeRoom(10_000_000);
    const { reservedBytes } = memory;
    expect(reservedBytes).toBeGreaterThanOrEqual(firstBlock + 500_000 + 10_000_000);
    expect(reservedBytes).toBeLessThan(firstBlock + 500_000 + 10_200_000);
    memory.makeRoom(10_000_000);
    const second = memory.allocate(10_000_000);
    expect([memory.reservedBytes, second - first]).toEqual([reservedBytes, Math.ceil(500_000 / 64) * 64]);
    memory.makeRoom(2 ** 33);
    expect(memory.reservedBytes).toBe(reservedBytes);
    memory.release(first);
    memory.release(second);
    expect(memory.allocate(reservedBytes - firstBlock)).toBe(firstBlock);
  });

  test("what is reserved is nobody's: never handed out, and not in use", () => {
    const memory = new LinearMemory();
    const kept = memory.reserve(1000);
    expect([kept, memory.usedBytes, memory.peakBytes]).toEqual([firstBlock, 0, 0]);
    expect(memory.allocate(64)).toBe(firstBlock + 1024);
    expect(() => memory.release(kept)).toThrow(/no live block starts/);
  });

  test("beyond 4 GiB: RangeError, and the memory goes on working", () => {
    const memory = new LinearMemory();
    expect(() => memory.allocate(5 * 2 ** 30)).toThrow(/no room for 5368709120 bytes/);
    expect(() => memory.allocate(-1)).toThrow(RangeError);
    expect(() => memory.allocate(0.5)).toThrow(RangeError);
    expect(() => memory.release(firstBlock)).toThrow(/released twice/);
    memory.release(memory.allocate(100));
    expect(memory.usedBytes).toBe(0);
  });
});

describe("scratch of an engine", () => {
  const engineOf = (memory: LinearMemory) => new Engine(memory, { workers: 1, parallel: () => {} });

  test("lies at the same place every time, whatever was allocated since; inner calls have theirs behind", () => {
    const memory = new LinearMemory();
    const engine = engineOf(memory);
    const places = () => engine.withScratch(1000, (a) => engine.withScratch(100, (b) => [a, b]));
    const first = places();
    expect(first[1]).toBe(first[0] + 1024);
    memory.allocate(5000);
    expect(places()).toEqual(first);
    expect(memory.usedBytes).toBe(5056);
  });

  test("is free again after an error; what does not fit is a block for the time of the call", () => {
    const memory = new LinearMemory();
    const engine = engineOf(memory);
    const place = () => engine.withScratch(64, (a) => a);
    const first = place();
    const fail = () => {
      throw new Error("no");
    };
    expect(() => engine.withScratch(64, fail)).toThrow("no");
    expect(place()).toBe(first);
    const bytes = 64 * 2 ** 20;
    engine.withScratch(bytes, (a) => {
      expect(memory.usedBytes).toBe(bytes);
      expect(a).toBeGreaterThan(place());
    });
    expect(() => engine.withScratch(bytes, fail)).toThrow("no");
    expect(memory.usedBytes).toBe(0);
    // Inner calls for which nothing is left behind the outer one.
    const [outer, inner, end] = engine.withScratch(4 * 2 ** 20, (a) =>
      engine.withScratch(64, (b) => [a, b, memory.usedBytes] as const),
    );
    expect([outer, end]).toEqual([first, 64]);
    expect(inner).toBeGreaterThanOrEqual(first + 4 * 2 ** 20);
  });
});

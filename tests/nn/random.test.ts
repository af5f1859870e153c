/** RandomState against numpy's own numbers (numpy 2.4.6; its legacy generator is frozen). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/formats/bytes.js";
import { RandomState, seedsToLatents } from "../../src/nn/random.js";

const f32 = (values: Iterable<number>) => Array.from(values, Math.fround);

describe("numpy's stream", () => {
  const normals: readonly (readonly [number, readonly number[]])[] = [
    [0, [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458]],
    [1, [1.6243453636632417, -0.6117564136500754, -0.5281717522634557]],
    [85, [0.1768507210788626, 2.3777541249700573, 0.998732857053734]],
    [265, [1.9296241942874364, 0.21858697312124206]],
    [849, [-1.9328247507239287, -0.18579160813774007]],
    [2 ** 32 - 1, [0.6484086742306527, 0.6693235306338161, -1.0805437227474493, 0.2845010447986309]],
  ];
  test.each(normals)("normals of seed %d", (seed, expected) => {
    expect(f32(new RandomState(seed).randn(expected.length))).toEqual(f32(expected));
  });

  test("512 normals of seeds 0 and 85 add up, and the last of seed 0 is right", () => {
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    const zero = new RandomState(0).randn(512);
    expect(sum(zero)).toBeCloseTo(-13.203225372007179, 10);
    expect(Math.fround(zero[511])).toBe(Math.fround(1.3749640663929898));
    expect(sum(new RandomState(85).randn(512))).toBeCloseTo(-18.99880092632204, 10);
  });

  test("latents of seeds 0 to 63 are numpy's, bit for bit in float32", () => {
    const latents = seedsToLatents(
      Array.from({ length: 64 }, (_, seed) => seed),
      512,
    );
    expect(crc32(new Uint8Array(latents.buffer))).toBe(3045407683);
  });

  test("uniform numbers are exact", () => {
    const expected = [0.5507979025745755, 0.7081478226181048, 0.2909047389129443, 0.510827605197663];
    expect([...new RandomState(3).randomSample(4)]).toEqual(expected);
  });

  test.each([
    [0, 10, [4, 9, 6, 3, 3, 7, 7, 9]],
    [5, 6, [5, 5, 5, 5, 5, 5, 5, 5]],
    [-3, 1000, [172, 193, 534, 499, 576, 208, 916, 612]],
    [0, 2 ** 32, [327741615, 976413892, 3349725721, 1369975286, 1882953283, 4201435347, 3107259287, 1956722279]],
    [0, 2 ** 31 + 1, [327741615, 976413892, 1369975286, 1882953283, 1956722279, 1322904761, 1133316631, 372560217]],
  ])("whole numbers from %d below %d", (low, high, expected) => {
    const random = new RandomState(7);
    expect(expected.map(() => random.randint(low, high))).toEqual(expected);
  });

  test("shuffles", () => {
    expect(new RandomState(11).permutation(12)).toEqual([6, 3, 8, 10, 2, 11, 4, 5, 7, 1, 0, 9]);
    const items = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    new RandomState(12).shuffle(items);
    expect(items).toEqual([8, 7, 0, 4, 3, 2, 1, 5, 6]);
  });

  test("kinds of draws can be mixed; a spare normal outlives the draws between", () => {
    const random = new RandomState(5);
    random.randn(3);
    expect(random.uniform()).toBe(0.7659078564803156);
    expect(random.randint(0, 100)).toBe(30);
    expect(f32([random.normal(), random.normal()])).toEqual(f32([-0.2520921296030769, 0.26940573448948385]));
  });
});

test("normals come one after another, however many are asked for at a time, and fill arrays of either precision", () => {
  const request = fc.tuple(fc.constantFrom("randn", "normal", "float32", "float64"), fc.nat(9));
  fc.assert(
    fc.property(fc.nat(), fc.array(request, { minLength: 1, maxLength: 30 }), (seed, requests) => {
      const random = new RandomState(seed);
      const drawn = requests.flatMap(([kind, count]) => {
        if (kind === "normal") return [random.normal()];
        if (kind === "randn") return [...random.randn(count)];
        const out = kind === "float32" ? new Float32Array(count) : new Float64Array(count);
        random.fillNormal(out);
        return [...out];
      });
      expect(f32(drawn)).toEqual(f32(new RandomState(seed).randn(drawn.length)));
    }),
    { numRuns: 100 },
  );
});

describe("snapshots", () => {
  test("resume bit for bit, through JSON too", () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(seeds, fc.nat(700), fc.nat(9), (seed, normals, integers) => {
        const random = new RandomState(seed);
        random.randn(normals);
        const resumed = RandomState.fromState(JSON.parse(JSON.stringify(random.getState())));
        for (let i = 0; i < integers; i++) expect(resumed.randint(0, 1000)).toBe(random.randint(0, 1000));
        expect(resumed.randn(701)).toEqual(random.randn(701));
      }),
      { numRuns: 25 },
    );
  });

  test("that are none are refused", () => {
    const random = new RandomState(1);
    const state = random.getState();
    for (const broken of [
      { ...state, position: 625 },
      { ...state, key: state.key.slice(1) },
      { ...state, key: [...state.key.slice(1), -1] },
      { ...state, spareNormal: Number.NaN },
    ]) {
      expect(() => random.setState(broken)).toThrow(RangeError);
    }
    expect(random.nextUint32()).toBe(new RandomState(1).nextUint32());
  });
});

test.each([-1, 2 ** 32, 0.5, Number.NaN, Infinity])("seed %d is refused", (seed) => {
  expect(() => new RandomState(seed)).toThrow(RangeError);
});

test("impossible counts and ranges are refused", () => {
  const random = new RandomState(0);
  expect(() => random.randn(-1)).toThrow(RangeError);
  expect(() => random.randint(3, 3)).toThrow(RangeError);
  expect(() => random.randint(0, 2 ** 32 + 1)).toThrow(RangeError);
});

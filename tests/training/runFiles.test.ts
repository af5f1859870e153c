/** What a run writes for others to read: TensorBoard's records, and the curves of the report. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chart, ticks } from "../../src/cli/train/reportChart.js";
import { crc32c, encodeEvent, tfRecord } from "../../src/cli/train/tensorboard.js";
import { Message } from "../../src/formats/protobuf/message.js";

describe("TensorBoard", () => {
  test("the checksum of the standard's example", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa); // RFC 3720, B.4
  });

  test("a record is its length, data and two checksums; an event begins with its time and step", () => {
    const record = tfRecord(Uint8Array.of(1, 2, 3));
    expect(record.length).toBe(19);
    expect([...record.subarray(0, 8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    const event = Buffer.from(encodeEvent(1.5, 300, new Message().string(3, "x")));
    expect([event[0], event.readDoubleLE(1), ...event.subarray(9)]).toEqual([9, 1.5, 16, 172, 2, 26, 1, 120]);
  });
});

describe("charts", () => {
  test("ticks are round, evenly spaced, inside the range, and a handful", () => {
    const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(finite, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (low, size) => {
        const values = ticks(low, low + size, 5);
        expect(values.length).toBeGreaterThanOrEqual(2);
        expect(values.length).toBeLessThanOrEqual(6);
        const slack = 1e-6 * (Math.abs(low) + size);
        for (const value of values) {
          expect(value).toBeGreaterThanOrEqual(low - slack);
          expect(value).toBeLessThanOrEqual(low + size + slack);
        }
        const step = (values.at(-1)! - values[0]) / (values.length - 1);
        expect(
          [1, 2, 5, 10].some((f) => Math.abs(step / 10 ** Math.floor(Math.log10(step * 1.000001)) - f) < 1e-3),
        ).toBe(true);
      }),
    );
  });

  test("curves stay inside the frame; nothing to show gives nothing; text is escaped", () => {
    const point = fc.tuple(fc.double({ noNaN: true, min: -1e3, max: 1e3 }), fc.float());
    fc.assert(
      fc.property(fc.array(point, { maxLength: 900 }), fc.boolean(), (points, isLogarithmic) => {
        const svg = chart({ title: "a < b", series: [{ name: "x", points }], isLogarithmic });
        const isShown = points.some(([, y]) => Number.isFinite(y) && (!isLogarithmic || y > 0));
        expect(svg !== "").toBe(isShown);
        const curve = /class="curve curve0" d="M([^"]*)"/.exec(svg)?.[1] ?? "";
        for (const pair of curve.split("L").filter((text) => text !== "")) {
          const [x, y] = pair.split(" ").map(Number);
          expect(x >= 58 && x <= 450 && y >= 12 && y <= 194, pair).toBe(true);
        }
        if (isShown) expect(svg).toContain("a &lt; b");
      }),
      {
        examples: [
          [
            [
              [-5e-324, 0],
              [5e-324, 0],
            ],
            false,
          ],
          [
            [
              [0, 1e-310],
              [1e-310, 2e-310],
            ],
            true,
          ],
        ],
      }, // the smallest numbers
    );
  });
});

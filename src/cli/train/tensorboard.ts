/**
 * Event files for TensorBoard: records of protocol buffers, each with the masked CRC-32C of its length and of its data
 * (the TFRecord format).
 *
 *   record = length: uint64, mask(crc(length)): uint32, data, mask(crc(data)): uint32      all little-endian
 *   mask(c) = rotate right(c, 15) + 0xa282ead8
 *
 * Tests: tests/training/runFiles.test.ts.
 */
import { hostname } from "node:os";
import { join } from "node:path";
import { appendFile } from "../../files.js";
import { concatBytes, imageHeader, Message } from "../../formats/index.js";

/** Field numbers of tensorflow.Event, Summary, Summary.Value, Summary.Image and SessionLog. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY_VALUE = 1;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const SESSION_STATUS = 1;
const SESSION_START = 1;

const DOUBLE = 1;
const CASTAGNOLI = 0x82f63b78;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ CASTAGNOLI : remainder >>> 1;
  return remainder;
});

/** CRC-32C (Castagnoli). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A record of the file. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const masked = (bytes: Uint8Array): number => {
    const crc = crc32c(bytes);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return record;
}

/** An event: its time in seconds, its step, and what it carries. */
export function encodeEvent(wallTime: number, step: number, payload: Message): Uint8Array {
  const time = new Uint8Array(9);
  time[0] = EVENT.wallTime * 8 + DOUBLE;
  new DataView(time.buffer).setFloat64(1, wallTime, true);
  return concatBytes([time, new Message().integer(EVENT.step, step).finish(), payload.finish()]);
}

/** One session's event file. Steps are images seen, so that any number of ticks in a kimg stays apart. */
export class EventWriter {
  readonly path: string;

  /** Starts a file; what earlier sessions wrote for steps after `step` no longer counts. */
  constructor(folder: string, step: number) {
    const seconds = Math.floor(Date.now() / 1000);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`);
    this.#append(0, new Message().string(EVENT.fileVersion, "brain.Event:2"));
    const start = new Message().integer(SESSION_STATUS, SESSION_START);
    this.#append(step, new Message().message(EVENT.sessionLog, start));
  }

  /** Numbers by their tag, "Loss/G/loss" for example. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const summary = new Message();
    for (const [tag, value] of Object.entries(values)) {
      summary.message(SUMMARY_VALUE, new Message().string(VALUE.tag, tag).float(VALUE.simpleValue, value));
    }
    this.#append(step, new Message().message(EVENT.summary, summary));
  }

  /** A PNG. */
  image(step: number, tag: string, png: Uint8Array): void {
    const { width, height, isGrey } = imageHeader(png);
    const image = new Message()
      .integer(IMAGE.height, height)
      .integer(IMAGE.width, width)
      .integer(IMAGE.colorspace, isGrey ? 1 : 3)
      .bytes(IMAGE.encoded, png);
    const value = new Message().string(VALUE.tag, tag).message(VALUE.image, image);
    this.#append(step, new Message().message(EVENT.summary, new Message().message(SUMMARY_VALUE, value)));
  }

  #append(step: number, payload: Message): void {
    appendFile(this.path, tfRecord(encodeEvent(Date.now() / 1000, step, payload)));
  }
}

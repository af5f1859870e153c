/**
 * Files that claim more than they hold, or hold more than they seem to: each is opened in a process of its own, which must end
 * in an error of ours (or in what the file really holds) within bounds of time and memory.
 *
 *   npm run build && node scripts/checks/hostileFiles.mjs [WORD]
 *
 * Without a word all kinds. Bounds: MAX_SECONDS of CPU, and MAX_MEBIBYTES more at the peak than a process that opens a small good file
 * (kinds that are made of very many objects say how much more).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deflateRawSync, deflateSync } from "node:zlib";

const MAX_SECONDS = 6;
const MAX_MEBIBYTES = 64;

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = (path) => import(pathToFileURL(join(root, "dist", path)).href);
const ascii = (text) => Buffer.from(text, "latin1");
const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const be32 = (value) => u32(value).reverse();
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** In the child: opens one file as its kind is opened, and tells what came of it. */
async function open(how, path) {
  const bytes = new Uint8Array(readFileSync(path));
  const { FileError } = await dist("formats/fileError.js");
  let outcome;
  try {
    if (how === "checkpoint") {
      const { loadCheckpoint } = await dist("index.js");
      outcome = `read: ${(await loadCheckpoint(bytes)).format}`;
    } else if (how === "tensors") {
      const { readTorch } = await dist("formats/index.js");
      for (const tensor of readTorch(bytes).values()) outcome = `read: ${tensor.toPlain("t").toFloat().length}`;
    } else if (how === "image") {
      const { decodeImage } = await dist("formats/index.js");
      const { width, height } = decodeImage(bytes);
      outcome = `read: ${width}x${height}`;
    } else {
      const { readLatents } = await dist("stylegan/latents/latentFile.js");
      outcome = `read: ${readLatents(bytes, { numWs: 10, wDim: 64, buffers: new Map() }).count} w's`;
    }
  } catch (error) {
    const isOurs = error instanceof FileError;
    outcome = `${isOurs ? "refused" : `NOT OURS, ${error?.name}`}: ${error.message}`;
  }
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ outcome, seconds: (user + system) / 1e6, peak: process.resourceUsage().maxRSS / 1024 }));
}

async function main(word) {
  const folder = mkdtempSync(join(tmpdir(), "stylegan-hostile-"));
  const attempt = (how, bytes) => {
    const path = join(folder, "file");
    writeFileSync(path, bytes);
    const args = [fileURLToPath(import.meta.url), "--open", how, path];
    const { stdout, stderr, signal } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 120_000 });
    try {
      return JSON.parse(stdout);
    } catch {
      return { outcome: `DIED: ${signal ?? stderr.slice(-500)}`, seconds: 0, peak: 0 };
    }
  };
  try {
    const all = await kinds();
    const chosen = all.filter(([name]) => name.includes(word));
    const usual = Math.max(...["checkpoint", "image"].map((how) => attempt(how, good[how]).peak));
    let failed = 0;
    for (const [name, how, bytes, expected, most = MAX_MEBIBYTES] of chosen) {
      const { outcome, seconds, peak } = attempt(how, bytes);
      const more = Math.max(0, peak - usual);
      const isFine = expected.test(outcome) && seconds <= MAX_SECONDS && more <= most;
      if (!isFine) failed++;
      const size = `${(bytes.length / 1000).toFixed(1)} kB`;
      console.log(
        `${isFine ? "ok    " : "FAILED"} ${name} (${size}): ${seconds.toFixed(1)} s, +${more.toFixed(0)} MiB; ${outcome.slice(0, 200)}`,
      );
    }
    console.log(failed === 0 ? `${chosen.length} kinds within bounds` : `${failed} of ${chosen.length} FAILED`);
    return failed === 0 && chosen.length > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a process takes for a good file of each sort. */
const good = {
  checkpoint: readFileSync(join(root, "tests/fixtures/checkpoints/rosinality-r16-legacy.pt")),
  image: png(1024, 1024, 2, deflateSync(Buffer.alloc(1024 * (3 * 1024 + 1)))),
};

/** Name, how it is opened, bytes, and what may come of it. */
async function kinds() {
  const { writeSafetensors } = await dist("formats/safetensors.js");
  const { denseTensor } = await dist("formats/plainTensor.js");
  const { writeNpy } = await dist("formats/npy.js");
  const zeros = (bytes) => deflateRawSync(Buffer.alloc(bytes), { level: 9 });
  const big = 150 * 2 ** 20;
  const npy = Buffer.from(writeNpy({ data: new Float32Array(64), shape: [64] }));
  const npyHead = npy.subarray(0, npy.length - 256).toString("latin1");
  const grown = Buffer.concat([
    ascii(npyHead.replace(/\(64,\), \} */, `(${big / 256}, 64), }`.padEnd(/\(64,\), \} */.exec(npyHead)[0].length))),
    Buffer.alloc(big),
  ]);
  const grownPacked = deflateRawSync(grown, { level: 9 });
  const npzEntry = (name) => entry(name, grownPacked, grown.length, 0);
  return [
    [
      "PNG of 200000x200000",
      "image",
      png(200_000, 200_000, 0, deflateSync(Buffer.alloc(1000))),
      /^refused.*impossible size/,
    ],
    ["PNG of 40000x40000", "image", png(40_000, 40_000, 0, Buffer.alloc(1_600_000)), /^refused.*samples/],
    ["PNG with more behind its rows", "image", png(4, 4, 0, deflateSync(Buffer.alloc(big))), /^(refused|read: 4x4)/],
    ["PNG of one row of 300 million", "image", png(300_000_001, 1, 0, deflateSync(Buffer.alloc(1000))), /^refused/],
    ["JPEG of 65000x65000", "image", jpeg(65_000, 65_000), /^refused.*samples/],
    [
      "zip with a storage that unpacks to 1.1 GB",
      "tensors",
      torchZip(Buffer.alloc(1.2e6), 1.1e9, 1),
      /^refused.*the limit/,
    ],
    ["zip whose 2000 tensors share one storage", "checkpoint", torchZip(zeros(2 ** 22), 2 ** 22, 2000), /^refused/],
    ["zip that lies about a size", "tensors", torchZip(zeros(1000), 2 ** 30 - 4, 1), /^refused/],
    ["zip that counts 65535 entries", "checkpoint", Buffer.concat([entryEnd(65_535, 0, 0)]), /^refused/],
    [
      "npz with 20 arrays that nobody asked for",
      "latents",
      zip(Array.from({ length: 20 }, (_, k) => npzEntry(`junk${k}.npy`)).concat(entry("w.npy", null, 0, 0, npy))),
      /^(refused|read: 1 w's)/,
    ],
    ["pickle that doubles 60 times", "checkpoint", doubling(60), /^refused/],
    [
      "pickle of a million empty lists",
      "checkpoint",
      Buffer.concat([Buffer.from([0x80, 4]), Buffer.alloc(1e6, 0x5d), ascii(".")]),
      /^refused/,
    ],
    [
      "pickle nested a million deep",
      "checkpoint",
      Buffer.concat([Buffer.from([0x80, 4]), Buffer.alloc(1e6, 0x28), Buffer.alloc(1e6, 0x74), ascii(".")]),
      /^refused/,
      192, // a million tuples, as many bytes each as the engine takes
    ],
    [
      "pickle with a string of 2^40 bytes",
      "checkpoint",
      Buffer.concat([Buffer.from([0x80, 4, 0x8d]), u64(2 ** 40), ascii("x.")]),
      /^refused/,
    ],
    [
      "pickle with a frame of 2^60 bytes",
      "checkpoint",
      Buffer.concat([Buffer.from([0x80, 4, 0x95]), u64(2n ** 60n), ascii("N.")]),
      /^refused/,
    ],
    [
      "pickle that remembers index 2^31",
      "checkpoint",
      Buffer.concat([Buffer.from([0x80, 4]), ascii("N"), ascii("r"), u32(2 ** 31), ascii(".")]),
      /^refused/,
    ],
    [
      "pickle with a number of 400,000 digits",
      "checkpoint",
      Buffer.concat([ascii("(lI"), Buffer.alloc(400_000, 0x39), ascii("\na.")]),
      /^refused/,
    ],
    ["safetensors with a header of 100 MB", "checkpoint", Buffer.concat([u64(1e8), ascii("{}")]), /^refused/],
    [
      "safetensors with a tensor of 2^50 elements",
      "checkpoint",
      safetensors({ a: { dtype: "F32", shape: [2 ** 25, 2 ** 25], data_offsets: [0, 4] } }),
      /^refused/,
    ],
    [
      "safetensors nested 100,000 deep",
      "checkpoint",
      safetensorsText(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
      /^refused/,
    ],
    [
      "safetensors that is a network of 2^20 channels",
      "checkpoint",
      claimedNetwork(writeSafetensors, denseTensor),
      /^refused/,
    ],
    ["torch stream with a storage of 2^40 elements", "checkpoint", torchStream(2 ** 40), /^refused/],
  ];
}

function png(width, height, colourType, idat) {
  const chunk = (type, data) =>
    Buffer.concat([be32(data.length), ascii(type), data, be32(crc32(Buffer.concat([ascii(type), data])))]);
  const header = Buffer.concat([be32(width), be32(height), Buffer.from([8, colourType, 0, 0, 0])]);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", idat), chunk("IEND", Buffer.alloc(0))]);
}

/** A frame header and the begin of a scan. */
function jpeg(width, height) {
  const u16 = (value) => Buffer.from([value >> 8, value & 255]);
  const frame = Buffer.concat([
    Buffer.from([0xff, 0xc0]),
    u16(11),
    Buffer.from([8]),
    u16(height),
    u16(width),
    Buffer.from([1, 1, 0x11, 0]),
  ]);
  const scan = Buffer.concat([Buffer.from([0xff, 0xda]), u16(8), Buffer.from([1, 1, 0, 0, 63, 0])]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), frame, scan, Buffer.alloc(500), Buffer.from([0xff, 0xd9])]);
}

/** An entry of an archive: deflated bytes with what they claim to be, or stored ones. */
function entry(name, packed, size, crc, stored = null) {
  const data = stored ?? packed;
  return {
    name,
    method: stored === null ? 8 : 0,
    data,
    size: stored === null ? size : stored.length,
    crc: stored === null ? crc : crc32(stored),
  };
}

const entryEnd = (count, length, offset) =>
  Buffer.concat([
    ascii("PK\x05\x06"),
    Buffer.alloc(4),
    Buffer.from([count & 255, count >> 8, count & 255, count >> 8]),
    u32(length),
    u32(offset),
    Buffer.alloc(2),
  ]);

function zip(entries) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, method, data, size, crc } of entries) {
    const common = Buffer.concat([
      Buffer.from([20, 0, 0, 0, method, 0, 0, 0, 0, 0]),
      u32(crc),
      u32(data.length),
      u32(size),
      Buffer.from([name.length, 0, 0, 0]),
    ]);
    directory.push(
      Buffer.concat([ascii("PK\x01\x02"), Buffer.from([20, 0]), common, Buffer.alloc(10), u32(offset), ascii(name)]),
    );
    const local = Buffer.concat([ascii("PK\x03\x04"), common, ascii(name), data]);
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...parts, central, entryEnd(entries.length, central.length, offset)]);
}

/** A state dict of `count` tensors that look at one storage, whose entry is deflated. */
function torchZip(packed, bytes, count) {
  const elements = bytes / 4;
  const binunicode = (text) => Buffer.concat([ascii("X"), u32(text.length), ascii(text)]);
  const long = (value) => Buffer.concat([Buffer.from([0x8a, 8]), u64(value)]);
  const tensor = Buffer.concat([
    ascii("ctorch._utils\n_rebuild_tensor_v2\n(("),
    ...[binunicode("storage"), ascii("ctorch\nFloatStorage\n"), binunicode("0"), binunicode("cpu"), long(elements)],
    ...[
      ascii("tQ"),
      long(0),
      ascii("("),
      long(elements),
      ascii("t("),
      long(1),
      ascii("t"),
      Buffer.from([0x89]),
      ascii("}tR"),
    ],
  ]);
  const items = Array.from({ length: count }, (_, k) => [
    binunicode(k === 0 ? "input.input" : `convs.${k}.conv.weight`),
    tensor,
  ]);
  const pickle = Buffer.concat([Buffer.from([0x80, 2]), ascii("}("), ...items.flat(), ascii("u.")]);
  return zip([entry("archive/data.pkl", null, 0, 0, pickle), entry("archive/data/0", packed, bytes, 0)]);
}

/** a = (); then a = (a, a), again and again: 2^times leaves, in a few bytes each. */
function doubling(times) {
  const steps = Array.from({ length: times }, (_, k) => Buffer.from([0x71, k, 0x68, k, 0x86]));
  return Buffer.concat([Buffer.from([0x80, 2, 0x29]), ...steps, ascii(".")]);
}

function safetensorsText(header, data = 4) {
  return Buffer.concat([u64(header.length), ascii(header), Buffer.alloc(data)]);
}
const safetensors = (header) => safetensorsText(JSON.stringify(header));

/** The bundled model's geometry with more channels than any memory holds, and none of their tensors. */
function claimedNetwork(writeSafetensors, denseTensor) {
  const bundled = readFileSync(join(root, "models/faces64.safetensors"));
  const length = Number(bundled.readBigUInt64LE(0));
  const metadata = JSON.parse(bundled.subarray(8, 8 + length).toString()).__metadata__;
  const wide = Object.entries(metadata).map(([key, value]) => [key, value.replace(/\[4,\d+\]/, "[4,1048576]")]);
  const tensor = denseTensor(new Float32Array(1), [1]);
  return Buffer.from(writeSafetensors([{ name: "gEma.mapping.w_avg", dtype: "f32", tensor }], new Map(wide)));
}

/** What torch.save wrote before zips: magic, protocol, system, then an object with a storage. */
function torchStream(elements) {
  const magic = Buffer.from([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]);
  const protocol = Buffer.from([0x80, 0x02, 0x4d, 0xe9, 0x03, 0x2e]);
  const system = Buffer.from([0x80, 0x02, 0x7d, 0x2e]);
  const binunicode = (text) => Buffer.concat([ascii("X"), u32(text.length), ascii(text)]);
  const long = Buffer.concat([Buffer.from([0x8a, 8]), u64(elements)]);
  const object = Buffer.concat([
    Buffer.from([0x80, 2]),
    ascii("("),
    binunicode("storage"),
    ascii("ctorch\nFloatStorage\n"),
    binunicode("0"),
    binunicode("cpu"),
    long,
    ascii("NtQ."),
  ]);
  const keys = Buffer.concat([Buffer.from([0x80, 2]), ascii("]"), binunicode("0"), ascii("a.")]);
  return Buffer.concat([magic, protocol, system, object, keys, u64(elements), Buffer.alloc(64)]);
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

if (process.argv[2] === "--open") await open(process.argv[3], process.argv[4]);
else process.exitCode = await main(process.argv[2] ?? "");

// Random damage to files, shared by scripts/checks/mutateCheckpoints.mjs and tests/formats/mutation.test.ts.

/** Pickle opcodes with their operands; those that name, call, repeat, or claim great lengths. */
const opcodes = [
  [0x28],
  [0x29],
  [0x2e],
  [0x30],
  [0x31],
  [0x32],
  [0x32, 0x32, 0x32, 0x32],
  [0x4e],
  [0x52],
  [0x62],
  [0x64],
  [0x65],
  [0x61],
  [0x73],
  [0x74],
  [0x75],
  [0x7d],
  [0x5d],
  [0x81],
  [0x85],
  [0x86],
  [0x87],
  [0x88],
  [0x8f],
  [0x90],
  [0x91],
  [0x92],
  [0x93],
  [0x94],
  [0x6c],
  [0x6f],
  [0x51],
  [0x68, 0],
  [0x68, 1],
  [0x68, 7],
  [0x71, 3],
  [0x4b, 255],
  [0x4d, 255, 255],
  [0x4a, 255, 255, 255, 127],
  [0x4a, 0, 0, 0, 128],
  [0x8a, 255],
  [0x8b, 255, 255, 255, 127],
  [0x8b, 0, 0, 0, 128],
  [0x42, 255, 255, 255, 255],
  [0x42, 0, 0, 0, 128],
  [0x54, 255, 255, 255, 127],
  [0x58, 0, 0, 0, 64],
  [0x58, 255, 255, 255, 255],
  [0x8d, 255, 255, 255, 255, 255, 255, 255, 255],
  [0x8e, 0, 0, 0, 0, 0, 0, 0, 128],
  [0x8e, 0, 0, 0, 16, 0, 0, 0, 0],
  [0x96, 255, 255, 255, 255, 0, 0, 0, 0],
  [0x95, 255, 255, 255, 255, 255, 255, 255, 127],
  [0x72, 255, 255, 255, 255],
  [0x6a, 255, 255, 255, 255],
  [0x80, 9],
  [0x82, 1],
  [0x97],
  [0x98],
  [0x47, 127, 240, 0, 0, 0, 0, 0, 0],
  text("cos\nsystem\n"),
  text("cbuiltins\neval\n"),
  text("cposix\nsystem\n(Vecho\ntR"),
  text("ios\nsystem\n"),
  text("I99999999999999999999\n"),
  text("L12345678901234567890L\n"),
  text("F1e999\n"),
  text("Vtext\n"),
  text("S'a'\n"),
  text("p99999999999\n"),
  text("g4\n"),
  text("ccollections\nOrderedDict\n"),
  text("ctorch._utils\n_rebuild_tensor_v2\n"),
];

/** Integers at the edges. */
const edges = [0, 1, 127, 128, 255, 65535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

function text(string) {
  return [...string].map((character) => character.charCodeAt(0));
}

/** One to three kinds of damage to a copy of `original`. `other` is another file to take pieces from. */
export function mutate(original, other, random) {
  let bytes = original.slice();
  const how = [];
  for (let n = random.randint(1, 4); n > 0; n--) {
    const kind = random.randint(0, 8);
    const at = place(bytes, random);
    if (kind <= 1) {
      const flips = random.randint(1, 9);
      for (let i = 0; i < flips; i++) bytes[place(bytes, random)] ^= 1 << random.randint(0, 8);
      how.push(`${flips} bits flipped`);
    } else if (kind === 2) {
      bytes = bytes.slice(0, at);
      how.push(`cut at ${at}`);
    } else if (kind === 3) {
      bytes = splice(bytes, at, 0, opcodes[random.randint(0, opcodes.length)]);
      how.push(`opcode inserted at ${at}`);
    } else if (kind === 4) {
      const opcode = opcodes[random.randint(0, opcodes.length)];
      bytes = splice(bytes, at, opcode.length, opcode);
      how.push(`opcode written at ${at}`);
    } else if (kind === 5) {
      const length = random.randint(1, 4096);
      bytes = splice(bytes, at, length, []);
      how.push(`${length} bytes removed at ${at}`);
    } else if (kind === 6) {
      const from = place(other, random);
      const length = random.randint(1, 4096);
      const removed = random.randint(0, 2) * length;
      bytes = splice(bytes, at, removed, other.subarray(from, from + length));
      how.push(`${length} bytes of ${from} spliced at ${at}`);
    } else {
      const edge = edges[random.randint(0, edges.length)];
      for (let i = 0; i < 4; i++) if (at + i < bytes.length) bytes[at + i] = (edge / 2 ** (8 * i)) & 255;
      how.push(`integer ${edge} written at ${at}`);
    }
  }
  return { bytes, how: how.join(", ") };
}

/** Anywhere, but often near one of the ends, where headers and directories are. */
function place(bytes, random) {
  const end = Math.max(1, bytes.length);
  const where = random.randint(0, 4);
  if (where === 0) return random.randint(0, Math.min(end, 4096));
  if (where === 1) return end - 1 - random.randint(0, Math.min(end, 4096));
  return random.randint(0, end);
}

function splice(bytes, at, removed, inserted) {
  const tail = bytes.subarray(Math.min(bytes.length, at + removed));
  const whole = new Uint8Array(at + inserted.length + tail.length);
  whole.set(bytes.subarray(0, at));
  whole.set(inserted, at);
  whole.set(tail, at + inserted.length);
  return whole;
}

/** Reads every element of every tensor, as loading would. */
export function readFully(checkpoint) {
  let elements = 0;
  for (const network of Object.values(checkpoint.networks)) {
    for (const tensor of network.tensors.values()) elements += tensor.toFloat().length;
  }
  return elements;
}

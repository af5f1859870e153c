/** The file layer: whole files or none, whatever the system does in between. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { ZipWriter } from "../../src/cli/images/zipWriter.js";
import {
  appendFile,
  FileWriter,
  isSameFile,
  openFile,
  readFile,
  removeUnfinished,
  writeFile,
} from "../../src/files.js";
import { FileError } from "../../src/formats/fileError.js";
import { CheckpointError, encodeCheckpoint, loadCheckpoint, saveCheckpoint } from "../../src/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const small = join(root, "tests/fixtures/checkpoints/sg2ada-r32-skip-resnet.pkl");
const folder = mkdtempSync(join(tmpdir(), "stylegan-files-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** The very object that the file layer asks for its functions. */
const fs = process.getBuiltinModule("node:fs");
const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at & 255);
const leftovers = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".tmp"));

/** A system that takes at most `most` bytes a call, and no more than `room` in all. */
function limitWrites(most: number, room = Number.POSITIVE_INFINITY): void {
  const write = fs.writeSync.bind(fs) as (file: number, data: Uint8Array, offset: number, length: number) => number;
  let left = room;
  const limited = (file: number, data: Uint8Array, offset: number, length: number): number => {
    if (left === 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const count = write(file, data, offset, Math.min(length, most, left));
    left -= count;
    return count;
  };
  vi.spyOn(fs, "writeSync").mockImplementation(limited as typeof fs.writeSync);
}

describe("what killed processes left unfinished", () => {
  test("is deleted; not what somebody still writes, what another machine left, or files that only look alike", () => {
    const place = mkdtempSync(join(folder, "left-"));
    const writer = new FileWriter(join(place, "out.zip"));
    writer.write(bytes);
    const [own] = readdirSync(place);
    const [, pid, host] = /^\.out\.zip\.(\d+)-([\da-f]{8})-/.exec(own)!;
    expect(pid).toBe(String(process.pid));
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    const gone = [own.replace(pid, String(dead)), `${own.slice(0, -8)}0000.tmp`]; // of another process; of an earlier one like this
    const kept = [
      own,
      own.replace(pid, "1"), // that process runs
      own.replace(pid, String(dead)).replace(host, host === "00000000" ? "00000001" : "00000000"),
      `notes.${dead}.tmp`,
      `.notes.${dead}.tmp`,
    ];
    for (const name of [...gone, ...kept]) if (name !== own) writeFileSync(join(place, name), "half");
    removeUnfinished(place);
    expect(readdirSync(place).sort()).toEqual([...kept].sort());
    writer.finish();
    expect(readFileSync(join(place, "out.zip"))).toHaveLength(bytes.length);
  });
});

describe("writing", () => {
  test("all bytes are written, however few the system takes at once", async () => {
    limitWrites(7);
    const path = join(folder, "short");
    writeFile(path, [bytes, bytes.subarray(0, 3)]);
    appendFile(path, bytes);
    expect([...readFile(path)]).toEqual([...bytes, ...bytes.subarray(0, 3), ...bytes]);
    vi.restoreAllMocks();
    limitWrites(100_000);
    const { gEma } = await loadCheckpoint(small, { networks: ["gEma"] });
    const saved = join(folder, "short.safetensors");
    await saveCheckpoint(saved, { gEma });
    expect(readFileSync(saved).equals(Buffer.concat([...encodeCheckpoint({ gEma })]))).toBe(true);
  });

  test("a disk that becomes full anywhere leaves what was there, and nothing else", async () => {
    const { gEma } = await loadCheckpoint(small, { networks: ["gEma"] });
    const whole = Buffer.concat([...encodeCheckpoint({ gEma })]);
    const path = join(folder, "full.safetensors");
    writeFileSync(path, "before");
    for (const room of [0, 1, 8, whole.length >> 1, whole.length - 1]) {
      limitWrites(1 << 16, room);
      const saving = saveCheckpoint(path, { gEma });
      await expect(saving, `room for ${room} bytes`).rejects.toThrow(/^cannot write .*no space left on the device$/);
      await expect(saving).rejects.toThrow(FileError);
      vi.restoreAllMocks();
      expect(readFileSync(path, "utf8")).toBe("before");
      expect(leftovers()).toEqual([]);
    }
    limitWrites(1 << 16, 20);
    const zip = new ZipWriter(join(folder, "full.zip"));
    expect(() => zip.add("a.bin", bytes)).toThrow(/no space left/);
    zip.abandon();
    expect(readdirSync(folder)).not.toContain("full.zip");
    expect(leftovers()).toEqual([]);
  });

  test("a limit of the size of files is an error, not a shorter file", () => {
    const out = join(folder, "limited.safetensors");
    const program = join(folder, "save.mjs");
    writeFileSync(
      program,
      `import { loadCheckpoint, saveCheckpoint } from ${JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href)};
       const { gEma } = await loadCheckpoint(${JSON.stringify(small)}, { networks: ["gEma"] });
       await saveCheckpoint(${JSON.stringify(out)}, { gEma }).catch((error) => {
         console.log(error.message);
         process.exitCode = 3;
       });`,
    );
    // In blocks of 512 or 1024 bytes: less than the file has.
    const { status, stdout } = spawnSync("sh", ["-c", `ulimit -f 100; exec "$0" "$1"`, process.execPath, program], {
      encoding: "utf8",
    });
    expect(stdout).toMatch(/cannot write .*limited\.safetensors: the file would be larger than allowed/);
    expect(status).toBe(3);
    expect(readdirSync(folder)).not.toContain("limited.safetensors");
    expect(leftovers()).toEqual([]);
  });

  test("two that write one path at once do not mix: the name shows one of them, whole", async () => {
    const path = join(folder, "both");
    const [a, b] = [new FileWriter(path), new FileWriter(path)];
    a.write(bytes);
    b.write(bytes.subarray(0, 10));
    a.write(bytes);
    b.write(bytes.subarray(0, 10));
    a.finish();
    expect(readFile(path).length).toBe(2000);
    b.finish({ flush: true });
    expect([...readFile(path)]).toEqual([...bytes.subarray(0, 10), ...bytes.subarray(0, 10)]);
    const { gEma, d } = await loadCheckpoint(small);
    const target = join(folder, "both.safetensors");
    await Promise.all([saveCheckpoint(target, { gEma }), saveCheckpoint(target, { d })]);
    const { gEma: first, d: second } = await loadCheckpoint(target);
    expect([first === undefined, second === undefined].sort()).toEqual([false, true]);
  });

  test("pieces that fail while they are made leave the file as it was", () => {
    const path = join(folder, "pieces");
    writeFileSync(path, "before");
    function* pieces() {
      yield bytes;
      throw new RangeError("no more");
    }
    expect(() => writeFile(path, pieces())).toThrow(new RangeError("no more"));
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(leftovers()).toEqual([]);
  });

  test("what is added is added whole or not at all", () => {
    const path = join(folder, "lines");
    appendFile(path, bytes);
    limitWrites(1000, 500);
    expect(() => appendFile(path, bytes)).toThrow(/no space left/);
    expect(readFile(path).length).toBe(1000);
  });

  test("names as long as the file system has them, and in any letters", () => {
    for (const name of ["n".repeat(255), "\u00e4".repeat(127), "\u{1f600}".repeat(63)]) {
      writeFile(join(folder, name), bytes);
      expect(readFile(join(folder, name)).length).toBe(1000);
    }
    expect(() => writeFile(join(folder, "n".repeat(256)), bytes)).toThrow(/the name is too long/);
  });
});

describe("reading", () => {
  test("by position, and no further than the file", () => {
    const path = join(folder, "read");
    writeFile(path, bytes);
    const file = openFile(pathToFileURL(path));
    expect(file.size).toBe(1000);
    expect([...file.read(10, 3)]).toEqual([10, 11, 12]);
    expect(file.read(998, 10).length).toBe(2);
    expect(file.readInto?.(998, new Uint8Array(3))).toBe(false);
    file.close();
    expect([...readFile(pathToFileURL(path).href)]).toEqual([...bytes]);
  });

  test("what is no file is said, and for checkpoints it is their error", async () => {
    const none = join(folder, "none");
    expect(() => openFile(none)).toThrow(/cannot read .*none: no such file or directory/);
    expect(() => openFile(folder)).toThrow(/it is not a file but a folder/);
    expect(() => openFile("/dev/null")).toThrow(/it is not a file but a device/);
    expect(() => openFile(new URL("https://example.org/x"))).toThrow(/expected a path or a file: address/);
    spawnSync("mkfifo", [join(folder, "pipe")]);
    expect(() => openFile(join(folder, "pipe"))).toThrow(/not a file/);
    await expect(loadCheckpoint(none)).rejects.toThrow(CheckpointError);
    expect(() => openFile(none)).toThrow(FileError);
    if (process.getuid?.() === 0) return; // root may read everything
    const secret = join(folder, "secret");
    writeFile(secret, bytes);
    chmodSync(secret, 0);
    expect(() => openFile(secret)).toThrow(/permission denied/);
  });

  test("one file by two paths", () => {
    mkdirSync(join(folder, "within"));
    writeFile(join(folder, "same"), bytes);
    expect(isSameFile(join(folder, "same"), join(folder, "within", "..", "same"))).toBe(true);
    expect(isSameFile(join(folder, "same"), join(folder, "none"))).toBe(false);
  });
});

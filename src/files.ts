/**
 * Files, for the entry and for the command line: read by position, and written whole or not at all. Errors say in words
 * what could not be done with which file.
 *
 * A file is written under a temporary name of its own in the same folder, and renamed when every byte is in it. So a full
 * disk, a limit or a killed process leaves what was there before, and of two that write one path at once the later wins.
 */
import type { ByteSource } from "./formats/byteSource.js";
import { FileError } from "./formats/fileError.js";
import { isWindows, memoryStays, nodeModule } from "./host.js";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EEXIST: "a file is in the way",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "it is a directory",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "no space left within the quota",
  EFBIG: "the file would be larger than allowed",
  ENAMETOOLONG: "the name is too long",
};

/** `cannot write out/seed0000.png: no space left on the device`; an error in words already stays as it is. */
export function systemError(action: string, path: string, error: unknown): FileError {
  if (error instanceof FileError) return error;
  const { code = "", message } = error as { readonly code?: string; readonly message: string };
  return new FileError(`cannot ${action} ${path}: ${reasons[code] ?? message}`, undefined, { cause: error });
}

/** A file that is read piece by piece, so that its bytes are never in memory all at once. */
export interface OpenFile extends ByteSource {
  close(): void;
  /**
   * The same bytes, opened once more, after `close`, too; null where they are others by now, or gone. Left out where nothing can
   * be opened again.
   */
  reopen?(): OpenFile | null;
  /** Whether the bytes are those that were opened. Default true. */
  isUnchanged?(): boolean;
}

/** A file that can be told from others. */
interface IdentifiedFile extends OpenFile {
  readonly identity: string;
}

/** A call to the system takes and gives less than 2 GiB at once. */
const MOST_BYTES = 2 ** 30;

/** @throws FileError when there is no such file, it is no file, or it may not be read */
export function openFile(path: string | URL): IdentifiedFile {
  const { closeSync, fstatSync, openSync, readSync, statSync } = nodeModule("fs");
  const name = pathOf(path);
  const attempt = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      throw systemError("read", name, error);
    }
  };
  // Asked before it is opened: opening a pipe would wait for somebody who writes into it.
  const stats = attempt(() => statSync(name));
  if (!stats.isFile()) {
    throw new FileError(`cannot read ${name}: it is not a file but a ${stats.isDirectory() ? "folder" : "device"}`);
  }
  const file = attempt(() => openSync(name, "r"));
  const fill = (offset: number, target: Uint8Array): number =>
    attempt(() => {
      let done = 0;
      while (done < target.length) {
        const count = readSync(file, target, done, Math.min(target.length - done, MOST_BYTES), offset + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  const fillLater = async (offset: number, target: () => Uint8Array): Promise<boolean> => {
    for (let done = 0; ; ) {
      const bytes = target();
      if (done === bytes.length) return true;
      const count = await readLater(file, bytes.subarray(done, done + MOST_BYTES), offset + done).catch((error) => {
        throw systemError("read", name, error);
      });
      if (count === 0) return false;
      done += count;
    }
  };
  // A file that is renamed or unlinked while it is open stays what it is; one that is written over has another of these.
  const identity = (): string => {
    const { dev, ino, size, mtimeNs } = fstatSync(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  };
  const opened = attempt(identity);
  return {
    size: stats.size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, fill(offset, bytes));
    },
    readInto: (offset, target) => fill(offset, target) === target.length,
    ...(memoryStays() && { readIntoLater: fillLater }),
    close: () => closeSync(file),
    identity: opened,
    isUnchanged: () => attempt(identity) === opened,
    // Windows lets nobody replace a file that is open.
    ...(isWindows() ? {} : { reopen: () => again(path, opened) }),
  };
}

/** Reads by one of Node's own threads; how much was read. */
function readLater(file: number, target: Uint8Array, offset: number): Promise<number> {
  const { read } = nodeModule("fs");
  return new Promise((resolve, reject) => {
    read(file, target, 0, target.length, offset, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** The file of that path, if it is the one that had that identity. */
function again(path: string | URL, identity: string): OpenFile | null {
  let file: IdentifiedFile;
  try {
    file = openFile(path);
  } catch {
    return null;
  }
  if (file.identity === identity) return file;
  file.close();
  return null;
}

/** All bytes of a file. @throws FileError as `openFile` */
export function readFile(path: string | URL): Uint8Array {
  const file = openFile(path);
  try {
    return file.read(0, file.size);
  } finally {
    file.close();
  }
}

/** A file that grows under a temporary name until `finish` gives it its own. */
export class FileWriter {
  readonly #path: string;
  readonly #temporary: string;
  #file: number | null;

  constructor(path: string | URL) {
    this.#path = pathOf(path);
    this.#temporary = temporaryPath(this.#path);
    this.#file = this.#attempt(() => nodeModule("fs").openSync(this.#temporary, "wx"));
  }

  write(bytes: Uint8Array): void {
    this.#attempt(() => writeAll(this.#file!, bytes));
  }

  /**
   * Gives the file its name; the file that had it is gone.
   *
   * @param flush first wait until the bytes are on the disk: then not even a power cut leaves half of them under the name
   */
  finish({ flush = false }: { readonly flush?: boolean } = {}): void {
    const { closeSync, fsyncSync, renameSync } = nodeModule("fs");
    this.#attempt(() => {
      const file = this.#file!;
      if (flush) fsyncSync(file);
      this.#file = null;
      closeSync(file); // Where writing is delayed, a full disk may be told here.
      renameSync(this.#temporary, this.#path);
      unfinished.delete(this.#temporary);
    });
  }

  /** Leaves nothing behind; after `finish` it does nothing. */
  abandon(): void {
    const { closeSync, rmSync } = nodeModule("fs");
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    rmSync(this.#temporary, { force: true });
    unfinished.delete(this.#temporary);
  }

  #attempt<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw systemError("write", this.#path, error);
    }
  }
}

/** A hidden name beside `path` that no other has, for what is not complete yet: `removeUnfinished` knows it. */
export function temporaryPath(path: string): string {
  const { basename, dirname, join } = nodeModule("path");
  const name = [...basename(path)].slice(0, 40).join("");
  const temporary = join(dirname(path), `.${name}.${process.pid}-${hostMark()}-${globalThis.crypto.randomUUID()}.tmp`);
  unfinished.add(temporary);
  return temporary;
}

/** The temporary files of this process. */
const unfinished = new Set<string>();

const TEMPORARY = /^\..+\.(\d+)-([\da-f]{8})-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/;

/** Eight digits for this machine: in a folder that several share, process numbers mean nothing without it. */
function hostMark(): string {
  let mark = 0x811c9dc5; // FNV-1a
  for (const letter of nodeModule("os").hostname()) mark = Math.imul(mark ^ letter.codePointAt(0)!, 0x01000193);
  return (mark >>> 0).toString(16).padStart(8, "0");
}

/** Deletes what lies under a name of `temporaryPath` in a folder, and whose process, on this machine, is no more. */
export function removeUnfinished(folder: string): void {
  const { readdirSync, rmSync } = nodeModule("fs");
  const { join } = nodeModule("path");
  for (const name of readdirSync(folder)) {
    const [, pid, host] = TEMPORARY.exec(name) ?? [];
    if (pid === undefined || host !== hostMark()) continue;
    const path = join(folder, name);
    const isOwn = Number(pid) === process.pid;
    if (isOwn ? unfinished.has(path) : isAlive(Number(pid))) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Writes a file, from bytes or piece by piece. `flush` as in `FileWriter.finish`.
 *
 * @throws FileError when it cannot be written; whatever making the pieces throws. The path then shows what it showed before.
 */
export function writeFile(
  path: string | URL,
  content: Uint8Array | Iterable<Uint8Array>,
  options: { readonly flush?: boolean } = {},
): void {
  const writer = new FileWriter(path);
  try {
    for (const piece of content instanceof Uint8Array ? [content] : content) writer.write(piece);
    writer.finish(options);
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

/** Adds bytes at the end of a file, which is made when there is none: all of them, or none. */
export function appendFile(path: string, bytes: Uint8Array): void {
  const { closeSync, fstatSync, ftruncateSync, openSync } = nodeModule("fs");
  let file: number | null = null;
  try {
    file = openSync(path, "a");
    const { size } = fstatSync(file);
    try {
      writeAll(file, bytes);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  } catch (error) {
    throw systemError("write", path, error);
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** Whether two paths lead to one file (or folder) that exists. */
export function isSameFile(a: string, b: string): boolean {
  const { realpathSync } = nodeModule("fs");
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** All bytes or an error: a call to the system may write some of them only, as it does when a disk becomes full. */
function writeAll(file: number, bytes: Uint8Array): void {
  const { writeSync } = nodeModule("fs");
  for (let done = 0; done < bytes.length; ) {
    const count = writeSync(file, bytes, done, Math.min(bytes.length - done, MOST_BYTES));
    if (count === 0) throw new Error(`only ${done} of ${bytes.length} bytes could be written`);
    done += count;
  }
}

function pathOf(path: string | URL): string {
  if (typeof path === "string" && !path.startsWith("file:")) return path;
  try {
    return nodeModule("url").fileURLToPath(path);
  } catch (error) {
    throw new FileError(`expected a path or a file: address, got ${path}`, undefined, { cause: error });
  }
}

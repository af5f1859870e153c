/** Files as the commands use them: errors in words, and nothing ever half-written. */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EEXIST: "a file is in the way",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "it is a directory",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  ENAMETOOLONG: "the name is too long",
};

/** `cannot write out/seed0000.png: no space left on the device` */
export function fileError(action: string, path: string, error: unknown): Error {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new Error(`cannot ${action} ${path}: ${reasons[code] ?? message}`, { cause: error });
}

/** Throws, in words, unless `path` is a file that can be read. */
export function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw fileError("read", path, error);
  }
  if (!statSync(path).isFile()) throw new Error(`cannot read ${path}: it is not a file`);
}

export function readFile(path: string): Uint8Array {
  checkReadable(path);
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/** Makes the folder and those above it, and makes sure that files can be put into it. */
export function makeFolder(path: string): void {
  try {
    makeFolders(resolve(path));
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fileError("write into", path, error);
  }
}

/**
 * mkdir -p. Node's own recursive form never returns where a file system answers "no such directory" to every attempt,
 * as /proc does (seen in 20.20).
 */
function makeFolders(path: string): void {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: "EEXIST" });
    return;
  }
  makeFolders(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else may have made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Writes under a temporary name in the same folder, then renames: the name shows the whole file or none. */
export function writeFile(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`);
  try {
    writeFileSync(temporary, bytes, { flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileError("write", path, error);
  }
}

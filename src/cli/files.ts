/** Paths as the commands take them: what cannot be read or written is said in words, before work begins. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readFile, removeUnfinished, systemError } from "../files.js";

/** Throws, in words, unless `path` is a file that can be read. */
export function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw systemError("read", path, error);
  }
  if (!statSync(path).isFile()) throw new Error(`cannot read ${path}: it is not a file`);
}

/** What a file holds, as `read` understands its bytes; what that finds wrong is said with the file's name. */
export function readAs<T>(path: string, read: (bytes: Uint8Array) => T): T {
  const bytes = readFile(path);
  try {
    return read(bytes);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Makes the folder and those above it, and makes sure that files can be put into it. What killed commands left unfinished in
 * it is deleted.
 */
export function makeFolder(path: string): void {
  try {
    makeFolders(resolve(path));
    accessSync(path, constants.W_OK | constants.X_OK);
    removeUnfinished(path);
  } catch (error) {
    throw systemError("write into", path, error);
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

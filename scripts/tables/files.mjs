/** Files that appear whole or not at all. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export function writeWhole(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.tmp`;
  writeFileSync(part, contents);
  renameSync(part, path);
}

export const writeJson = (path, value) => writeWhole(path, `${JSON.stringify(value, null, 2)}\n`);

/** Files that claim or hold more than they seem to, each opened in a process of its own: scripts/checks/hostileFiles.mjs. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const script = fileURLToPath(new URL("../../scripts/checks/hostileFiles.mjs", import.meta.url));

test("every kind ends in an error of ours, within bounds of time and memory", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script]).catch((error) => {
    throw new Error(`${error.stdout}\n${error.stderr}`);
  });
  expect(stdout).toMatch(/\n2\d kinds within bounds\n$/);
  expect(stdout).not.toContain("FAILED");
}, 120_000);

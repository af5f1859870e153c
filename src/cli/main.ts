#!/usr/bin/env node
/** The program `stylegan`. */
import { runCli } from "./program.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // `stylegan info FILE | head` closes the pipe early: not an error.
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`stylegan: cannot write to standard output: ${error.message}\n`);
  process.exit(1);
});

// What cannot be told does not stop the work: a run goes on when its terminal is gone.
process.stderr.on("error", () => {});

process.exitCode = await runCli(process.argv.slice(2));

#!/usr/bin/env node
/** The program `stylegan`. */
import { runCli } from "./program.js";

// `stylegan info FILE | head` closes the pipe early: not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2));

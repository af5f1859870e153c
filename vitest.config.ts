import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: "forks",
    // No trial, and nothing in the cache folder of whoever runs the tests; those of the trial itself say otherwise.
    env: { STYLEGAN_WIDE: "0" },
  },
});

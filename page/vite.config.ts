/** Builds the page to static files that work from any server and any sub-path: npm run page:build. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { readingPlugin } from "./reading.js";

/** The bundled model beside the page. The npm package leaves this copy out: its server takes the one in models/. */
const withModel: Plugin = {
  name: "bundled-model",
  generateBundle() {
    const source = readFileSync(new URL("../models/faces64.safetensors", import.meta.url));
    this.emitFile({ type: "asset", fileName: "models/faces64.safetensors", source });
  },
};

/** Only Node.js can be asked for the wide build (variants.ts): 28 KB that no browser would ever load. */
const withoutWide: Plugin = {
  name: "without-wide",
  enforce: "pre",
  load: (id) => (/\/generated\/wide\.[jt]s$/.test(id) ? 'export const kernels = "";' : null),
};

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [withModel, withoutWide, readingPlugin()],
  worker: { format: "es", plugins: () => [withoutWide] },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});

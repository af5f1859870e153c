/** Bundlers with default settings: each draws seed 0 in Chromium with Node's pixels, isolated and not. */
import { spawn } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isolate, judge, openBrowser, serve } from "./browser.mjs";
import { check, expect, project, root, run, work } from "./lib.mjs";

/** What a page loads. It was 78 kB when this was written; the most that it may ever be is 90 kB. */
const MOST_BYTES = 90_000;

/** What every page does: ?model and ?worker name addresses; without a model it draws the bundled one. */
const draw = `
import { init, loadCheckpoint, scope, seedsToZ, toPixels } from "stylegan";

export async function draw(search) {
  const query = new URLSearchParams(search);
  const worker = query.get("worker");
  if (worker !== null) await init({ worker });
  const { gEma } = await loadCheckpoint(query.get("model") ?? "bundled", { networks: ["gEma"] });
  return scope(() => {
    const image = gEma.forward(seedsToZ([0], gEma.zDim), null, { truncationPsi: 0.7, noiseMode: "const" });
    return Array.from(toPixels(image));
  });
}
`;
const main = `
import { draw } from "./draw.js";

draw(location.search).then(
  (pixels) => { globalThis.outcome = { pixels }; },
  (error) => { globalThis.outcome = { failure: error.message }; },
);
`;
const html = (script) => `<!doctype html><link rel="icon" href="data:,"><body>${script}</body>`;
const moduleScript = (address) => html(`<script type="module" src="${address}"></script>`);
const sources = { "draw.js": draw, "main.js": main, "index.html": moduleScript("/main.js") };
const MODEL = "?model=/faces64.safetensors";

/** The pixels as this Node draws them. */
export async function nodePixels(archive) {
  const program = `import { draw } from "./draw.js"; console.log(JSON.stringify(await draw("")));`;
  const folder = await project("pixels", { packages: [archive], files: { "draw.js": draw, "print.js": program } });
  return JSON.parse(await run(process.execPath, ["print.js"], { cwd: folder }));
}

/** How each is called; `bundled`: it knows of addresses beside a module, and so puts the model beside the program. */
const builders = [
  {
    name: "vite",
    packages: ["vite@8"],
    build: ["vite", "build"],
    bundled: true,
  },
  {
    name: "vite 7",
    packages: ["vite@7"],
    build: ["vite", "build"],
    bundled: true,
  },
  {
    name: "webpack",
    packages: ["webpack@5", "webpack-cli@6"],
    build: ["webpack", "--mode", "production", "--entry", "./main.js", "-o", "dist"],
    bundled: true,
  },
  {
    name: "esbuild",
    packages: ["esbuild@0.28"],
    build: ["esbuild", "main.js", "--bundle", "--outfile=dist/main.js"],
    page: html('<script src="/main.js"></script>'),
  },
  {
    name: "esbuild, modules",
    packages: ["esbuild@0.28"],
    build: ["esbuild", "main.js", "--bundle", "--minify", "--format=esm", "--splitting", "--outdir=dist"],
    weigh: true,
  },
  {
    name: "rollup",
    packages: ["rollup@4", "@rollup/plugin-node-resolve@16"],
    build: ["rollup", "main.js", "-p", "node-resolve", "-d", "dist"],
  },
];

export async function bundlers(archive) {
  const expected = await nodePixels(archive);
  const browser = await openBrowser();
  try {
    for (const builder of builders) await bundle(builder, archive, browser, expected);
    for (const name of ["vite", "vite 7"]) await viteDevelopment(name, browser, expected);
    await importMap(archive, browser, expected);
    await policies(browser, expected);
  } finally {
    await browser.close();
  }
}

async function bundle({ name, packages, build, page, bundled = false, weigh = false }, archive, browser, expected) {
  const folder = join(work, name.replaceAll(/\W+/g, "-"));
  const dist = join(folder, "dist");
  let isBuilt = false;
  await check(`${name}: build`, async () => {
    await project(name.replaceAll(/\W+/g, "-"), { packages: [archive, ...packages], files: sources });
    const said = await run("npx", build, { cwd: folder });
    const file = join(dist, "index.html");
    if (!existsSync(file)) writeFileSync(file, page ?? moduleScript("/main.js"));
    isBuilt = true;
    expect(!/\berrors?\b/i.test(said.replaceAll(/\b0 errors?/gi, "")), said); // a file may be called fileError.js
  });
  if (!isBuilt) return;
  for (const isolated of [true, false]) {
    for (const search of bundled ? [MODEL, ""] : [MODEL]) {
      const how = `${isolated ? "isolated" : "not isolated"}${search === "" ? ", bundled model" : ""}`;
      await check(`${name}: ${how}`, async () => {
        const server = await serve(dist, { isolated });
        try {
          const seen = await browser.look(server.url + search);
          judge(seen, expected, { isolated });
          if (weigh)
            expect(seen.bytes <= MOST_BYTES, `the page loads ${seen.bytes} bytes gzipped, at most ${MOST_BYTES}`);
          return `${seen.threads} threads, ${seen.bytes} bytes gzipped`;
        } finally {
          server.close();
        }
      });
    }
  }
}

/** The development server moves modules as no build does. */
async function viteDevelopment(name, browser, expected) {
  await check(`${name}: development`, async () => {
    const folder = join(work, name.replaceAll(/\W+/g, "-"));
    mkdirSync(join(folder, "public"), { recursive: true });
    copyFileSync(
      join(folder, "node_modules/stylegan/models/faces64.safetensors"),
      join(folder, "public/faces64.safetensors"),
    );
    await served(["vite", "--port", "5199", "--strictPort"], folder, "http://localhost:5199/", async (url) => {
      judge(await browser.look(url + MODEL), expected, { isolated: false });
    });
  });
}

/** No bundler: what docs/browser.md says to write into a page, served with the folder of packages. */
async function importMap(archive, browser, expected) {
  const page = readFileSync(join(root, "docs/browser.md"), "utf8");
  const [, code] = /^```html\n(<script type="importmap">.*?)^```/ms.exec(page);
  const files = { ...sources, "index.html": html(code) };
  const folder = await project("import-map", { packages: [archive], files });
  for (const isolated of [true, false]) {
    for (const search of [MODEL, ""]) {
      await check(
        `import map: ${isolated ? "" : "not "}isolated${search === "" ? ", bundled model" : ""}`,
        async () => {
          const server = await serve(folder, { isolated });
          try {
            judge(await browser.look(server.url + search), expected, { isolated });
          } finally {
            server.close();
          }
        },
      );
    }
  }
}

/** Runs a server until `body` is done with it. */
async function served(command, folder, url, body) {
  const server = spawn("npx", command, { cwd: folder, stdio: "ignore", detached: true });
  try {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const isUp = await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) break;
      expect(Date.now() < deadline && server.exitCode === null, `${command.join(" ")} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return await body(url);
  } finally {
    process.kill(-server.pid);
  }
}

/** Other origins, and pages whose policy forbids what threads are started from. */
async function policies(browser, expected) {
  const dist = join(work, "esbuild-modules", "dist");
  for (const isolated of [true, false]) {
    await check(`two ports: ${isolated ? "isolated" : "not isolated"}`, async () => {
      const scripts = await serve(dist, { isolated, shared: true });
      const pages = join(work, `pages-${isolated}`);
      mkdirSync(pages, { recursive: true });
      writeFileSync(
        join(pages, "index.html"),
        moduleScript(`${scripts.url}main.js`).replace("<script", "<script crossorigin"),
      );
      const server = await serve(pages, { isolated });
      try {
        judge(await browser.look(server.url + MODEL), expected, { isolated });
      } finally {
        scripts.close();
        server.close();
      }
    });
  }
  cpSync(join(work, "esbuild-modules/node_modules/stylegan/build/stylegan-worker.js"), join(dist, "worker.js"));
  const strict = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";
  const cases = [
    ["worker-src blob:", `${strict}; worker-src blob:`, MODEL, {}],
    ["no blob: workers, one thread and a warning", strict, MODEL, { threads: 1, warned: true }],
    ["no blob: workers, but init({ worker })", strict, `${MODEL}&worker=/worker.js`, {}],
  ];
  for (const [name, policy, search, expectation] of cases) {
    await check(`policy: ${name}`, async () => {
      const server = await serve(dist, { isolated: true, policy });
      try {
        judge(await browser.look(server.url + search), expected, { isolated: true, ...expectation });
      } finally {
        server.close();
      }
    });
  }
}

const nextPage = `"use client";
import { useEffect } from "react";
import { draw } from "../draw.js";

export default function Page() {
  useEffect(() => {
    draw(location.search).then(
      (pixels) => { globalThis.outcome = { pixels }; },
      (error) => { globalThis.outcome = { failure: error.message }; },
    );
  }, []);
  return <p>stylegan</p>;
}
`;
const nextLayout = `export default function Layout({ children }) {
  return <html lang="en"><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
`;
const nextRoute = `import { readFile } from "node:fs/promises";
import { draw } from "../../draw.js";

export const dynamic = "force-dynamic";
export async function GET(request) {
  try {
    return Response.json({ pixels: await draw(new URL(request.url).search) });
  } catch (error) {
    return Response.json({ failure: error.stack }, { status: 500 });
  }
}
`;

export async function next(archive) {
  const expected = await nodePixels(archive);
  const browser = await openBrowser();
  const folder = join(work, "next");
  const files = {
    "draw.js": draw,
    "app/page.jsx": nextPage,
    "app/layout.jsx": nextLayout,
    "app/draw/route.js": nextRoute,
  };
  try {
    await check("next: build", async () => {
      await project("next", { packages: [archive, "next@16", "react@19", "react-dom@19"], files, type: undefined });
      mkdirSync(join(folder, "public"), { recursive: true });
      copyFileSync(
        join(folder, "node_modules/stylegan/models/faces64.safetensors"),
        join(folder, "public/faces64.safetensors"),
      );
      await run("npx", ["next", "build"], { cwd: folder, minutes: 10, env: { NEXT_TELEMETRY_DISABLED: "1" } });
    });
    await served(["next", "start", "-p", "5198"], folder, "http://localhost:5198/", async (url) => {
      for (const search of [MODEL, ""]) {
        await check(`next: page${search === "" ? ", bundled model" : ""}`, async () => {
          judge(await browser.look(url + search), expected, { isolated: false });
        });
      }
      await check("next: page, isolated", async () => {
        const proxy = await isolate(url);
        try {
          judge(await browser.look(proxy.url + MODEL), expected, { isolated: true });
        } finally {
          proxy.close();
        }
      });
      const models = ["?model=public/faces64.safetensors", ""];
      for (const search of models) {
        await check(`next: server route${search === "" ? ", bundled model" : ""}`, async () => {
          const { pixels, failure } = await (await fetch(`${url}draw${search}`)).json();
          expect(failure === undefined, failure);
          expect(pixels.join() === expected.join(), "other pixels than Node's");
        });
      }
    });
  } finally {
    await browser.close();
  }
}

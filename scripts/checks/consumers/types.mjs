/** Every example of the README and the API page, under the strictest settings, for each way of resolving modules. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, expect, project, root, run } from "./lib.mjs";

const ways = [
  { name: "node16", module: "node16", moduleResolution: "node16" },
  { name: "nodenext", module: "nodenext", moduleResolution: "nodenext" },
  { name: "bundler", module: "esnext", moduleResolution: "bundler" },
];

export async function types(archive) {
  const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter(
    (page) => page.endsWith(".md") && examplesOf(page).length > 0,
  );
  const files = Object.fromEntries(
    pages.flatMap((page) =>
      examplesOf(page).map((code, index) => [`${page.replaceAll(/\W/g, "_")}_${index + 1}.ts`, code]),
    ),
  );
  // Of all entries, without an example: their declarations are read, too.
  files["entries.ts"] = ["", "/nn", "/formats", "/training", "/evaluation", "/latents", "/surgery"]
    .map((entry, index) => `export * as entry${index} from "stylegan${entry}";`)
    .join("\n");
  expect(Object.keys(files).length > 5, "there are examples");
  const withNode = await project("types", { packages: [archive, "typescript@~6.0", "@types/node@20"], files });
  for (const way of ways) {
    await check(`types, ${way.name}`, async () => {
      await compile(withNode, way, ["node"], Object.keys(files));
      return `${Object.keys(files).length} files`;
    });
  }
  await check("types, without those of Node", async () => {
    const folder = await project("types-web", {
      packages: [archive, "typescript@~6.0"],
      files: { "entries.ts": files["entries.ts"] },
    });
    await compile(folder, ways[2], [], ["entries.ts"]);
  });
}

async function compile(folder, { module, moduleResolution }, typeNames, files) {
  const compilerOptions = {
    ...{ module, moduleResolution, target: "es2022", lib: ["es2023", "dom", "dom.iterable"], types: typeNames },
    ...{ strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ noEmit: true, verbatimModuleSyntax: true, noUnusedLocals: false },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await run("npx", ["tsc", "-p", "tsconfig.json"], { cwd: folder });
}

/** What is between ```js or ```ts and ```, each a program. */
function examplesOf(page) {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(?:js|ts)\n(.*?)^```/gms)].map(([, code]) => `${code}\nexport {};\n`);
}

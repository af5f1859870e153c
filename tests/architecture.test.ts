/**
 * The floors of the building. A file imports from its own floor or a lower one, never from one above; nothing goes
 * round in a circle; the networks do not know what they run on. The table below is the map: a new file has to be given
 * a floor, or the test says so.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

/** `*` stands for any name without a slash, `**` for anything. Of several rows that match, the first counts. */
const FLOORS: readonly (readonly [floor: number, files: string, what: string])[] = [
  [0, "src/{check,host}.ts", "what callers pass; what this runs in: Node's modules, where there are any"],
  [0, "src/formats/strides.ts", "where the elements of dense arrays lie"],
  [1, "src/nn/kernels/**", "arithmetic on blocks of memory: the contract, its definition, its SIMD form"],
  [2, "src/nn/{backend,loading,noise,random,shape,storage,tensor}.ts", "tensors, and the scopes that own their memory"],
  [3, "src/nn/autograd/record.ts", "what is remembered of operations"],
  [3, "src/nn/{fused,repeatable}.ts", "the seams to fused kernels, and to captures of them"],
  [3, "src/nn/ops/*.ts", "differentiable operations"],
  [4, "src/nn/autograd/*.ts", "the walk back, and its check"],
  [4, "src/nn/layers/*.ts", "layers with parameters"],
  [4, "src/nn/{optim,index}.ts", "optimisers; the package"],
  [4, "src/formats/**", "bytes and plain data"],
  [
    5,
    "src/stylegan/{config,geometry,mapping,adain,layerNoise,minibatchStd,modulatedConv2d,convLayer}.ts",
    "the parts of the networks",
  ],
  [5, "src/stylegan/forward/*.ts", "how networks are called: what they are asked for, and the walk through blocks"],
  [5, "src/stylegan/{synthesis,generator,discriminator,discriminatorBody}.ts", "StyleGAN2"],
  [5, "src/stylegan/growing/*.ts", "StyleGAN, and the configurations of StyleGAN2 that grow"],
  [6, "src/stylegan/training/*.ts", "training, its settings and its data"],
  [6, "src/stylegan/augment/*.ts", "augmentation"],
  [6, "src/stylegan/evaluation/*.ts", "features and distances that compare sets of images"],
  [6, "src/stylegan/latents/**", "what is done with latents"],
  [6, "src/stylegan/{images,networks}.ts", "pixels; networks from what checkpoints hold"],
  [6, "src/stylegan/surgery/*.ts", "networks made of networks"],
  [6, "src/stylegan/checkpoint/**", "names and parameters"],
  [6, "src/stylegan/onnx/*.ts", "networks as ONNX graphs"],
  [7, "src/{checkpoints,files,refills,saving,sources}.ts", "how files and addresses are opened and written"],
  [7, "src/index.ts", "the public entry"],
  [7, "src/cli/**", "the command line"],
];

/** The only files that name modules of Node: the others ask src/host.ts for them, once it is known to be Node. */
const MAY_USE_NODE = ["src/host.ts", "src/cli/**"];

/** The only files of src/nn that src/stylegan may not see: what runs, and where. */
const HIDDEN_FROM_NETWORKS = ["src/nn/kernels/**", "src/nn/backend.ts"];

const root = fileURLToPath(new URL("..", import.meta.url));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly sideEffects: unknown;
};

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => posix.join(entry.parentPath.slice(root.length), entry.name))
    .sort();
}

function matches(pattern: string, file: string): boolean {
  const expression = pattern
    .replace(/[.]/g, "\\.")
    .replace(/\{([^}]*)\}/g, (_, names: string) => `(${names.replaceAll(",", "|")})`)
    .replace(/\*\*|\*/g, (stars) => (stars === "**" ? ".*" : "[^/]*"));
  return new RegExp(`^${expression}$`).test(file);
}

const matchesAny = (patterns: readonly string[], file: string): boolean => patterns.some((p) => matches(p, file));

/** What a file imports, statically or dynamically: paths from the root of the repository, or names of packages. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), "utf8"), true, true);
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith(".") ? posix.join(posix.dirname(file), fileName).replace(/\.js$/, ".ts") : fileName,
  );
}

const files = filesUnder("src");
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const edges = files.flatMap((file) => imports.get(file)!.map((imported) => ({ file, imported })));
const internal = edges.filter(({ imported }) => imported.startsWith("src/"));
const floorOf = (file: string): number | undefined => FLOORS.find(([, pattern]) => matches(pattern, file))?.[0];
const arrows = (list: readonly { file: string; imported: string }[]): string[] =>
  list.map(({ file, imported }) => `${file} -> ${imported}`);

describe("floors", () => {
  test("the parser sees the imports: there are files on every floor, and edges between them", () => {
    expect([...new Set(files.map(floorOf))]).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5, 6, 7]));
    expect(internal.length).toBeGreaterThan(files.length);
    expect(imports.get("src/nn/tensor.ts")).toContain("src/nn/shape.ts");
  });

  test("every file has a floor", () => {
    expect(files.filter((file) => floorOf(file) === undefined)).toEqual([]);
  });

  test("every import names a file that exists", () => {
    expect(arrows(internal.filter(({ imported }) => !files.includes(imported)))).toEqual([]);
  });

  test("a file imports from its own floor or a lower one", () => {
    expect(arrows(internal.filter(({ file, imported }) => floorOf(file)! < floorOf(imported)!))).toEqual([]);
  });

  test("no imports go round in a circle", () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      if (done.has(file) || path.includes(file)) return;
      for (const imported of imports.get(file) ?? []) visit(imported, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });

  test("nothing imports the barrel of its own package", () => {
    const within = ({ file, imported }: { file: string; imported: string }): boolean =>
      imported.endsWith("/index.ts") && imported !== "src/index.ts" && file.startsWith(posix.dirname(imported));
    expect(arrows(internal.filter(within))).toEqual([]);
    // The command line is a user of the package, as any other program; the library itself is not.
    const ofEntry = internal.filter(({ imported }) => imported === "src/index.ts");
    expect(arrows(ofEntry.filter(({ file }) => !file.startsWith("src/cli/")))).toEqual([]);
  });
});

/** The most that a folder and a file may hold: what a reader takes in at a look. */
const MOST_FILES = 14;
const MOST_LINES = 400;
const MOST_LINES_OF_TESTS = 500;
const CODE = /\.(ts|tsx|mts|mjs|js|css)$/;
const ROOMS = ["src", "assembly", "tests", "scripts", "bench", "page"];

describe("rooms", () => {
  const built = ["dist", "node_modules"];
  const code = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && CODE.test(entry.name))
      .map((entry) => posix.join(entry.parentPath.slice(root.length), entry.name))
      // What the build writes is no reading matter.
      .filter((file) => !file.split("/").some((part) => built.includes(part) || part === "generated")),
  );

  test("there are rooms, and the walk sees them", () => {
    for (const room of ROOMS)
      expect(code.filter((file) => file.startsWith(`${room}/`)).length, room).toBeGreaterThan(5);
  });

  test(`no folder has more than ${MOST_FILES} files of code`, () => {
    const counts = new Map<string, number>();
    for (const file of code) counts.set(posix.dirname(file), (counts.get(posix.dirname(file)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > MOST_FILES)).toEqual([]);
  });

  test(`no file has more than ${MOST_LINES} lines, no test more than ${MOST_LINES_OF_TESTS}`, () => {
    const long = code
      .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").trimEnd().split("\n").length }))
      .filter(({ file, lines }) => lines > (file.endsWith(".test.ts") ? MOST_LINES_OF_TESTS : MOST_LINES));
    expect(long).toEqual([]);
  });
});

describe("who knows what", () => {
  test("what a class keeps to itself is #field, and never private", () => {
    const words = /^\s+private\s/m;
    expect(files.filter((file) => words.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
  });

  test("what is recorded knows no operation, and nothing is imported for its side effect", () => {
    expect(imports.get("src/nn/autograd/record.ts")).toEqual(["src/nn/storage.ts", "src/nn/tensor.ts"]);
    const bare = files.filter((file) => /^import "/m.test(readFileSync(join(root, file), "utf8")));
    expect(bare).toEqual([]);
    expect(manifest.sideEffects).toBe(false);
  });

  test("the networks know no kernels, memory or WebAssembly", () => {
    const networks = files.filter((file) => file.startsWith("src/stylegan/"));
    const seen = internal.filter(
      ({ file, imported }) => networks.includes(file) && matchesAny(HIDDEN_FROM_NETWORKS, imported),
    );
    expect(arrows(seen)).toEqual([]);
    const words = /\b(WebAssembly|wasm|SIMD|activeKernels|setKernels|LinearMemory)\b/i;
    expect(networks.filter((file) => words.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
  });

  test("the command line is a user like any other: it imports public entries, its own files, and how files are opened", () => {
    const entries = Object.values(manifest.exports)
      .map((target) => (target as { readonly default?: string }).default ?? "")
      .filter((target) => target.startsWith("./dist/"))
      .map((target) => target.replace("./dist/", "src/").replace(/\.js$/, ".ts"));
    expect(entries).toEqual(expect.arrayContaining(["src/index.ts", "src/stylegan/training/index.ts"]));
    expect(entries.filter((entry) => !files.includes(entry))).toEqual([]);
    const allowed = [...entries, "src/files.ts"];
    const outside = internal.filter(
      ({ file, imported }) =>
        file.startsWith("src/cli/") && !imported.startsWith("src/cli/") && !allowed.includes(imported),
    );
    expect(arrows(outside)).toEqual([]);
  });

  test("the formats know nothing but formats", () => {
    const outside = internal.filter(
      ({ file, imported }) => file.startsWith("src/formats/") && !imported.startsWith("src/formats/"),
    );
    expect(arrows(outside)).toEqual([]);
  });

  test("the arithmetic knows nothing but arithmetic", () => {
    const kernels = internal.filter(({ file }) => file.startsWith("src/nn/kernels/"));
    const allowed = (imported: string): boolean => imported.startsWith("src/nn/kernels/") || floorOf(imported) === 0;
    expect(arrows(kernels.filter(({ imported }) => !allowed(imported)))).toEqual([]);
  });

  test("assembly/ imports nothing from src/, and nothing from elsewhere", () => {
    const sources = filesUnder("assembly");
    expect(sources.length).toBeGreaterThan(0);
    const outside = sources.flatMap((file) =>
      importsOf(file)
        .filter((imported) => !imported.startsWith("assembly/"))
        .map((imported) => `${file} -> ${imported}`),
    );
    expect(outside).toEqual([]);
  });

  test("Node's own modules are named by src/host.ts and the command line only", () => {
    const outside = edges.filter(
      ({ file, imported }) => imported.startsWith("node:") && !matchesAny(MAY_USE_NODE, file),
    );
    expect(arrows(outside)).toEqual([]);
  });

  test("what bundlers stumble over is nowhere: Node's modules by name, files by address, top-level await", () => {
    const isScript = (file: string): boolean => matches("src/nn/kernels/wasm/generated/*.ts", file);
    const library = files.filter((file) => !file.startsWith("src/cli/") && !isScript(file));
    const found = library.flatMap((file) => {
      const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.ES2022, true);
      const text = source.text
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
        .replace(/typeof import\("node:[a-z_]+"\)/g, "");
      const words = [/["'`]node:[a-z]/, /import\.meta/, /\brequire\(/].filter((word) => word.test(text));
      const waits = source.statements.filter((statement) => /^(await|for await)\b/.test(statement.getText()));
      return [...words, ...waits.map((statement) => statement.getText())].map((what) => `${file}: ${what}`);
    });
    // The one template that asks Node for a module by its name, and the same in a thread's script, which imports nothing.
    // And the addresses of the bundled model, which may be missing: then an error says what to do; and of the trial's program,
    // in Node: then there is none.
    const asks = [
      "src/sources.ts: /import\\.meta/",
      "src/nn/kernels/wasm/trial/start.ts: /import\\.meta/",
      "src/host.ts: /[\"'`]node:[a-z]/",
      "src/nn/kernels/wasm/threads/worker.ts: /[\"'`]node:[a-z]/",
    ];
    expect(found.filter((what) => !asks.includes(what))).toEqual([]);
  });

  test("packages: each is imported by the files that were given it", () => {
    const packages = new Map<string, string[]>();
    for (const { file, imported } of edges) {
      if (imported.startsWith("src/") || imported.startsWith("node:")) continue;
      packages.set(imported, [...(packages.get(imported) ?? []), posix.dirname(file)]);
    }
    const places = Object.fromEntries([...packages].map(([name, folders]) => [name, [...new Set(folders)].sort()]));
    const { dependencies } = manifest;
    for (const [name, folders] of Object.entries(places)) {
      expect(Object.keys(dependencies), `${name}, imported in ${folders.join(", ")}`).toContain(name);
      for (const folder of folders)
        expect(["src/formats", "src/cli"], `${folder} imports ${name}`).toContain(
          folder.split("/").slice(0, 2).join("/"),
        );
    }
  });
});

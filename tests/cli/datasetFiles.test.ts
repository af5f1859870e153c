/** `stylegan dataset` on the archives and folders that people have: names, duplicates, hidden files, labels, other formats. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { openImages } from "../../src/cli/images/datasetFiles.js";
import { bytesSource } from "../../src/formats/byteSource.js";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { readZipDirectory, readZipEntry } from "../../src/formats/zip.js";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { runCommand } from "../support/commandLine.js";

const folder = mkdtempSync(join(tmpdir(), "stylegan-cases-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const caseFile = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/cases/datasets/${name}`, import.meta.url));
const image = (value: number): Uint8Array =>
  encodePixels({ width: 8, height: 8, channels: 1, data: new Uint8Array(64).fill(value) });
let count = 0;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What was packed: number of images, and dataset.json. */
  readonly packed: { readonly images: number; readonly json: unknown } | null;
}

async function pack(source: string, ...options: string[]): Promise<Outcome> {
  const path = join(folder, `out${count++}.zip`);
  const { code, out, err } = await runCommand("dataset", source, path, ...options);
  const images = code === 0 ? openImages(path) : null;
  const packed = images === null ? null : { images: images.files.length, json: images.json };
  images?.close();
  return { code, out, err, packed };
}

/** A folder with these files. */
function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = join(folder, `in${count++}`);
  for (const [name, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), contents);
  }
  return path;
}

const labelsOf = ({ packed }: Outcome): unknown[] =>
  (packed!.json as { labels: [string, unknown][] }).labels.map(([, label]) => label);

describe("names", () => {
  test("of code page 437: all six, by the letters that were meant", async () => {
    const { code, packed } = await pack(caseFile("names-cp437.zip"));
    expect([code, packed?.images]).toEqual([0, 6]);
    const names = [...readZipDirectory(bytesSource(new Uint8Array(readFileSync(caseFile("names-cp437.zip"))))).keys()];
    expect(names).toEqual(["ä.png", "ö.png", "ü.png", "Ä.png", "é.png", "è.png"]);
  });

  test("UTF-8 without the flag that says so stays UTF-8", () => {
    const zip = writeZip(new Map([["日本.png", image(1)]]));
    for (let at = 0; at < zip.length - 4; at++) {
      const isHeader = zip[at] === 0x50 && zip[at + 1] === 0x4b;
      if (isHeader && zip[at + 2] === 3) zip[at + 7] = 0;
      if (isHeader && zip[at + 2] === 1) zip[at + 9] = 0;
    }
    expect([...readZipDirectory(bytesSource(zip)).keys()]).toEqual(["日本.png"]);
  });

  test("a name that is there twice is an error that names it", async () => {
    const { code, err } = await pack(caseFile("duplicate-names.zip"));
    expect(code).toBe(1);
    expect(err).toMatch(/"a\.png" is in the archive twice/);
  });
});

describe("files beside the images", () => {
  test("macOS's twins and hidden files are ignored, and counted", async () => {
    const { code, err, packed } = await pack(caseFile("macos.zip"));
    expect([code, packed?.images]).toEqual([0, 8]);
    expect(err).toMatch(/10 other files ignored/);
  });

  test("checkpoints of notebooks, thumbnails, dot files and dot folders likewise", async () => {
    const source = folderOf({
      "a.png": image(1),
      ".ipynb_checkpoints/a-checkpoint.png": image(2),
      "deep/.cache/b.png": image(3),
      "Thumbs.db": "x",
      "desktop.ini": "x",
      ".hidden.png": image(4),
      "README.md": "x",
    });
    const { err, packed } = await pack(source);
    expect(packed?.images).toBe(1);
    expect(err).toMatch(/6 other files ignored/);
  });

  test("an entry that nobody needs may be compressed in any way; one that is needed may not", async () => {
    const { code, err, packed } = await pack(caseFile("readme-bzip2.zip"));
    expect([code, packed?.images]).toEqual([0, 4]);
    expect(err).toMatch(/1 other file ignored/);
    const zip = writeZip(
      new Map([
        ["a.png", image(1)],
        ["b.png", image(2)],
      ]),
    );
    for (let at = zip.length - 22; at > 0; at--) {
      if (zip[at] === 0x50 && zip[at + 1] === 0x4b && zip[at + 2] === 1) {
        zip[at + 10] = 12;
        break;
      }
    }
    const path = join(folder, "bzip2.zip");
    writeFileSync(path, zip);
    const refused = await pack(path);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/b\.png.*compression method 12/);
  });

  test("images in other formats are named, by their names or by their bytes", async () => {
    const webp = new Uint8Array(readFileSync(new URL("../fixtures/cases/images/webp-named-jpg.jpg", import.meta.url)));
    const named = await pack(folderOf({ "a.png": image(1), "b.webp": webp, "c.BMP": "BM", "d.tiff": "II*" }));
    expect([named.code, named.packed?.images]).toEqual([0, 1]);
    expect(named.err).toMatch(/3 images are no PNG or JPEG and left out: b\.webp, c\.BMP, d\.tiff/);
    const disguised = folderOf({ "a.png": image(1), "b.jpg": webp });
    const stopped = await pack(disguised);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toMatch(/b\.jpg: .*found a WebP image.*--skip-bad/);
    const skipped = await pack(disguised, "--skip-bad");
    expect([skipped.code, skipped.packed?.images]).toEqual([0, 1]);
  });
});

describe("labels", () => {
  test("of a dataset.json in a top folder count for the files beside it", async () => {
    const outcome = await pack(caseFile("labels-nested.zip"));
    expect(outcome.code).toBe(0);
    expect(labelsOf(outcome)).toEqual([0, 1, 0, 1, 0, 1]);
  });

  test.each([
    [
      "a list alone",
      [
        ["a.png", 1],
        ["b.png", 0],
      ],
    ],
    ["an object", { "a.png": 1, "b.png": 0 }],
    ["an object of labels", { labels: { "./a.png": 1, "b.png": 0 } }],
  ])("%s", async (_, json) => {
    const outcome = await pack(
      folderOf({ "a.png": image(1), "b.png": image(2), "dataset.json": JSON.stringify(json) }),
    );
    expect(labelsOf(outcome)).toEqual([1, 0]);
  });

  test("half a class is refused, by the name of its image", async () => {
    const { code, err } = await pack(caseFile("labels-half.zip"));
    expect(code).toBe(1);
    expect(err).toMatch(/1\.png has 0\.5/);
  });

  test.each([
    [{ "a.png": 0, "b.png": -1 }, /b\.png has -1/],
    [{ "a.png": "cat", "b.png": 1 }, /a\.png has .*cat.*b\.png has 1/],
    [
      [
        ["a.png", 0],
        ["a.png", 1],
      ],
      /a\.png has two labels, 0 and 1/,
    ],
    [{ "a.png": 0 }, /b\.png.*no label/],
    ["nonsense", /list of \[name, label\]/],
  ])("%j is refused", async (json, message) => {
    const source = folderOf({ "a.png": image(1), "b.png": image(2), "dataset.json": JSON.stringify(json) });
    const { code, err } = await pack(source);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  test("names of classes are numbered in order; the table is told and stored", async () => {
    const json = JSON.stringify({
      labels: [
        ["a.png", "dog"],
        ["b.png", "cat"],
        ["c.png", "dog"],
      ],
    });
    const outcome = await pack(
      folderOf({ "a.png": image(1), "b.png": image(2), "c.png": image(3), "dataset.json": json }),
    );
    expect(labelsOf(outcome)).toEqual([1, 0, 1]);
    expect(outcome.out).toMatch(/classes: 0 cat, 1 dog/);
    const source = bytesSource(new Uint8Array(readFileSync(join(folder, `out${count - 1}.zip`))));
    const stored = readZipEntry(source, readZipDirectory(source).get("dataset.json")!);
    expect(JSON.parse(new TextDecoder().decode(stored)).class_names).toEqual(["cat", "dog"]);
  });

  test("two files of labels, neither in the top folder, are one too many", async () => {
    const { code, err } = await pack(folderOf({ "x/a.png": image(1), "x/dataset.json": "{}", "y/dataset.json": "{}" }));
    expect(code).toBe(1);
    expect(err).toMatch(/expected one dataset\.json, found x\/dataset\.json and y\/dataset\.json/);
  });
});

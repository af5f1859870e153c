/** Data sets: decoding, labels, order, and what `stylegan dataset` packs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encode as encodeJpeg } from "jpeg-js";
import { beforeAll, describe, expect, test } from "vitest";
import { openImages } from "../../src/cli/images/datasetFiles.js";
import { ZipWriter } from "../../src/cli/images/zipWriter.js";
import { bytesSource } from "../../src/formats/byteSource.js";
import { concatBytes, crc32 } from "../../src/formats/bytes.js";
import { FileError } from "../../src/formats/fileError.js";
import { decodeImage, imageHeader } from "../../src/formats/image/imageFile.js";
import { cropCentre, resize, withChannels } from "../../src/formats/image/pixels.js";
import { encodePixels, type PixelImage } from "../../src/formats/image/pngEncoding.js";
import { readZipDirectory, readZipEntry } from "../../src/formats/zip.js";
import { directoryEnd, writeZip } from "../../src/formats/zipEncoder.js";
import { init } from "../../src/index.js";
import { RandomState } from "../../src/nn/random.js";
import { DataOrder, ImageDataset, type ImageFile } from "../../src/stylegan/training/dataset.js";
import { parseLabels } from "../../src/stylegan/training/labels.js";
import { runCommand, scratchFolder } from "../support/commandLine.js";

const folder = scratchFolder("dataset");
beforeAll(() => init({ threads: 1 }));

function noise(width: number, height: number, channels: PixelImage["channels"], seed = 0): PixelImage {
  const random = new RandomState(seed);
  const data = Uint8Array.from({ length: width * height * channels }, () => random.randint(0, 256));
  return { width, height, channels, data };
}

const png = (name: string, image: PixelImage): ImageFile => ({ name, read: () => encodePixels(image) });

function jpeg(width: number, height: number, colour: readonly [number, number, number]): Uint8Array {
  const data = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) data.set([...colour, 255], pixel * 4);
  return new Uint8Array(encodeJpeg({ width, height, data }, 95).data);
}

describe("images", () => {
  test("its checksum changes with pixels that leave size, name and end of a file as they are", () => {
    const contents = (bytes: Uint8Array): string => new ImageDataset([{ name: "a", read: () => bytes }]).contents;
    const differ = (a: Uint8Array, b: Uint8Array): void => {
      expect([b.length, [...b.subarray(-64)]]).toEqual([a.length, [...a.subarray(-64)]]);
      expect(contents(b)).not.toBe(contents(a));
    };
    const photo = jpeg(8, 8, [10, 20, 30]);
    const quantised = photo.slice();
    quantised[photo.findIndex((byte, k) => byte === 0xff && photo[k + 1] === 0xdb) + 5]++; // the first divisor
    differ(photo, quantised);
    // A PNG with text after its pixels; sizes of compressed noise differ by a byte or none.
    const texts = Array.from({ length: 20 }, (_, seed) => {
      const plain = encodePixels(noise(8, 8, 3, seed));
      const text = new Uint8Array(12 + 80);
      new DataView(text.buffer).setUint32(0, 80);
      text.set(new TextEncoder().encode("tEXtComment\0").subarray(0, 12), 4);
      new DataView(text.buffer).setUint32(88, crc32(text.subarray(4, 88)));
      return concatBytes([plain.subarray(0, -12), text, plain.subarray(-12)]);
    });
    const other = texts.find(({ length }, k) => k > 0 && length === texts[0].length)!;
    differ(texts[0], other);
    expect(contents(texts[0].slice())).toBe(contents(texts[0]));
  });

  test("values are x / 127.5 - 1 in the order [N, C, H, W]; the second half of the numbers is mirrored", () => {
    const images = [noise(4, 4, 3, 1), noise(4, 4, 3, 2)];
    const files = images.map((image, index) => png(`${index}.png`, image));
    const dataset = new ImageDataset(files, { mirror: true });
    expect([dataset.count, dataset.resolution, dataset.channels]).toEqual([4, 4, 3]);
    const tensor = dataset.images([1, 3]);
    expect(tensor.shape).toEqual([2, 3, 4, 4]);
    const values = tensor.toArray();
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 4; x++) {
          const expected = Math.fround(images[1].data[(y * 4 + x) * 3 + c] / 127.5 - 1);
          expect(values[(c * 4 + y) * 4 + x]).toBe(expected);
          expect(values[48 + (c * 4 + y) * 4 + 3 - x]).toBe(expected);
        }
      }
    }
  });

  test("a set is grey when every image is; grey among colours is repeated; alpha is laid on white", () => {
    const grey = noise(8, 8, 1);
    expect(new ImageDataset([png("a", grey), png("b", noise(8, 8, 2))]).channels).toBe(1);
    const mixed = new ImageDataset([png("a", grey), png("b", noise(8, 8, 3))]);
    expect(mixed.channels).toBe(3);
    const values = mixed.images([0]).toArray();
    expect(values.subarray(64, 128)).toEqual(values.subarray(0, 64));
    expect(values.subarray(128, 192)).toEqual(values.subarray(0, 64));
    const alpha = { width: 1, height: 2, channels: 4, data: Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255) } as const;
    expect([...withChannels(alpha, 3).data]).toEqual([255, 255, 255, 10, 20, 30]);
    const colours = { width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0, 7, 7, 7) } as const;
    expect([...withChannels(colours, 1).data]).toEqual([76, 7]); // 0.299 * 255
  });

  test("JPEG: size and colour from the head agree with the decoded image", () => {
    const bytes = jpeg(24, 16, [200, 40, 90]);
    expect(imageHeader(bytes)).toEqual({ width: 24, height: 16, isGrey: false });
    const { width, height, channels, data } = decodeImage(bytes);
    expect([width, height, channels, data.length]).toEqual([24, 16, 3, 24 * 16 * 3]);
    for (const [index, expected] of [200, 40, 90].entries()) {
      for (let at = index; at < data.length; at += 3) expect(Math.abs(data[at] - expected)).toBeLessThan(6);
    }
  });

  test("whatever bytes: an image or a FileError", () => {
    const originals = [jpeg(16, 16, [1, 2, 3]), encodePixels(noise(16, 16, 3))];
    const damage = fc.record({
      which: fc.nat(1),
      cut: fc.oneof(fc.constant(0), fc.nat(700)),
      flips: fc.array(fc.nat(5000), { maxLength: 6 }),
    });
    const outcomes = { read: 0, refused: 0 };
    fc.assert(
      fc.property(damage, ({ which, cut, flips }) => {
        const bytes = originals[which].slice(0, Math.max(originals[which].length - cut, 0));
        for (const flip of flips) if (bytes.length > 0) bytes[flip % bytes.length] ^= 1 << (flip & 7);
        try {
          decodeImage(bytes);
          outcomes.read++;
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
          outcomes.refused++;
        }
      }),
      { numRuns: 200 },
    );
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  test("an image that does not fit is named", () => {
    const good = png("good.png", noise(8, 8, 3));
    const bad: ImageFile = { name: "sub/bad.png", read: () => Uint8Array.of(1, 2, 3) };
    expect(() => new ImageDataset([good, bad])).toThrow(/sub\/bad\.png.*PNG or a JPEG/);
    expect(() => new ImageDataset([good, png("wide.png", noise(16, 8, 3))])).toThrow(/wide\.png must be 8x8.*16x8/);
    expect(() => new ImageDataset([good, png("big.png", noise(16, 16, 3))])).toThrow(/big\.png must be 8x8/);
    expect(() => new ImageDataset([png("odd.png", noise(6, 6, 3))])).toThrow(/power of two.*got 6/);
    expect(() => new ImageDataset([])).toThrow(/found none/);
    const cut: ImageFile = { name: "cut.png", read: () => encodePixels(noise(8, 8, 3)).slice(0, 60) };
    expect(() => new ImageDataset([good, cut]).images([1])).toThrow(/cut\.png.*damaged/);
    expect(() => new ImageDataset([good]).images([1])).toThrow(/from 0 to 0, got 1/);
  });

  test("with a resolution, images of other sizes are resized", () => {
    const dataset = new ImageDataset([png("a", noise(8, 8, 3)), png("b", noise(32, 32, 3))], { resolution: 16 });
    expect(dataset.images([0, 1]).shape).toEqual([2, 3, 16, 16]);
  });

  test("the order does not depend on how much is kept in memory", () => {
    const files = [0, 1, 2].map((seed) => png(`${seed}`, noise(8, 8, 3, seed)));
    const kept = new ImageDataset(files);
    const read = new ImageDataset(files, { cacheBytes: 0 });
    for (const indices of [
      [0, 1, 2],
      [2, 2, 0],
    ]) {
      expect(read.images(indices).toArray()).toEqual(kept.images(indices).toArray());
    }
  });
});

describe("resize", () => {
  const side = fc.integer({ min: 1, max: 20 });

  test("constants stay constant, at any pair of sizes", () => {
    fc.assert(
      fc.property(side, side, side, side, fc.nat(255), (w, h, toW, toH, value) => {
        const image = { width: w, height: h, channels: 1, data: new Uint8Array(w * h).fill(value) } as const;
        const { data } = resize(image, toW, toH);
        expect(data.length).toBe(toW * toH);
        expect(data.every((x) => x === value)).toBe(true);
      }),
    );
  });

  test("resizing and mirroring change places; the mean of a smaller image is that of the whole", () => {
    fc.assert(
      fc.property(fc.constantFrom(8, 12, 16), fc.constantFrom(4, 6, 8), fc.nat(99), (from, to, seed) => {
        const image = noise(from, from, 1, seed);
        const flip = ({ width, data, ...rest }: PixelImage): PixelImage => {
          const mirror = (_: number, i: number): number => data[i - (i % width) + width - 1 - (i % width)];
          return { ...rest, width, data: data.map(mirror) };
        };
        expect(resize(flip(image), to, to).data).toEqual(flip(resize(image, to, to)).data);
      }),
    );
    const smooth = Uint8Array.from({ length: 256 }, (_, i) => 128 + 60 * Math.sin(i / 40));
    const small = resize({ width: 16, height: 16, channels: 1, data: smooth }, 4, 4).data;
    const mean = (values: Uint8Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean(small) - mean(smooth))).toBeLessThan(2);
  });

  test("crop takes the middle", () => {
    const image: PixelImage = { width: 5, height: 2, channels: 1, data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9) };
    expect([...cropCentre(image).data]).toEqual([1, 2, 6, 7]);
  });
});

describe("labels", () => {
  const names = ["a.png", "b.png", "c.png"];
  const labelled = (...values: unknown[]) => ({ labels: names.map((name, index) => [name, values[index]]).reverse() });

  test("classes become one-hot, vectors stay, in the order of the files", () => {
    const rows = (json: unknown) => parseLabels(json, names)?.map((row) => [...row]);
    expect(rows(labelled(2, 0, 1))).toEqual([
      [0, 0, 1],
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(rows(labelled([0.5, 1], [2, 3], [4, 5]))).toEqual([
      [0.5, 1],
      [2, 3],
      [4, 5],
    ]);
    for (const none of [null, {}, { labels: null }]) expect(parseLabels(none, names)).toBeNull();
  });

  test.each([
    [{ labels: [["a.png", 0]] }, /no label for b\.png/],
    [{ labels: "x" }, /list of \[name, label\]/],
    [labelled(0, 1, [1]), /all be classes.*a\.png/],
    [labelled([1], [1, 2], [1]), /b\.png has a list of 2/],
    [labelled(-1, 0, 1), /a\.png has -1/],
    [labelled(0, 1, 1e12), /at most 65536 classes/],
  ])("%j is refused", (json, message) => {
    expect(() => parseLabels(json, names)).toThrow(message);
  });

  test("labels follow the subset and the mirrored half", () => {
    const files = Array.from({ length: 20 }, (_, index) => png(`${index}`, noise(4, 4, 1, index)));
    const labels = files.map((_, index) => Float32Array.of(index));
    const dataset = new ImageDataset(files, { labels, maxImages: 6, seed: 3, mirror: true });
    expect([dataset.count, dataset.labelSize]).toEqual([12, 1]);
    // numpy: a = arange(20); RandomState(3).shuffle(a); sorted(a[:6])
    const chosen = [1, 2, 4, 14, 16, 17];
    expect(dataset.labels.map((row) => row[0])).toEqual(chosen);
    expect([...dataset.labelsOf([0, 5, 6, 11])!.toArray()]).toEqual([1, 17, 1, 17]);
  });
});

describe("the order of images", () => {
  // The official sampler, run under numpy.
  test.each([
    [10, 0, [2, 8, 4, 9, 1, 6, 2, 3, 0, 9, 7, 8, 1, 5, 6, 4, 3, 8, 2, 1, 9, 6, 7, 5, 8, 4, 0, 9, 6, 7]],
    [7, 123, [1, 3, 4, 0, 2, 3, 1, 0, 5, 6, 3, 4, 1, 2, 3, 0]],
    [3, 5, [0, 1, 0, 2, 1, 0, 1, 2]],
  ])("of %i images with seed %i is the official one", (count, seed, expected) => {
    expect(new DataOrder(count, seed).next(expected.length)).toEqual(expected);
  });

  test("an image does not come back before half of the others were shown", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (count, seed) => {
        const half = count / 2;
        const window = Number.isInteger(half) ? half : 2 * Math.round(half / 2); // half to even
        const lastSeen = new Map<number, number>();
        for (const [time, image] of new DataOrder(count, seed).next(5 * count).entries()) {
          const since = time - (lastSeen.get(image) ?? Number.NEGATIVE_INFINITY);
          expect(since).toBeGreaterThanOrEqual(window < 2 ? count : count - window + 1);
          lastSeen.set(image, time);
        }
      }),
    );
  });

  test("continues where its state was stored, through JSON", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(1000), fc.nat(100), (count, seed, drawn) => {
        const order = new DataOrder(count, seed);
        order.next(drawn);
        const stored = JSON.parse(JSON.stringify(order.getState())) as ReturnType<DataOrder["getState"]>;
        const other = new DataOrder(count, seed + 1);
        other.setState(stored);
        expect(other.next(50)).toEqual(order.next(50));
      }),
    );
    expect(() => new DataOrder(3, 0).setState(new DataOrder(4, 0).getState())).toThrow(/3 images, got 4/);
  });
});

describe("archives", () => {
  test("more files than a 16-bit count holds", () => {
    const path = join(folder, "many.zip");
    const zip = new ZipWriter(path);
    const count = 65_600;
    for (let index = 0; index < count; index++) zip.add(`${index}`, Uint8Array.of(index & 255));
    zip.finish();
    const images = openImages(path);
    images.close();
    const source = bytesSource(readFileSync(path));
    const entries = readZipDirectory(source);
    expect(entries.size).toBe(count);
    expect([...readZipEntry(source, entries.get("65599")!)]).toEqual([65599 & 255]);
  });

  test("a small archive has the same entries as that of the other writer", () => {
    const path = join(folder, "small.zip");
    const files = new Map([
      ["a.txt", Uint8Array.of(1, 2, 3)],
      ["b/\u00e4.txt", new Uint8Array(0)],
    ]);
    const zip = new ZipWriter(path);
    for (const [name, data] of files) zip.add(name, data);
    zip.finish();
    const entries = readZipDirectory(bytesSource(readFileSync(path)));
    const expected = readZipDirectory(bytesSource(writeZip(files)));
    expect([...entries.values()]).toEqual([...expected.values()]);
  });

  test("offsets beyond 4 GiB are in the 64-bit end", () => {
    const end = directoryEnd(2 ** 33, 100, 3);
    const view = new DataView(end.buffer);
    expect(end.length).toBe(98);
    expect(view.getBigUint64(48, true)).toBe(2n ** 33n);
    expect(view.getBigUint64(64, true)).toBe(2n ** 33n + 100n);
    expect(view.getUint32(76 + 16, true)).toBe(0xffffffff);
    expect(directoryEnd(10, 100, 3).length).toBe(22);
  });
});

describe("stylegan dataset", () => {
  const source = join(folder, "source");
  mkdirSync(join(source, "more"), { recursive: true });
  writeFileSync(join(source, "b.jpg"), jpeg(40, 24, [10, 200, 30]));
  writeFileSync(join(source, "a.png"), encodePixels(noise(32, 32, 4)));
  writeFileSync(join(source, "more", "c.PNG"), encodePixels(noise(20, 50, 1)));
  writeFileSync(join(source, "notes.txt"), "not an image");
  const labels = [
    ["a.png", 1],
    ["b.jpg", 0],
    ["more/c.PNG", 1],
  ];
  writeFileSync(join(source, "dataset.json"), JSON.stringify({ labels }));

  const run = (...args: string[]) => runCommand("dataset", ...args);

  test("crops, resizes and packs in the official layout, labels included", async () => {
    const out = join(folder, "packed", "set.zip");
    const { code, err, out: told } = await run(source, out, "--resolution", "16");
    expect(code, err).toBe(0);
    expect(told).toContain("3 images of 16x16x3");
    const { files, json, close } = openImages(out);
    const names = [0, 1, 2].map((index) => `00000/img0000000${index}.png`);
    expect(files.map(({ name }) => name)).toEqual(names);
    expect(json).toEqual({ labels: names.map((name, index) => [name, labels[index][1]]) });
    const dataset = new ImageDataset(files, { labels: parseLabels(json, names) });
    const green = dataset.images([1]).toArray().subarray(256, 512);
    for (const value of green) expect(Math.abs(value - (200 / 127.5 - 1))).toBeLessThan(0.05);
    expect([...dataset.labelsOf([0, 1, 2])!.toArray()]).toEqual([0, 1, 1, 0, 0, 1]);
    close();
  });

  test("without a resolution, the largest power of two that fits the first; mirrored copies; grey", async () => {
    const out = join(folder, "mirrored.zip");
    const { code, out: told, err } = await run(source, out, "--mirror", "--grey", "--max-images", "2");
    expect(code).toBe(0);
    expect(told).toContain("4 images of 32x32x1");
    expect(err).toContain("warning: 1 images were smaller than 32x32");
    const { files, close } = openImages(out);
    const dataset = new ImageDataset(files, { mirror: true });
    expect(dataset.images([1]).toArray()).toEqual(dataset.images([4]).toArray());
    expect(dataset.images([0]).toArray()).not.toEqual(dataset.images([1]).toArray());
    close();
  });

  test("a bad image is named and stops the packing, or is left out on request", async () => {
    const bad = join(folder, "bad");
    mkdirSync(bad);
    writeFileSync(join(bad, "1.png"), encodePixels(noise(8, 8, 3)));
    writeFileSync(join(bad, "2.png"), encodePixels(noise(8, 8, 3)).slice(0, 70));
    writeFileSync(join(bad, "3.jpg"), "no image at all");
    writeFileSync(join(bad, "4.png"), encodePixels(noise(8, 4, 3)));
    const out = join(folder, "stopped", "bad.zip");
    const stopped = await run(bad, out);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toMatch(/bad: 2\.png: .*damaged.*--skip-bad/);
    expect(readdirSync(join(folder, "stopped"))).toEqual([]);
    const skipped = await run(bad, out, "--skip-bad", "--crop", "none");
    expect(skipped.code, skipped.err).toBe(0);
    expect(skipped.out).toContain("1 images of 8x8x3, 3 left out");
    for (const name of ["2.png", "3.jpg", "4.png"]) expect(skipped.err).toContain(`left out: ${bad}: ${name}`);
    expect(existsSync(out)).toBe(true);
  });

  test("mistakes are told in one line", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[empty, join(folder, "x.zip")], /holds no PNG or JPEG/],
      [[join(folder, "nowhere"), join(folder, "x.zip")], /no such file/],
      [[source, join(folder, "x.tar")], /must end in \.zip/],
      [[source, join(folder, "x.zip"), "--resolution", "100"], /power of two/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await run(...args);
      expect(code).toBe(err.includes("; see 'stylegan dataset --help'") ? 2 : 1);
      expect(err).toMatch(message);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
    }
    expect(existsSync(join(folder, "x.zip"))).toBe(false);
  });
});

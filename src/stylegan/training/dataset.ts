/**
 * Data sets as training sees them: images by number, their labels, mirrored copies, and the endless shuffled order in
 * which they come. Files are opened elsewhere; here they are names and bytes.
 *
 * The layout is the official one: PNG or JPEG images of one size, and where they have classes a `dataset.json` with
 * {"labels": [["00000/img00000000.png", 6], ...]}. Tests: tests/training/dataset.test.ts.
 */

import { crc32 } from "../../formats/bytes.js";
import { FileError } from "../../formats/fileError.js";
import { roundHalfToEven } from "../../formats/float16.js";
import { decodeImage, type ImageOptions, imageHeader } from "../../formats/image/imageFile.js";
import { resize, withChannels } from "../../formats/image/pixels.js";
import { type RandomSnapshot, RandomState } from "../../nn/random.js";
import { Tensor } from "../../nn/tensor.js";

/** A file of the data set; its bytes are read when they are needed. */
export interface ImageFile {
  readonly name: string;
  read(): Uint8Array;
}

export interface DatasetOptions {
  /** Labels of all files, in their order, each [cDim]; null for none. Default null. */
  readonly labels?: readonly Float32Array[] | null;
  /** Pixels of a side; images of another size are resized. Default: that of the images. */
  readonly resolution?: number;
  /** Every image also mirrored, which doubles their number. Default false. */
  readonly mirror?: boolean;
  /** Use so many images, chosen by the seed. Default: all. */
  readonly maxImages?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Leave images as they are stored, whatever EXIF says of how the camera was held. Default false. */
  readonly ignoreExif?: boolean;
  /** Bytes of decoded pixels to keep in memory. Default 2 GiB. */
  readonly cacheBytes?: number;
}

const DEFAULT_CACHE_BYTES = 2 ** 31;
/** More than what follows the pixels of most PNGs: their checksums are in it. */
const TAIL_BYTES = 64;

/** What changes with any pixel: of a PNG that ends with its pixels their checksums, of all else every byte. */
function telling(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (view.getUint32(at + 4) === 0x49444154) end = at + 12 + view.getUint32(at); // IDAT
  }
  // Adler-32 of all pixels and CRC-32 of the last of these chunks are its last 8 bytes.
  return end - 8 >= bytes.length - TAIL_BYTES && end <= bytes.length ? bytes.subarray(-TAIL_BYTES) : bytes;
}

export class ImageDataset {
  /** Images, mirrored ones included. */
  readonly count: number;
  readonly resolution: number;
  /** 1 when all images are grey, else 3. */
  readonly channels: 1 | 3;
  /** Length of a label; 0 without labels. */
  readonly labelSize: number;
  /** A checksum of the files' names, sizes, bytes (of a PNG: its own checksums) and labels, in eight digits. */
  readonly contents: string;
  readonly #files: readonly ImageFile[];
  readonly #exif: ImageOptions;
  readonly #labels: readonly Float32Array[] | null;
  /** For image `index`, the file `#chosen[index % #chosen.length]`. */
  readonly #chosen: readonly number[];
  readonly #cache = new Map<number, Uint8Array>();
  #cacheLeft: number;

  /**
   * Reads the head of every file.
   *
   * @throws FileError naming an image that is none, or that is not square or has another size than the first
   * while no resolution is given
   * @throws RangeError when there are no images, or the resolution is not a power of two of at least 4
   */
  constructor(files: readonly ImageFile[], options: DatasetOptions = {}) {
    const { labels = null, mirror = false, maxImages = files.length, seed = 0 } = options;
    if (files.length === 0) throw new RangeError("data set: expected PNG or JPEG images, found none");
    if (labels !== null && labels.length !== files.length) {
      throw new RangeError(`data set: expected ${files.length} labels, one an image, got ${labels.length}`);
    }
    if (!Number.isInteger(maxImages) || maxImages < 1) {
      throw new RangeError(`data set: maxImages must be a whole number of at least 1, got ${maxImages}`);
    }
    const exif = { ignoreExif: options.ignoreExif ?? false };
    const lines: string[] = [];
    const headers = files.map((file, index) =>
      named(file.name, () => {
        const bytes = file.read();
        lines.push(`${file.name} ${bytes.length} ${crc32(telling(bytes))} ${labels?.[index] ?? ""}`);
        return imageHeader(bytes, exif);
      }),
    );
    this.contents = crc32(new TextEncoder().encode(lines.join("\n")))
      .toString(16)
      .padStart(8, "0");
    const side = options.resolution ?? headers[0].width;
    for (const [index, { width, height }] of headers.entries()) {
      if (width !== height || (options.resolution === undefined && width !== side)) {
        const expected = options.resolution === undefined ? `${side}x${side}, as the first is` : "square";
        throw new FileError(
          `data set: ${files[index].name} must be ${expected}, found ${width}x${height}; \`stylegan dataset\` crops and resizes`,
        );
      }
    }
    if (!Number.isInteger(Math.log2(side)) || side < 4) {
      throw new RangeError(
        `data set: the resolution must be a power of two of at least 4, got ${side}; \`stylegan dataset\` resizes`,
      );
    }
    this.#files = files;
    this.#exif = exif;
    this.#labels = labels;
    this.#chosen = chooseImages(files.length, maxImages, seed);
    this.#cacheLeft = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
    this.resolution = side;
    this.channels = headers.every(({ isGrey }) => isGrey) ? 1 : 3;
    this.labelSize = labels?.[0].length ?? 0;
    this.count = this.#chosen.length * (mirror ? 2 : 1);
  }

  /** The labels of all images, to draw from; empty without labels. */
  get labels(): readonly Float32Array[] {
    const labels = this.#labels;
    return labels === null ? [] : this.#chosen.map((file) => labels[file]);
  }

  /**
   * Images by number, x / 127.5 - 1.
   *
   * @returns [N, C, H, W]
   * @throws FileError naming an image that cannot be decoded
   */
  images(indices: readonly number[]): Tensor {
    const { channels, resolution: side } = this;
    const plane = side * side;
    const data = new Float32Array(indices.length * channels * plane);
    for (const [n, index] of indices.entries()) {
      const pixels = this.#pixels(this.#fileOf(index)); // [H, W, C]
      const isMirrored = index >= this.#chosen.length;
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const from = (y * side + (isMirrored ? side - 1 - x : x)) * channels;
          const to = n * channels * plane + y * side + x;
          for (let channel = 0; channel < channels; channel++) {
            data[to + channel * plane] = pixels[from + channel] / 127.5 - 1;
          }
        }
      }
    }
    return Tensor.from(data, [indices.length, channels, side, side]);
  }

  /** Labels by number [N, cDim], or null when there are none. */
  labelsOf(indices: readonly number[]): Tensor | null {
    const labels = this.#labels;
    if (labels === null) return null;
    const rows = indices.map((index) => [...labels[this.#fileOf(index)]]);
    return Tensor.from(rows.flat(), [indices.length, this.labelSize]);
  }

  #fileOf(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`data set: expected an image from 0 to ${this.count - 1}, got ${index}`);
    }
    return this.#chosen[index % this.#chosen.length];
  }

  #pixels(file: number): Uint8Array {
    const cached = this.#cache.get(file);
    if (cached !== undefined) return cached;
    const { name } = this.#files[file];
    const { data } = named(name, () =>
      resize(
        withChannels(decodeImage(this.#files[file].read(), this.#exif), this.channels),
        this.resolution,
        this.resolution,
      ),
    );
    if (data.length <= this.#cacheLeft) {
      this.#cache.set(file, data);
      this.#cacheLeft -= data.length;
    }
    return data;
  }
}

/** Puts the file's name before what is wrong with it. */
function named<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof FileError) throw new FileError(`${name}: ${error.message}`);
    throw error;
  }
}

/** As the official loader chooses: the first of a shuffled list, in their original order. */
function chooseImages(count: number, maxImages: number, seed: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (maxImages >= count) return all;
  new RandomState(seed).shuffle(all);
  return all.slice(0, maxImages).sort((a, b) => a - b);
}

export interface OrderSnapshot {
  readonly order: readonly number[];
  readonly position: number;
  readonly random: RandomSnapshot;
}

/**
 * The endless order of training images: a shuffled list walked round and round, where every image that was shown
 * changes places with one of those shown lately. So no image comes twice before many others, and no two rounds are alike.
 */
export class DataOrder {
  readonly #order: number[];
  readonly #random: RandomState;
  readonly #window: number;
  #position = 0;

  /**
   * @param count images to choose from
   * @param seed of the order
   * @param windowSize how far back an image may change places, as a part of the data set. Default 0.5
   */
  constructor(count: number, seed: number, windowSize = 0.5) {
    this.#order = Array.from({ length: count }, (_, index) => index);
    this.#random = new RandomState(seed);
    this.#random.shuffle(this.#order);
    this.#window = roundHalfToEven(count * windowSize);
  }

  /** The numbers of the next `n` images. */
  next(n: number): number[] {
    return Array.from({ length: n }, () => {
      const order = this.#order;
      const i = this.#position % order.length;
      const image = order[i];
      if (this.#window >= 2) {
        const j = (i - this.#random.randint(0, this.#window) + order.length) % order.length;
        [order[i], order[j]] = [order[j], order[i]];
      }
      this.#position++;
      return image;
    });
  }

  getState(): OrderSnapshot {
    return { order: [...this.#order], position: this.#position, random: this.#random.getState() };
  }

  /** Continues where `getState` was called. RangeError when it was another data set's. */
  setState({ order, position, random }: OrderSnapshot): void {
    if (order.length !== this.#order.length) {
      throw new RangeError(
        `DataOrder.setState: expected the order of ${this.#order.length} images, got ${order.length}`,
      );
    }
    this.#random.setState(random);
    for (let i = 0; i < order.length; i++) this.#order[i] = order[i];
    this.#position = position;
  }
}

/** A zip archive of stored entries on its way to a file. */
import { FileWriter } from "../../files.js";
import { ZipEncoder } from "../../formats/index.js";

export class ZipWriter {
  readonly #encoder = new ZipEncoder();
  readonly #file: FileWriter;

  /** The archive gets its name when `finish` has written all of it. */
  constructor(path: string) {
    this.#file = new FileWriter(path);
  }

  /** Adds a file of less than 4 GiB. */
  add(path: string, data: Uint8Array): void {
    for (const piece of this.#encoder.add(path, data)) this.#file.write(piece);
  }

  /** Writes the directory and gives the file its name. */
  finish(): void {
    this.#file.write(this.#encoder.finish());
    this.#file.finish();
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#file.abandon();
  }
}

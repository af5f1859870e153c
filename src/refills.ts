/**
 * Weights that are prepared for the kernels need not stay in memory as they are: where the checkpoint can be read once more, this
 * is who reads them. The file is opened again, and stays open, when the first of them is put away: from then on a file that is moved or
 * deleted is still the same one, and one that is written over is told. Tests: tests/checkpoints/refills.test.ts.
 */
import type { OpenFile } from "./files.js";
import type { ByteSource } from "./formats/byteSource.js";
import { CheckpointError } from "./formats/fileError.js";
import type { PlainTensor } from "./formats/plainTensor.js";
import type { Refill } from "./nn/kernels/block.js";
import type { CheckpointData, NetworkData, NetworkName } from "./stylegan/checkpoint/networkData.js";

/** Closes files of networks that are gone. */
const forgotten = new FinalizationRegistry<OpenFile>((file) => file.close());

/** The tensors of a checkpoint, when they are wanted a second time. */
export class Refills {
  readonly #source: OpenFile;
  readonly #what: string;
  readonly #read: (file: ByteSource) => CheckpointData;
  #file: OpenFile | null = null;
  /** What the file says, while one tensor after the other is read. */
  #data: CheckpointData | null;

  /**
   * @param source where the checkpoint was read from
   * @param what what to call it
   * @param data what it says, for the first time, until `loaded`
   * @param read reads it once more, as it was read
   */
  constructor(source: OpenFile, what: string, data: CheckpointData, read: (file: ByteSource) => CheckpointData) {
    this.#source = source;
    this.#what = what;
    this.#data = data;
    this.#read = read;
  }

  /** All tensors have been read. */
  loaded(): void {
    this.#data = null;
  }

  /** For the tensors of one network, by name. */
  of(network: NetworkName): (name: string) => Refill {
    return (name) => ({
      isReady: () => this.#isReady(),
      fill: (target) => this.#tensor(network, name).copyTo(target),
      fillLater: async (target) => {
        const tensor = this.#tensor(network, name);
        if (tensor.copyLater === undefined) tensor.copyTo(target());
        else await tensor.copyLater(target);
      },
    });
  }

  #tensor(network: NetworkName, name: string): PlainTensor {
    return this.#network(network).tensors.get(name)!;
  }

  #isReady(): boolean {
    if (this.#file === null) {
      this.#file = this.#source.reopen?.() ?? null;
      if (this.#file !== null) forgotten.register(this, this.#file);
    }
    return this.#file !== null;
  }

  #network(name: NetworkName): NetworkData {
    if (this.#data === null) {
      const file = this.#file!;
      if (!(file.isUnchanged?.() ?? true)) {
        throw new CheckpointError(
          `${this.#what} has been written over since it was loaded, and weights that are needed now were left in it; ` +
            "load the network anew",
        );
      }
      this.#data = this.#read(file);
      setTimeout(() => this.loaded(), 0);
    }
    return this.#data.networks[name]!;
  }
}

/**
 * The average of networks, tensor by tensor (stochastic weight averaging, Izmailov et al. 2018): snapshots of one run, or
 * models trained from one ancestor. Constant noise and the level of detail are the last one's: an average of noise is no
 * noise. The average of one network is that network, bit for bit. Tests: tests/networks/surgery.test.ts.
 */

import type { AnyNetwork } from "./tensors.js";
import { checkSameGeometry, rebuild, tensorsOf } from "./tensors.js";

/**
 * Sums weights as networks come, so that only one of them is in memory beside the sum.
 *
 * @example
 * const average = new NetworkAverage<AnyGenerator>();
 * for (const path of paths) average.add((await loadCheckpoint(path)).gEma, path);
 * await saveCheckpoint("average.safetensors", { gEma: average.result() });
 */
export class NetworkAverage<N extends AnyNetwork> {
  #last: { readonly network: N; readonly name: string } | null = null;
  readonly #sums = new Map<string, Float64Array>();
  #count = 0;

  /** @throws RangeError naming the first tensor that differs from the networks before */
  add(network: N, name = `network ${this.#count}`): void {
    if (this.#last !== null) checkSameGeometry(this.#last.network, network, [this.#last.name, name]);
    this.#last = { network, name };
    this.#count++;
    for (const [key, { internals }] of tensorsOf(network)) {
      const { numbers } = internals;
      const sum = this.#sums.get(key);
      if (sum === undefined) this.#sums.set(key, Float64Array.from(numbers));
      else for (let k = 0; k < sum.length; k++) sum[k] += numbers[k];
    }
  }

  /** @throws RangeError when there was none */
  result(): N {
    if (this.#last === null) throw new RangeError("NetworkAverage: no network was added");
    const { network } = this.#last;
    const own = tensorsOf(network);
    return rebuild(network, (name) =>
      /(^|\.)(noise_const|lod)$/.test(name)
        ? own.get(name)!.internals.numbers
        : this.#sums.get(name)!.map((value) => value / this.#count),
    );
  }
}

/**
 * Standard normal numbers by their index. The bits are Philox4x32-10's (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"): a counter, encrypted by ten rounds of multiplications. Two words make two normals (Box and Muller 1958).
 */

type Words4 = readonly [number, number, number, number];

const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
const weyl = [0x9e3779b9, 0xbb67ae85] as const;
const rounds = 10;

/** Both halves of the product of two 32-bit words. */
function multiply(a: number, b: number): { readonly high: number; readonly low: number } {
  const product = BigInt(a) * BigInt(b);
  return { high: Number(product >> 32n), low: Number(product & 0xffffffffn) };
}

/** Philox4x32-10: a counter of four words under a key of two -> four random words. */
export function philox(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < rounds; round++) {
    const a = multiply(multipliers[0], c0);
    const b = multiply(multipliers[1], c2);
    [c0, c1, c2, c3] = [(b.high ^ c1 ^ k0) >>> 0, b.low, (a.high ^ c3 ^ k1) >>> 0, a.low];
    k0 = (k0 + weyl[0]) >>> 0;
    k1 = (k1 + weyl[1]) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Two independent normals from two words; u has 23 bits and is never 0 or 1, so no normal is beyond 5.77. */
function boxMuller(radial: number, angular: number): readonly [number, number] {
  const u = ((radial >>> 9) + 0.5) / 2 ** 23;
  const v = (angular >>> 8) / 2 ** 24;
  const r = Math.sqrt(-2 * Math.log(u));
  return [r * Math.cos(2 * Math.PI * v), r * Math.sin(2 * Math.PI * v)];
}

/** y[16 g + 4 j + l] = the jth of the four normals of counter 4 g + l. */
export function referenceNormal(y: Float32Array | Float64Array, length: number, seed: number, stream: number): void {
  for (let at = 0; at < length; at++) {
    const j = (at >> 2) & 3;
    const words = philox([4 * (at >> 4) + (at & 3), 0, 0, 0], [seed, stream]);
    const pair = boxMuller(words[j & 2], words[(j & 2) + 1]);
    y[at] = pair[j & 1];
  }
}

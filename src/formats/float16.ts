/** Half precision by hand (IEEE 754 binary16): typed arrays for it do not exist in Node 20. */

const scratch = new DataView(new ArrayBuffer(4));

let halves: Float32Array | null = null;

/** The values of all 65536 bit patterns, made when first needed: looking one up is much faster than computing it. */
export function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToNumber(bits));
  return halves;
}

/** The value of 16 bits read as sign (1), exponent (5), fraction (10). */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The 16 bits nearest to a float32 value, ties to even; beyond 65504 + half a step it is infinity. */
export function numberToHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds past the largest finite half
  if (magnitude < 0x38800000) {
    // Subnormal: count steps of 2^-24. The product is exact in float64, so rounding happens once.
    scratch.setUint32(0, magnitude);
    return sign | roundHalfToEven(scratch.getFloat32(0) * 2 ** 24);
  }
  // Move the exponent's bias from 127 to 15, then round away 13 bits of fraction (a carry runs into the exponent).
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** To the nearest whole number; halves to the even one, as numpy's rint. */
export function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The value of 16 bits read as the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/**
 * Homogeneous matrices for augmentation (ADA, appendix B): 3x3 for positions in the plane, 4x4 for colours. Row-major
 * plain numbers: a handful for each image.
 */

/** n x n, row-major. */
export type Matrix = readonly number[];

/** a b: what b does happens first. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const n = Math.sqrt(a.length);
  return a.map((_, index) => {
    const row = Math.floor(index / n) * n;
    const column = index % n;
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[row + k] * b[k * n + column];
    return sum;
  });
}

export const IDENTITY_3: Matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];
export const IDENTITY_4: Matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

export const translate2d = (x: number, y: number): Matrix => [1, 0, x, 0, 1, y, 0, 0, 1];
export const scale2d = (x: number, y: number): Matrix => [x, 0, 0, 0, y, 0, 0, 0, 1];

/** From the first axis towards the second. */
export function rotate2d(angle: number): Matrix {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [c, -s, 0, s, c, 0, 0, 0, 1];
}

export const translate3d = (t: number): Matrix => [1, 0, 0, t, 0, 1, 0, t, 0, 0, 1, t, 0, 0, 0, 1];
export const scale3d = (s: number): Matrix => [s, 0, 0, 0, 0, s, 0, 0, 0, 0, s, 0, 0, 0, 0, 1];

/** The grey axis: all three channels alike. Its direction carries luma, the plane across it hue and saturation. */
const GREY = 1 / Math.sqrt(3);

/** along x along^T + across (I - along along^T): scales luma and the colour plane separately. */
export function scaleAboutGrey(luma: number, colour: number): Matrix {
  const entry = (row: number, column: number): number => (luma - colour) * GREY * GREY + (row === column ? colour : 0);
  return IDENTITY_4.map((value, index) => {
    const [row, column] = [index >> 2, index & 3];
    return row < 3 && column < 3 ? entry(row, column) : value;
  });
}

/** Rotation about the grey axis (Rodrigues' formula). */
export function rotateAboutGrey(angle: number): Matrix {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const same = GREY * GREY * (1 - c) + c;
  const next = GREY * GREY * (1 - c) - GREY * s;
  const last = GREY * GREY * (1 - c) + GREY * s;
  return [same, next, last, 0, last, same, next, 0, next, last, same, 0, 0, 0, 0, 1];
}

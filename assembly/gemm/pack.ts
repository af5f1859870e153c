/** Packing of the left-hand matrix into the panels that the tiles read. */
import { floatBytes } from "../vector";
import { ROWS } from "./tile";

/**
 * A matrix with rows m and columns k = (outer, middle, inner), each with its own step (in elements, may be negative), so
 * that one kernel packs plain matrices, transposed ones, and the mirrored, decimated filters of transposed convolutions.
 */
@unmanaged
class PackArguments {
  a: usize; packed: usize; rows: i32; rowStep: i32; outer: i32; outerStep: i32; middle: i32; middleStep: i32; inner: i32;
  innerStep: i32;
}

/**
 * packed[panel][k][0..3] = a[4 * panel + 0..3][k], zeros in rows that do not exist. Chunk = panel.
 *
 * a: float32, `rows` rows, read only at existing elements. packed: float32 [ceil(rows / 4)][depth][4], 16-byte aligned,
 * apart from a. No arithmetic; 8 bytes moved for each element.
 */
export function packPanel(args: usize, chunk: i32, worker: i32): void {
  const p = changetype<PackArguments>(args);
  const depth = p.outer * p.middle * p.inner;
  const first = chunk * ROWS;
  const panel = p.packed + floatBytes(first) * <usize>depth;
  const innerStep = <usize>(p.innerStep << 2);
  for (let row = 0; row < ROWS; row++) {
    let to = panel + floatBytes(row);
    if (first + row >= p.rows) {
      for (let k = 0; k < depth; k++) {
        store<f32>(to, 0);
        to += 16;
      }
      continue;
    }
    const source = p.a + floatBytes(first + row) * <usize>p.rowStep;
    for (let o = 0; o < p.outer; o++) {
      for (let m = 0; m < p.middle; m++) {
        let from = source + ((<usize>(o * p.outerStep) + <usize>(m * p.middleStep)) << 2);
        for (let i = 0; i < p.inner; i++) {
          store<f32>(to, load<f32>(from));
          from += innerStep;
          to += 16;
        }
      }
    }
  }
}

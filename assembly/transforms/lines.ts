/**
 * Two-dimensional transforms: the line of one algorithm down every column to a tile of scratch, then along every row of the
 * tile. A line is one of the classes in f2.ts, f4.ts, t2.ts and t4.ts, by which everything here is compiled for itself: it has no
 * fields and no instances, only `inputs` and `outputs`, how many numbers it takes and gives, and
 *
 *   line(from, fromStride, to, toStride)         eight channels of each number in the wide build, else four (vector.ts)
 *   styledLine(style, highStyle, from, ...)      the same, each number times the styles of its channels first
 */
import { WIDE } from "../vector";

/** The lines down the columns at `from`, `fromColumn` apart, to the columns of the tile. */
// @ts-ignore: decorator
@inline
export function columns<L>(from: usize, fromColumn: usize, fromRow: usize, tile: usize): void {
  const line = changetype<L>(<usize>0), row = <usize>line.inputs * 32;
  for (let q = tile; q < tile + row; q += 32) {
    line.line(from, fromRow, q, row);
    if (!WIDE) line.line(from + 16, fromRow, q + 16, row);
    from += fromColumn;
  }
}

/** The same with styles. */
// @ts-ignore: decorator
@inline
export function styledColumns<L>(
  style: v128, highStyle: v128, from: usize, fromColumn: usize, fromRow: usize, tile: usize,
): void {
  const line = changetype<L>(<usize>0), row = <usize>line.inputs * 32;
  for (let q = tile; q < tile + row; q += 32) {
    line.styledLine(style, highStyle, from, fromRow, q, row);
    if (!WIDE) line.styledLine(highStyle, highStyle, from + 16, fromRow, q + 16, row);
    from += fromColumn;
  }
}

/** The lines along the rows of the tile, each to a row at `to`, `toRow` apart. */
// @ts-ignore: decorator
@inline
export function rows<L>(tile: usize, to: usize, toColumn: usize, toRow: usize): void {
  const line = changetype<L>(<usize>0), row = <usize>line.inputs * 32;
  for (let q = tile; q < tile + <usize>line.outputs * row; q += row) {
    line.line(q, 32, to, toColumn);
    if (!WIDE) line.line(q + 16, 32, to + 16, toColumn);
    to += toRow;
  }
}

/** Both. The tile is scratch for inputs * outputs numbers of eight channels. */
// @ts-ignore: decorator
@inline
export function transform<L>(
  from: usize, fromColumn: usize, fromRow: usize, to: usize, toColumn: usize, toRow: usize, tile: usize,
): void {
  columns<L>(from, fromColumn, fromRow, tile);
  rows<L>(tile, to, toColumn, toRow);
}

/** transform for weights, of which a number has the `bytes` that the line does at a time. */
// @ts-ignore: decorator
@inline
export function transformWeights<L>(
  from: usize, fromColumn: usize, fromRow: usize, to: usize, toColumn: usize, toRow: usize, tile: usize, bytes: usize,
): void {
  const line = changetype<L>(<usize>0), row = <usize>line.inputs * bytes;
  for (let q = tile; q < tile + row; q += bytes) {
    line.line(from, fromRow, q, row);
    from += fromColumn;
  }
  for (let q = tile; q < tile + <usize>line.outputs * row; q += row) {
    line.line(q, bytes, to, toColumn);
    to += toRow;
  }
}

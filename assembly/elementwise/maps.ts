/** Element by element over dense runs: fill, affine, unary functions. */
import { STEP, floatBytes, high, put, whole } from "../vector";

@unmanaged
class MapArguments {
  x: usize; y: usize; length: i32; perChunk: i32;
  /** Of affine and fill; absent for unary functions. */
  scale: f32; offset: f32;
}

/** What `map` computes. Always a literal at the call, so that each export is compiled for its own function. */
const enum Unary {
  Neg, Abs, Sign, Step, Square, Sqrt, Rsqrt, Reciprocal, Affine, Fill,
}

/** Four elements of the function. `scale` and `offset` are used by Affine and Fill only. */
// @ts-ignore: decorator
@inline
function apply(op: Unary, x: v128, scale: v128, offset: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  if (op == Unary.Neg) return f32x4.neg(x);
  if (op == Unary.Abs) return f32x4.abs(x);
  if (op == Unary.Step) return v128.and(f32x4.gt(x, zero), one);
  if (op == Unary.Sign) {
    // 1 or -1 where x is not zero; x itself at zeros (which keep their sign) and NaN, as Math.sign has it.
    const unit = v128.or(v128.and(x, f32x4.splat(-0.0)), one);
    return v128.bitselect(unit, x, v128.or(f32x4.gt(x, zero), f32x4.lt(x, zero)));
  }
  if (op == Unary.Square) return f32x4.mul(x, x);
  if (op == Unary.Sqrt) return f32x4.sqrt(x);
  if (op == Unary.Rsqrt) return f32x4.div(one, f32x4.sqrt(x));
  if (op == Unary.Reciprocal) return f32x4.div(one, x);
  if (op == Unary.Affine) return f32x4.add(f32x4.mul(x, scale), offset);
  return offset;
}

/**
 * y[i] = f(x[i]) for i < length. x, y: float32, any alignment; y may be x, but may not overlap it otherwise. Fill reads
 * no x. Chunk = run of `perChunk` elements. Each operation is rounded once; memory-bound at 8 bytes for each element.
 */
// @ts-ignore: decorator
@inline
function map(op: Unary, args: usize, chunk: i32): void {
  const g = changetype<MapArguments>(args);
  const first = chunk * g.perChunk;
  const count = min(g.perChunk, g.length - first);
  let x = g.x + floatBytes(first);
  let y = g.y + floatBytes(first);
  const vectorsEnd = y + floatBytes(whole(count));
  const end = y + floatBytes(count);
  let scale = f32x4.splat(0), offset = f32x4.splat(0);
  if (op == Unary.Affine || op == Unary.Fill) {
    scale = f32x4.splat(g.scale);
    offset = f32x4.splat(g.offset);
  }
  while (y < vectorsEnd) {
    const value = op == Unary.Fill ? offset : v128.load(x), upper = op == Unary.Fill ? offset : high(x);
    put(y, apply(op, value, scale, offset), apply(op, upper, scale, offset));
    x += STEP;
    y += STEP;
  }
  while (y < end) {
    const value = op == Unary.Fill ? offset : v128.load32_splat(x);
    v128.store32_lane(y, apply(op, value, scale, offset), 0);
    x += 4;
    y += 4;
  }
}

export function unaryNeg(args: usize, chunk: i32, worker: i32): void { map(Unary.Neg, args, chunk); }
export function unaryAbs(args: usize, chunk: i32, worker: i32): void { map(Unary.Abs, args, chunk); }
export function unarySign(args: usize, chunk: i32, worker: i32): void { map(Unary.Sign, args, chunk); }
export function unaryStep(args: usize, chunk: i32, worker: i32): void { map(Unary.Step, args, chunk); }
export function unarySquare(args: usize, chunk: i32, worker: i32): void { map(Unary.Square, args, chunk); }
export function unarySqrt(args: usize, chunk: i32, worker: i32): void { map(Unary.Sqrt, args, chunk); }
export function unaryRsqrt(args: usize, chunk: i32, worker: i32): void { map(Unary.Rsqrt, args, chunk); }
export function unaryReciprocal(args: usize, chunk: i32, worker: i32): void { map(Unary.Reciprocal, args, chunk); }
/** y = scale * x + offset. */
export function affine(args: usize, chunk: i32, worker: i32): void { map(Unary.Affine, args, chunk); }
/** y = offset. */
export function fill(args: usize, chunk: i32, worker: i32): void { map(Unary.Fill, args, chunk); }

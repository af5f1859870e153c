/**
 * Direct convolution as one matrix product: y[o, p] = sum over (tap, i) of w[o, tap, i] * x[i, p * stride + tap - pad]. Here a
 * "tile" is one output pixel and there is one transform point; the depth is taps * inBlocks * 8, tap by tap. For 1x1
 * kernels, and for the stride-2 convolution of the discriminator.
 */
import { mul, splatAt } from "../vector";
import { finish, shiftOf } from "./epilogue";
import { Job } from "./job";
import { productsOf } from "./outputTiles";

/**
 * V of `count` output pixels of image n from pixel `first` on: the modulated input under every tap, zeros outside the
 * image. Reads x inside its extent only.
 */
export function inputDirect(job: Job, n: i32, first: i32, count: i32, index: i32, v: usize): void {
  const width = job.width, height = job.height, stride = job.stride, blocks = job.inBlocks;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32;
  const panelStride = groupStride * <usize>(job.kernel * job.kernel * blocks);
  for (let tap = 0; tap < job.kernel * job.kernel; tap++) {
    const dy = tap / job.kernel - job.pad, dx = tap % job.kernel - job.pad;
    for (let block = 0; block < blocks; block++) {
      const x = job.x + (<usize>n * <usize>blocks + <usize>block) * job.xPlane;
      const style = job.inputScales + <usize>n * job.inputScalesStride + <usize>block * 32;
      const styleLow = v128.load(style), styleHigh = v128.load(style, 16);
      let panel = v + <usize>(index / tileRows) * panelStride + <usize>(tap * blocks + block) * groupStride;
      let lane = index % tileRows, ty = first / job.tilesX, tx = first % job.tilesX;
      for (let t = 0; t < count; t++) {
        const iy = ty * stride + dy, ix = tx * stride + dx;
        let low = f32x4.splat(0), high = f32x4.splat(0);
        if (iy >= 0 && iy < height && ix >= 0 && ix < width) {
          const from = x + (<usize>iy * <usize>width + <usize>ix) * 32;
          low = mul(v128.load(from), styleLow);
          high = mul(v128.load(from, 16), styleHigh);
        }
        const to = panel + <usize>lane * 32;
        v128.store(to, low);
        v128.store(to, high, 16);
        if (++lane == tileRows) { lane = 0; panel += panelStride; }
        if (++tx == job.tilesX) { tx = 0; ty++; }
      }
    }
  }
}

/** The epilogue of `count` pixels of image n: output blocks [block0, block1), as outputTiles (outputTiles.ts). */
export function outputDirect(
  job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, tiles: i32, block0: i32, block1: i32,
): void {
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  for (let block = block0; block < block1; block++) {
    let y = job.y + (<usize>n * <usize>job.outBlocks + <usize>block) * job.yPlane + <usize>first * 32;
    const channel = <usize>block * 32;
    const scale = job.scale + <usize>n * job.scaleStride + channel;
    const scaleLow = v128.load(scale), scaleHigh = v128.load(scale, 16);
    const biasLow = v128.load(job.bias + channel), biasHigh = v128.load(job.bias + channel, 16);
    const noiseLow = v128.load(job.noiseGain + channel), noiseHigh = v128.load(job.noiseGain + channel, 16);
    let from = productsOf(job, m, tiles, block - block0, index);
    let ty = first / job.tilesX, tx = first % job.tilesX;
    for (let t = 0; t < count; t++) {
      const noise = splatAt(
        job.noise + <usize>n * job.noiseImageStride + <usize>ty * job.noiseRowStride + <usize>tx * 4,
      );
      const shiftLow = shiftOf(noise, noiseLow, biasLow), shiftHigh = shiftOf(noise, noiseHigh, biasHigh);
      v128.store(y, finish(v128.load(from), scaleLow, shiftLow, slope, clamp));
      v128.store(y, finish(v128.load(from, 16), scaleHigh, shiftHigh, slope, clamp), 16);
      from += <usize>job.tileCols * 4;
      y += 32;
      if (++tx == job.tilesX) { tx = 0; ty++; }
    }
  }
}

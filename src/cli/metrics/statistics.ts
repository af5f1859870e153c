/** Statistics of images as pytorch-fid and others keep them: an .npz of `mu` [2048] and `sigma` [2048, 2048]. */
import { readFile, writeFile } from "../../files.js";
import { FileError, readNpz, writeNpz } from "../../formats/index.js";
import type { FeatureStatistics } from "../../stylegan/evaluation/index.js";

export const isStatisticsName = (path: string): boolean => /\.npz$/i.test(path);

export function readStatistics(path: string): FeatureStatistics {
  const bytes = readFile(path);
  const read = (): FeatureStatistics => {
    const arrays = readNpz(bytes);
    const [mu, sigma] = ["mu", "sigma"].map((name) => {
      const array = arrays.get(name);
      if (array !== undefined) return array;
      throw new FileError(`expected arrays mu and sigma, found ${[...arrays.keys()].join(", ") || "none"}`);
    });
    const dims = mu.size;
    if (mu.shape.length !== 1 || sigma.shape.length !== 2 || sigma.shape.some((extent) => extent !== dims)) {
      throw new FileError(`mu [n] and sigma [n, n] must fit, found [${mu.shape}] and [${sigma.shape}]`);
    }
    const [mean, covariance] = [new Float64Array(dims), new Float64Array(dims * dims)];
    mu.copyTo(mean);
    sigma.copyTo(covariance);
    if (!mean.every(Number.isFinite) || !covariance.every(Number.isFinite)) {
      throw new FileError("mu and sigma must be finite numbers");
    }
    return { mean, covariance };
  };
  try {
    return read();
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

export function writeStatistics(path: string, { mean, covariance }: FeatureStatistics): void {
  const dims = mean.length;
  const arrays = new Map([
    ["mu", { data: mean, shape: [dims] }],
    ["sigma", { data: covariance, shape: [dims, dims] }],
  ]);
  writeFile(path, writeNpz(arrays));
}

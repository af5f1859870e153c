/** The networks that measure, opened from the files that people have; none is part of this package. */
import { createHash } from "node:crypto";
import { openFile } from "../../files.js";
import { FileError } from "../../formats/index.js";
import { InceptionV3, Lpips } from "../../stylegan/evaluation/index.js";
import { UsageError } from "../terminal.js";

/** A network, and what its numbers are known by. */
export interface OpenWeights<N> {
  readonly network: N;
  readonly sha256: string;
}

const INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth";
const INCEPTION_ADDRESS = `https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/${INCEPTION_FILE}`;
const VGG_ADDRESS = "https://download.pytorch.org/models/vgg16-397923af.pth";
const LIN_ADDRESS = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/vgg.pth";

/** @param metric what it is for: `fid50k_full` */
export function openInception(path: string | undefined, metric: string): OpenWeights<InceptionV3> {
  if (path === undefined) {
    throw new UsageError(
      `${metric} needs Inception-v3: download ${INCEPTION_ADDRESS} and give it with --inception FILE; without it, ` +
        "--metrics classifier2k measures the Frechet distance on a small classifier's features, which is another number",
    );
  }
  return open([path], ([bytes]) => new InceptionV3(bytes));
}

/** @param paths of VGG16 and of the linear weights */
export function openLpips(paths: string | undefined, metric: string): OpenWeights<Lpips> {
  const names = paths?.split(",") ?? [];
  if (names.length !== 2) {
    throw new UsageError(
      `${metric} needs LPIPS: download ${VGG_ADDRESS} and ${LIN_ADDRESS}, and give them with --lpips VGG16.pth,LIN.pth`,
    );
  }
  return open(names, ([vgg, lin]) => new Lpips(vgg, lin));
}

function open<N>(paths: readonly string[], build: (files: readonly Uint8Array[]) => N): OpenWeights<N> {
  const hash = createHash("sha256");
  const files = paths.map((path) => {
    const file = openFile(path);
    try {
      const bytes = file.read(0, file.size);
      hash.update(bytes);
      return bytes;
    } finally {
      file.close();
    }
  });
  try {
    return { network: build(files), sha256: hash.digest("hex") };
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${paths.join(",")}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** `--features` and `--lpips`: what images are compared by. */
import { readFile } from "../../files.js";
import type { AnyDiscriminator, Tensor } from "../../index.js";
import { Lpips } from "../../stylegan/evaluation/index.js";
import {
  discriminatorPerception,
  lpipsPerception,
  type Perception,
  pixelPerception,
  pyramidPerception,
} from "../../stylegan/latents/index.js";
import { type Terminal, UsageError } from "../terminal.js";

export const featureKinds = ["auto", "lpips", "disc", "pyramid", "pixels"] as const;

export interface PerceptionOptions {
  readonly features: (typeof featureKinds)[number];
  readonly lpips?: string;
}

interface Opened {
  readonly name: string;
  readonly discriminator: AnyDiscriminator | null;
}

/** @throws UsageError when the files or the network that it takes are missing */
export function openPerception(
  { name, discriminator }: Opened,
  { features, lpips }: PerceptionOptions,
  c: Tensor | null,
  terminal: Terminal,
): Perception {
  if (features !== "auto" && features !== "lpips" && lpips !== undefined) {
    throw new UsageError(`--lpips has nothing to say with --features ${features}`);
  }
  const kind = features === "auto" ? best(lpips, discriminator) : features;
  if (features === "auto") terminal.err(`features: ${kind}, the best there is ${why(kind)}\n`);
  switch (kind) {
    case "lpips":
      return lpipsPerception(openLpips(lpips));
    case "disc":
      if (discriminator === null) {
        throw new UsageError(`--features disc needs a discriminator, and ${name} holds none; take pyramid`);
      }
      return discriminatorPerception(discriminator, c);
    case "pyramid":
      return pyramidPerception();
    case "pixels":
      return pixelPerception();
  }
}

type Kind = Exclude<(typeof featureKinds)[number], "auto">;

/** The order is that of the comparison in docs/projection.md. */
function best(lpips: string | undefined, discriminator: AnyDiscriminator | null): Kind {
  if (lpips !== undefined) return "lpips";
  return discriminator === null ? "pyramid" : "disc";
}

const why = (kind: Kind): string =>
  ({
    lpips: "with the files of --lpips",
    disc: "without --lpips",
    pyramid: "without --lpips and without a discriminator in the checkpoint",
    pixels: "",
  })[kind];

function openLpips(files: string | undefined): Lpips {
  const paths = files?.split(",").map((path) => path.trim()) ?? [];
  if (paths.length !== 2 || paths.includes("")) {
    throw new UsageError(
      "--features lpips needs --lpips VGG16.pth,LIN.pth: torchvision's vgg16-397923af.pth " +
        "(download.pytorch.org/models) and weights/v0.1/vgg.pth of the lpips package",
    );
  }
  const [vgg, lin] = paths.map((path) => ({ path, bytes: readFile(path) }));
  try {
    return new Lpips(vgg.bytes, lin.bytes);
  } catch (error) {
    throw new Error(`${vgg.path}, ${lin.path}: ${(error as Error).message}`, { cause: error });
  }
}

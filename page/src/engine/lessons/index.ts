/** All lessons, by name. */
import { adaIn, constant, growing, mapping, mixing, noise, skip, truncation } from "./generator.js";
import { droplet, filters, large, modulation } from "./layers.js";
import type { Lesson } from "./tools.js";
import { augmentation, lazy, minibatchStd, pathLength, r1 } from "./training.js";

export const lessons: Readonly<Record<string, Lesson>> = {
  ...{ growing, constant, mapping, adaIn, noise, mixing, skip, truncation },
  ...{ filters, droplet, modulation, large },
  ...{ r1, lazy, pathLength, minibatchStd, augmentation },
};

/** The controls of every section of docs/reading.md: what moves, and between which ends. */

export interface LessonControl {
  readonly name: string;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly hint?: string;
  /** Names of whole values, from `min` up. */
  readonly names?: readonly string[];
}

export interface LessonDefinition {
  /** Of engine/lessons. */
  readonly lesson: string;
  readonly controls: readonly LessonControl[];
  /** Runs for a while, when somebody presses the button. */
  readonly action?: string;
}

const seed = (value = 5, name = "seed", label = "Seed"): LessonControl => ({
  name,
  label,
  min: 0,
  max: 60,
  step: 1,
  value,
});
const resolutions = ["4×4", "8×8", "16×16", "32×32", "64×64"];

/** By the number of the section. */
export const lessons: Readonly<Record<number, readonly LessonDefinition[]>> = {
  1: [
    {
      lesson: "growing",
      controls: [
        {
          name: "lod",
          label: "Level of detail",
          min: 0,
          max: 4,
          step: 0.05,
          value: 1.5,
          hint: "Whole numbers are resolutions; between them one fades into the next.",
        },
        seed(),
      ],
    },
  ],
  2: [{ lesson: "constant", controls: [seed(0)] }],
  3: [
    {
      lesson: "mapping",
      controls: [
        { name: "t", label: "Place on the path", min: 0, max: 1, step: 0.02, value: 0.5 },
        seed(5, "from", "From seed"),
        seed(8, "to", "To seed"),
      ],
    },
  ],
  4: [
    {
      lesson: "adaIn",
      controls: [
        {
          name: "ys",
          label: "Scale of the last map, more than that of the first",
          min: -1,
          max: 3,
          step: 0.1,
          value: 2,
        },
        { name: "yb", label: "Shift", min: -2, max: 2, step: 0.1, value: 0 },
        seed(3),
      ],
    },
  ],
  5: [
    {
      lesson: "noise",
      controls: [
        {
          name: "strength",
          label: "Strength",
          min: 0,
          max: 5,
          step: 0.1,
          value: 1,
          hint: "Multiplies the noise; 1 is what the network learned.",
        },
        { name: "from", label: "Acts from", min: 0, max: 4, step: 1, value: 0, names: resolutions },
        seed(7),
      ],
    },
  ],
  6: [
    {
      lesson: "mixing",
      controls: [
        {
          name: "cutoff",
          label: "Crossover",
          min: 1,
          max: 9,
          step: 1,
          value: 4,
          hint: "So many layers from the first seed, the others from the second.",
        },
        seed(2, "row", "First seed"),
        seed(8, "column", "Second seed"),
      ],
    },
  ],
  7: [
    {
      lesson: "filters",
      controls: [
        {
          name: "taps",
          label: "Filter",
          min: 0,
          max: 4,
          step: 1,
          value: 3,
          names: ["none", "[1, 1]", "[1, 2, 1]", "[1, 3, 3, 1]", "[1, 5, 10, 10, 5, 1]"],
        },
        seed(3),
      ],
    },
  ],
  8: [
    {
      lesson: "droplet",
      action: "Watch gradient descent find it",
      controls: [
        {
          name: "layer",
          label: "What follows",
          min: 0,
          max: 1,
          step: 1,
          value: 0,
          names: ["AdaIN", "demodulation"],
        },
        { name: "steps", label: "Steps", min: 250, max: 3000, step: 250, value: 1500 },
        { name: "seed", label: "Pattern", min: 1, max: 20, step: 1, value: 5 },
      ],
    },
    {
      lesson: "modulation",
      controls: [
        {
          name: "style",
          label: "Its style",
          min: 0,
          max: 20,
          step: 0.5,
          value: 8,
          hint: "How much one feature map counts in the convolution.",
        },
        { name: "channel", label: "Style channel", min: 0, max: 7, step: 1, value: 2 },
      ],
    },
  ],
  9: [
    {
      lesson: "r1",
      action: "Train a small one",
      controls: [
        {
          name: "gamma",
          label: "γ",
          min: 0,
          max: 4,
          step: 0.5,
          value: 0.5,
          hint: "Weight of the penalty. The curve of the run before stays, to compare with.",
        },
        { name: "steps", label: "Steps", min: 20, max: 600, step: 20, value: 200 },
        { name: "seed", label: "Seed of the run", min: 1, max: 20, step: 1, value: 1 },
      ],
    },
  ],
  10: [{ lesson: "lazy", controls: [{ name: "interval", label: "Interval k", min: 1, max: 32, step: 1, value: 16 }] }],
  11: [
    {
      lesson: "pathLength",
      controls: [
        seed(5, "from", "From seed"),
        seed(8, "to", "To seed"),
        { name: "draw", label: "Draw of y", min: 0, max: 9, step: 1, value: 0 },
      ],
    },
  ],
  12: [
    {
      lesson: "skip",
      controls: [
        { name: "until", label: "Up to", min: 0, max: 4, step: 1, value: 3, names: resolutions },
        {
          name: "trained",
          label: "The network",
          min: 0,
          max: 1,
          step: 1,
          value: 1,
          names: ["before training", "trained"],
        },
        seed(5),
      ],
    },
  ],
  13: [
    {
      lesson: "large",
      controls: [
        {
          name: "base",
          label: "Base",
          min: 2,
          max: 6,
          step: 1,
          value: 5,
          names: ["4096", "8192", "16384 (E)", "32768 (F)", "65536"].slice(0),
          hint: "Feature maps at resolution r are base / r, at most 512.",
        },
        {
          name: "resolution",
          label: "Image",
          min: 3,
          max: 8,
          step: 1,
          value: 8,
          names: ["32×32", "64×64", "128×128", "256×256", "512×512", "1024×1024"],
        },
      ],
    },
  ],
  14: [
    {
      lesson: "truncation",
      controls: [{ name: "psi", label: "ψ", min: -1, max: 1.5, step: 0.05, value: 0.7 }, seed(8)],
    },
  ],
  15: [
    {
      lesson: "minibatchStd",
      controls: [{ name: "collapse", label: "Collapse", min: 0, max: 1, step: 0.05, value: 0.3 }, seed(1)],
    },
  ],
  16: [
    {
      lesson: "augmentation",
      controls: [
        {
          name: "kind",
          label: "Transformation",
          min: 0,
          max: 7,
          step: 1,
          value: 1,
          names: [
            "flips and quarter turns",
            "geometry",
            "colour",
            "filter",
            "noise",
            "cutout",
            "the usual three",
            "all",
          ],
        },
        { name: "p", label: "p", min: 0, max: 1, step: 0.05, value: 0.8 },
        { name: "draw", label: "Draw", min: 0, max: 20, step: 1, value: 1 },
        seed(5),
      ],
    },
  ],
};

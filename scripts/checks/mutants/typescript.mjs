/**
 * Areas of TypeScript, whose tests read the sources: what could notice a fault in which file, the quickest first. A test for
 * one file or folder stands in its row; those behind "" are asked last, whatever the file.
 */

const test = (name) => `tests/${name}.test.ts`;

/** Rows of [start of a path, tests by their names], the most special first; all that fit are asked, in this order. */
const asked = (rows) => (file) => {
  const names = rows.filter(([start]) => file.startsWith(start)).flatMap(([, ...tests]) => tests);
  return [...new Set(names)].map((name) => [test(name)]);
};

const nn = "src/nn/";
const sg = "src/stylegan/";

/** Sources, how many faults, the seed of their order, and the rows. */
const table = {
  autograd: [
    [`${nn}autograd`, `${nn}optim.ts`],
    32,
    [
      [`${nn}optim.ts`, "identities/training"],
      [`${nn}autograd/`, "nn/autograd", "identities/autograd"],
      ["", "nn/memory", "identities/linear", "identities/stylegan1", "identities/objectives", "goldens/training"],
      ["", "networks/arguments", "networks/droplet", "identities/training"],
    ],
  ],
  ops: [
    [`${nn}ops`],
    55,
    [
      [`${nn}ops/gridSample.ts`, "goldens/augment"],
      [`${nn}ops/pool.ts`, "goldens/vgg", "goldens/inception"],
      [`${nn}ops/conv2dResample.ts`, "identities/linear", "identities/demodulation"],
      ["", "nn/autograd", "nn/shapes", "identities/linear", "identities/autograd", "goldens/ops", "nn/memory"],
      ["", "identities/adain", "identities/demodulation", "identities/objectives", "networks/droplet"],
      ["", "goldens/training", "goldens/checkpoints", "goldens/augment", "goldens/vgg", "goldens/inception"],
    ],
  ],
  networks: [
    [
      ...["adain", "config", "convLayer", "discriminator", "discriminatorBody", "generator", "geometry", "images"],
      ...["layerNoise", "mapping", "minibatchStd", "modulatedConv2d", "networks", "synthesis"],
    ]
      .map((name) => `${sg}${name}.ts`)
      .concat(`${sg}forward`),
    65,
    [
      [`${sg}adain`, "identities/adain"],
      [`${sg}mapping`, "identities/mapping"],
      [`${sg}modulatedConv2d`, "identities/demodulation"],
      [`${sg}convLayer`, "identities/linear", "identities/synthesis"],
      [`${sg}discriminator`, "identities/discriminator"],
      [`${sg}minibatchStd`, "identities/discriminator", "goldens/ops"],
      [`${sg}synthesis`, "identities/synthesis"],
      [`${sg}layerNoise`, "identities/synthesis"],
      [`${sg}forward/`, "networks/synthesisParts", "identities/synthesis", "networks/arguments"],
      [`${sg}geometry`, "training/presetNumbers", "training/presets"],
      [`${sg}config`, "checkpoints/native", "training/presets", "networks/arguments"],
      [`${sg}images`, "networks/images", "goldens/checkpoints"],
      [`${sg}networks`, "networks/frozen", "networks/synthesisParts"],
      [
        "",
        "networks/tiny",
        "networks/synthesisParts",
        "networks/arguments",
        "identities/synthesis",
        "training/presets",
      ],
      ["", "goldens/checkpoints", "identities/discriminator", "networks/frozen", "checkpoints/official", "nn/memory"],
      ["", "identities/training", "networks/surgery", "checkpoints/native", "cli/commands"],
    ],
  ],
  growing: [
    [`${sg}growing`],
    32,
    [
      [`${sg}growing/lod`, "identities/growing"],
      ["", "identities/stylegan1", "identities/growing", "goldens/stylegan1", "identities/discriminator"],
      ["", "networks/arguments", "training/presets", "networks/synthesisParts", "networks/tiny", "networks/surgery"],
    ],
  ],
  training: [
    [`${sg}training`],
    60,
    [
      [`${sg}training/dataset`, "training/dataset"],
      [`${sg}training/labels`, "training/dataset"],
      [`${sg}training/losses`, "identities/objectives"],
      [`${sg}training/regularizers`, "identities/objectives"],
      [`${sg}training/presets`, "training/presetNumbers", "training/presets"],
      [`${sg}training/run`, "training/run"],
      [`${sg}training/schedule`, "identities/growing"],
      ["", "training/limits", "identities/everyStep", "goldens/training", "training/run", "identities/growing"],
      [
        "",
        "identities/training",
        "training/presets",
        "identities/objectives",
        "training/dataset",
        "cli/training/trainFolder",
      ],
    ],
  ],
  augment: [
    [`${sg}augment`],
    32,
    [["", "goldens/augment", "training/augmentation", "identities/training", "identities/everyStep", "training/run"]],
  ],
  latents: [
    [`${sg}latents`],
    40,
    [
      [`${sg}latents/projection/noiseTerm`, "networks/projector"],
      [`${sg}latents/projection/`, "networks/projector", "networks/perception", "goldens/projection"],
      [`${sg}latents/directions`, "goldens/directions", "networks/edits"],
      [`${sg}latents/directionFile`, "networks/edits", "formats/arrayFile"],
      [`${sg}latents/latentFile`, "networks/edits", "formats/arrayFile"],
      [`${sg}latents/edits`, "networks/edits", "goldens/directions"],
      [`${sg}latents/interpolation`, "networks/walks", "goldens/video"],
      [`${sg}latents/growthImages`, "networks/walks", "networks/surgery"],
      [`${sg}latents/walks`, "networks/walks"],
      [`${sg}latents/mixing`, "networks/edits", "identities/training"],
      [
        "",
        "networks/edits",
        "networks/walks",
        "goldens/directions",
        "goldens/video",
        "cli/latents/directions",
        "cli/latents/project",
      ],
      ["", "cli/commands", "cli/latents/video"],
    ],
  ],
  evaluation: [
    [`${sg}evaluation`],
    48,
    [
      [`${sg}evaluation/classifier`, "training/classifier"],
      [`${sg}evaluation/eigen`, "goldens/featureSets", "goldens/metrics"],
      [`${sg}evaluation/metrics`, "goldens/metrics", "goldens/featureSets", "goldens/ppl"],
      [`${sg}evaluation/matrix`, "goldens/featureSets"],
      [`${sg}evaluation/kid`, "goldens/featureSets"],
      [`${sg}evaluation/precisionRecall`, "goldens/featureSets"],
      [`${sg}evaluation/inception`, "goldens/inception"],
      [`${sg}evaluation/resize`, "goldens/inception"],
      [`${sg}evaluation/weights`, "formats/weights", "goldens/vgg", "goldens/inception"],
      [`${sg}evaluation/vgg`, "goldens/vgg"],
      [`${sg}evaluation/lpips`, "goldens/vgg", "goldens/projection"],
      [`${sg}evaluation/ppl`, "goldens/ppl"],
      ["", "goldens/metrics", "goldens/featureSets", "goldens/inception", "goldens/vgg", "goldens/ppl"],
      ["", "training/classifier", "networks/perception", "cli/metrics", "cli/metricsInception"],
    ],
  ],
};

export const typescriptAreas = (explanations) =>
  Object.fromEntries(
    Object.entries(table).map(([name, [sources, count, rows]]) => [
      name,
      { sources, count, seed: 1, tests: asked(rows), explained: explanations(name), mostSeconds: 60 },
    ]),
  );

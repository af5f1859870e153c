/** Two tiny rows that show that everything works: --quick. */
import { writeJson } from "./files.mjs";

/** Writes the plan of the quick rows, and returns its path. */
export function quickPlan(path) {
  writeJson(path, {
    kimg: 0.2,
    common: {
      aug: "noaug",
      batch: 8,
      channelBase: 32,
      channelMax: 4,
      zDim: 4,
      wDim: 4,
      mapLayers: 1,
      emaKimg: 0.05,
      gamma: 1,
    },
    growing: { lodInitial: 4, lodStableKimg: 0.05, lodFadeKimg: 0.05 },
    measure: {
      snapKimg: 0.2,
      curveImages: 64,
      finalImages: 64,
      recallImages: 64,
      pathLengthImages: 8,
      paths: 2,
      pathSteps: 4,
      contributionImages: 8,
    },
    rows: [
      { row: "quick-d", preset: "config-d" },
      { row: "quick-e", preset: "config-e", psis: [0.5] },
    ],
    tables: {
      quick: {
        rows: [
          { row: "quick-d", label: "config D, growing" },
          { row: "quick-e", label: "config E, skips and residuals" },
        ],
        columns: ["distance", "pathLength", "recall"],
      },
    },
  });
  return path;
}

/**
 * One face of the training set: Open Peeps by Pablo Stanley (CC0 1.0), through @dicebear/open-peeps. Face k is drawn
 * from the seed "face-k", so the set is the same wherever it is drawn. Backgrounds are plain pastel colours.
 */
import { createAvatar } from "@dicebear/core";
import * as openPeeps from "@dicebear/open-peeps";

const PASTELS = ["c9e4de", "c6def1", "dbcdf0", "f2c6de", "f7d9c4", "faedcb", "d8e2dc", "e2f0cb"];

/** Expressions that read as faces at this size; cyclops and monsters would teach the network rare accidents. */
const FACES = [
  "awe",
  "calm",
  "cheeky",
  "cute",
  "driven",
  "eatingHappy",
  "explaining",
  "eyesClosed",
  "lovingGrin1",
  "lovingGrin2",
  "serious",
  "smile",
  "smileBig",
  "smileLOL",
  "smileTeethGap",
  "solemn",
  "suspicious",
  "tired",
  "concerned",
];

/**
 * What is drawn. all: every head, 19 expressions, beards, seven kinds of glasses. plain: of each a few that a network of half a million
 * weights learns to draw clearly.
 */
export const SETS = {
  all: {
    face: FACES,
    accessoriesProbability: 20,
    facialHairProbability: 12,
    accessories: ["glasses", "glasses2", "glasses3", "glasses4", "glasses5", "sunglasses", "sunglasses2"],
  },
  plain: {
    head: [
      ...["afro", "bangs", "bangs2", "flatTop", "grayShort", "hatBeanie", "long", "medium3", "mediumStraight"],
      ...["noHair1", "pomp", "short1", "short5", "turban"],
    ],
    face: ["calm", "driven", "smile", "smileBig", "solemn"],
    accessoriesProbability: 25,
    facialHairProbability: 0,
    accessories: ["glasses3", "sunglasses"],
  },
};

/** The avatar of face `index` of a set: `toString()` is its SVG, `toJson().extra` says what was chosen. */
export function faceAvatar(index, set = "all") {
  return createAvatar(openPeeps, {
    seed: `face-${index}`,
    size: 704,
    backgroundColor: PASTELS,
    maskProbability: 0,
    ...SETS[set],
  });
}

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

/** The avatar of face `index`: `toString()` is its SVG, `toJson().extra` says what was chosen. */
export function faceAvatar(index) {
  return createAvatar(openPeeps, {
    seed: `face-${index}`,
    size: 704,
    backgroundColor: PASTELS,
    face: FACES,
    accessoriesProbability: 20,
    facialHairProbability: 12,
    accessories: ["glasses", "glasses2", "glasses3", "glasses4", "glasses5", "sunglasses", "sunglasses2"],
    maskProbability: 0,
  });
}

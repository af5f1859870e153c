/**
 * Draws the training set of the bundled model: cartoon faces from Open Peeps by Pablo Stanley (CC0 1.0), through
 * @dicebear/open-peeps. The drawings share one frame, so the faces are aligned; backgrounds are plain pastel colours.
 *
 *   node drawFaces.mjs OUT.zip [--count 8192] [--size 64]
 *
 * Face k is drawn from the seed "face-k", so the set is the same wherever it is drawn.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createAvatar } from "@dicebear/core";
import * as openPeeps from "@dicebear/open-peeps";
import { Resvg } from "@resvg/resvg-js";
import { zipSync } from "fflate";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: "string", default: "8192" }, size: { type: "string", default: "64" } },
});
const [out] = positionals;
const count = Number(values.count);
const size = Number(values.size);
if (out === undefined || !Number.isInteger(count) || !Number.isInteger(size)) {
  console.error("usage: node drawFaces.mjs OUT.zip [--count 8192] [--size 64]");
  process.exit(1);
}

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

function drawFace(index) {
  const avatar = createAvatar(openPeeps, {
    seed: `face-${index}`,
    size: 704,
    backgroundColor: PASTELS,
    face: FACES,
    accessoriesProbability: 20,
    facialHairProbability: 12,
    accessories: ["glasses", "glasses2", "glasses3", "glasses4", "glasses5", "sunglasses", "sunglasses2"],
    maskProbability: 0,
  });
  const svg = closeUp(avatar.toString());
  return new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng();
}

/** The part of the 704-unit drawing around the head. */
function closeUp(svg) {
  return svg.replace(/viewBox="0 0 704 704"/, 'viewBox="74 44 580 580"');
}

const files = {};
for (let index = 0; index < count; index++) {
  const name = `${String(index).padStart(6, "0")}.png`;
  files[name] = [drawFace(index), { level: 0, mtime: new Date("2020-01-01T00:00:00") }];
  if ((index + 1) % 1024 === 0) console.log(`${index + 1} of ${count}`);
}
writeFileSync(out, zipSync(files));
console.log(`wrote ${count} images of ${size}x${size} to ${out}`);

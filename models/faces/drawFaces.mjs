/**
 * Draws the training set of the bundled model: cartoon faces from Open Peeps by Pablo Stanley (CC0 1.0), through
 * @dicebear/open-peeps. The drawings share one frame, so the faces are aligned; backgrounds are plain pastel colours.
 *
 *   node drawFaces.mjs OUT.zip [--set all|plain] [--count 8192] [--first 0] [--size 64]
 *
 * Face k is drawn from the seed "face-k", so the set is the same wherever it is drawn.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Resvg } from "@resvg/resvg-js";
import { zipSync } from "fflate";
import { faceAvatar, SETS } from "./openPeeps.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    set: { type: "string", default: "all" },
    count: { type: "string", default: "8192" },
    first: { type: "string", default: "0" },
    size: { type: "string", default: "64" },
  },
});
const [out] = positionals;
const count = Number(values.count);
const first = Number(values.first);
const size = Number(values.size);
if (
  out === undefined ||
  !Object.hasOwn(SETS, values.set) ||
  !Number.isInteger(count) ||
  !Number.isInteger(first) ||
  !Number.isInteger(size)
) {
  console.error("usage: node drawFaces.mjs OUT.zip [--set all|plain] [--count 8192] [--size 64]");
  process.exit(1);
}

function drawFace(index) {
  const avatar = faceAvatar(index, values.set);
  const svg = closeUp(avatar.toString());
  return new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng();
}

/** The part of the 704-unit drawing around the head. */
function closeUp(svg) {
  return svg.replace(/viewBox="0 0 704 704"/, 'viewBox="74 44 580 580"');
}

const files = {};
for (let index = first; index < first + count; index++) {
  const name = `${String(index).padStart(6, "0")}.png`;
  files[name] = [drawFace(index), { level: 0, mtime: new Date("2020-01-01T00:00:00") }];
  const done = index + 1 - first;
  if (done % 1024 === 0) console.log(`${done} of ${count}`);
}
writeFileSync(out, zipSync(files));
console.log(`wrote ${count} images of ${size}x${size} to ${out}`);

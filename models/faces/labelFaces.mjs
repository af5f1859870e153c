/**
 * What is on each training image, for the classifier whose features compare sets of faces:
 *
 *   node labelFaces.mjs OUT.json [--count 8192]
 *
 * {"groups": [{"name": "head", "classes": ["afro", ...]}, ...], "labels": [[class of each group], ...]}, in the order of
 * the images.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { faceAvatar } from "./openPeeps.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: "string", default: "8192" } },
});
const [out] = positionals;
const count = Number(values.count);
if (out === undefined || !Number.isInteger(count)) {
  console.error("usage: node labelFaces.mjs OUT.json [--count 8192]");
  process.exit(1);
}

const NAMES = [
  ...["head", "face", "facialHair", "accessories"],
  ...["skinColor", "headContrastColor", "primaryBackgroundColor"],
];
const choices = Array.from({ length: count }, (_, index) => faceAvatar(index).toJson().extra);
const groups = NAMES.map((name) => {
  const classes = [...new Set(choices.map((choice) => String(choice[name])))].sort();
  return { name, classes };
});
const labels = choices.map((choice) => groups.map(({ name, classes }) => classes.indexOf(String(choice[name]))));
writeFileSync(out, JSON.stringify({ groups, labels }));
console.log(groups.map(({ name, classes }) => `${name}: ${classes.length}`).join(", "));

/**
 * The images of the tables and the classifier they are compared by. Both are made where they are missing: the drawn
 * faces at 32x32 (models/faces, whose packages npm then installs) and the small classifier trained on what is on them.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeWhole } from "./files.mjs";
import { encodePng, openImages, RandomState, Tensor } from "./library.mjs";

const root = resolve(import.meta.dirname, "..", "..");

/** Paths of the drawn faces and of the classifier in a folder. */
export function prepareFaces(folder, say) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => join(folder, name);
  const [images, labels, classifier] = ["faces32.zip", "faceLabels.json", "faces32.classifier.safetensors"].map(at);
  const faces = join(root, "models", "faces");
  const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  const make = (path, what, command) => {
    if (existsSync(path)) return;
    say(`${what}: ${path}`);
    command(`${path}.part`);
    renameSync(`${path}.part`, path);
  };
  const packages = () => {
    if (!existsSync(join(faces, "node_modules"))) run("npm", ["ci", "--no-audit", "--no-fund"], faces);
  };
  const node = (script, args) => run(process.execPath, [script, ...args], root);
  make(images, "drawing 8,192 faces", (part) => {
    packages();
    node(join(faces, "drawFaces.mjs"), [part, "--size", "32"]);
  });
  make(labels, "writing down what is on them", (part) => {
    packages();
    node(join(faces, "labelFaces.mjs"), [part]);
  });
  make(classifier, "training the classifier", (part) => {
    node(join(root, "scripts", "runs", "trainClassifier.mjs"), ["--data", images, "--labels", labels, part]);
  });
  return { images, classifier };
}

/** Sixty-four small pictures of coloured squares, for runs that only show that the machinery works. */
export function prepareSquares(folder) {
  const images = join(folder, "squares");
  mkdirSync(images, { recursive: true });
  const random = new RandomState(1);
  for (let index = 0; index < 64; index++) {
    const pixels = new Float32Array(3 * 64).fill(1);
    const [x, y, side] = [random.randint(0, 4), random.randint(0, 4), random.randint(2, 5)];
    for (let channel = 0; channel < 3; channel++) {
      const value = 2 * random.uniform() - 1;
      for (let at = 0; at < side * side; at++) {
        pixels[channel * 64 + (y + Math.floor(at / side)) * 8 + x + (at % side)] = value;
      }
    }
    const name = `${String(index).padStart(3, "0")}.png`;
    writeWhole(join(images, name), encodePng(Tensor.from(pixels, [1, 3, 8, 8])));
  }
  return { images, classifier: "random" };
}

/** A digest of all images, by name and bytes: the same for a folder and an archive of it. */
export function imagesDigest(path) {
  const { files, close } = openImages(path);
  const hash = createHash("sha256");
  for (const file of files) hash.update(file.name).update(file.read());
  close();
  return hash.digest("hex");
}

export function fileDigest(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Weights and inputs for the training step, for every implementation that is compared. Kept in out/bench. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { denseTensor } from "../../dist/formats/plainTensor.js";
import { writeSafetensors } from "../../dist/formats/safetensors.js";
import { RandomState } from "../../dist/index.js";
import { createNetworks, networkGeometry } from "../../dist/stylegan/geometry.js";

const FOLDER = new URL("../../out/bench/", import.meta.url);
/** Images that the implementations are compared on. */
const CHECKED = 8;
/** Of biases and noise strengths, which are zero in a new network: a comparison must see them. */
const PERTURBATION = 0.1;

/**
 * Tensors "generator.NAME", "discriminator.NAME" and "inputs.NAME" in one safetensors file.
 *
 * @param {object} geometry  one of TRAINING_NETWORKS
 * @returns {string} its path
 */
export function trainingFile(geometry) {
  const { resolution, zDim } = geometry;
  const networks = createNetworks(networkGeometry(geometry), 0);
  const random = new RandomState(1);
  const entries = [];
  const put = (name, shape, data) => entries.push({ name, dtype: "f32", tensor: denseTensor(data, shape, name) });
  for (const [network, { parameters, buffers }] of Object.entries(networks)) {
    for (const [name, tensor] of [...parameters, ...buffers]) {
      const moves = /(bias|noise_strength)$/.test(name);
      const data = Float32Array.from(tensor.toArray(), (value) => value + (moves ? PERTURBATION * random.normal() : 0));
      put(`${network}.${name}`, tensor.shape, data);
    }
  }
  const draw = (name, shape) => {
    const data = Float32Array.from(random.randn(shape.reduce((size, extent) => size * extent, 1)));
    put(`inputs.${name}`, shape, data);
  };
  draw("z", [CHECKED, zDim]);
  draw("mixing", [CHECKED, zDim]);
  draw("real", [CHECKED, 3, resolution, resolution]);
  draw("plNoise", [CHECKED / 2, 3, resolution, resolution]);
  mkdirSync(FOLDER, { recursive: true });
  const path = fileURLToPath(new URL(`training-${resolution}.safetensors`, FOLDER));
  writeFileSync(path, writeSafetensors(entries));
  return path;
}

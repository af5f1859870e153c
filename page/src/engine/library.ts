/** What the page uses of the package: the only file that knows where it is. */
export {
  type AnyGenerator,
  encodePng,
  init,
  loadCheckpoint,
  noGrad,
  RandomState,
  type SynthesisState,
  scope,
  seedsToZ,
  Tensor,
  toPixels,
} from "../../../dist/index.js";

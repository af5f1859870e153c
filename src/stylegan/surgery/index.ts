/** Networks made of networks: layers swapped, weights averaged, resolutions added or cut off. */
export { NetworkAverage } from "./average.js";
export { type BlendOptions, blendNetworks, haveSameMapping } from "./blend.js";
export { type Resized, type ResizeOptions, resizeNetwork } from "./resize.js";
export { type AnyNetwork, checkSameGeometry } from "./tensors.js";

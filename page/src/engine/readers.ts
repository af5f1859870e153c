/** The readers of all kinds of checkpoint: loaded when a file is opened that is not the package's own kind. */
export { loadCheckpoint } from "../../../dist/index.js";

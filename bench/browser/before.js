/** Another checkout of this library in a worker: the bundler takes `before/` from where --old says. */
import * as library from "before/index.js";
import * as backend from "before/nn/backend.js";
import { answerWith } from "./answer.js";
import { loadWith } from "./ours.js";

answerWith(loadWith(library, backend));

/** This library in a worker. */
import * as library from "../../dist/index.js";
import * as backend from "../../dist/nn/backend.js";
import { answerWith } from "./answer.js";
import { loadWith } from "./ours.js";

answerWith(loadWith(library, backend));

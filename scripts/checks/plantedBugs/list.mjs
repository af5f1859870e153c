/**
 * Bugs to plant, one at a time, and the law that each has to turn red:
 *
 *   [law, test file, source file, find, replace, (further pairs of find and replace)]
 *
 * `law` is a part of the title of a test that must fail; each `find` occurs exactly once in the source; where it is null
 * the file is new. scripts/checks/plantBugs.mjs does the planting.
 */
import { engineBugs } from "./engine.mjs";
import { houseBugs } from "./house.mjs";
import { layersBugs } from "./layers.mjs";
import { networksBugs } from "./networks.mjs";
import { operationsBugs } from "./operations.mjs";

/** The text of a source file with a bug in it. Of a file's opening comment the first is meant. */
export function withBug([law, , file, ...pairs], original) {
  let text = original;
  for (let k = 0; k < pairs.length; k += 2) {
    const parts = text.split(pairs[k]);
    if (parts.length < 2 || (parts.length > 2 && pairs[k] !== "/**")) {
      throw new Error(`${law}: ${file} has ${parts.length - 1} times: ${pairs[k]}`);
    }
    text = `${parts[0]}${pairs[k + 1]}${parts.slice(1).join(pairs[k])}`;
  }
  return text;
}
export const plantedBugs = [...engineBugs, ...operationsBugs, ...layersBugs, ...networksBugs, ...houseBugs];

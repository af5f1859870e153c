/**
 * Truncation with a psi of its own for each layer, and around any centre:
 *
 *   w_l = centre_l + psi_l (w_l - centre_l)
 *
 * One psi for all layers, or for the first few, is `truncationPsi` and `truncationCutoff` of the mapping network, bit for
 * bit. Tests: tests/networks/edits.test.ts.
 */
import { lerp } from "../../nn/ops/arith.js";
import { concat, slice } from "../../nn/ops/layout.js";
import { expand, reshape } from "../../nn/ops/reduce.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";

/**
 * @param ws [N, numWs, wDim]
 * @param psis one for each layer; 1 leaves a layer as it is
 * @param centre [wDim], or [numWs, wDim]
 * @returns [N, numWs, wDim]
 * @throws RangeError when the shapes do not fit
 */
export function truncateLayers(ws: Tensor, psis: readonly number[], centre: Tensor): Tensor {
  const [n, layers, wDim] = ws.shape;
  assertShape("truncateLayers", "psis", [psis.length], [layers], "numWs");
  const single = centre.shape.length === 1;
  assertShape("truncateLayers", "centre", centre.shape, single ? [wDim] : [layers, wDim]);
  if (psis.every((psi) => psi === 1)) return ws;
  return inScope(() => {
    const parts: Tensor[] = [];
    for (let begin = 0; begin < layers; ) {
      let end = begin + 1;
      while (end < layers && psis[end] === psis[begin]) end++;
      const part = slice(ws, 1, begin, end); // [N, end - begin, wDim]
      if (psis[begin] === 1) parts.push(part);
      else {
        const rows = single
          ? reshape(centre, [1, 1, wDim])
          : reshape(slice(centre, 0, begin, end), [1, end - begin, wDim]);
        parts.push(lerp(expand(rows, [n, end - begin, wDim]), part, psis[begin]));
      }
      begin = end;
    }
    return parts.length === 1 ? parts[0] : concat(parts, 1);
  });
}

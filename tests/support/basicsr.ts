/** A fixture of rosinality's program under the names that BasicSR gives its networks. */
import { readFileSync } from "node:fs";
import type { PickleValue } from "../../src/formats/pickle/values.js";
import type { PlainTensor } from "../../src/formats/plainTensor.js";
import { readTorch, type TorchTensor } from "../../src/formats/torch/reader.js";

const file = new URL("../fixtures/checkpoints/rosinality-r32-zip.pt", import.meta.url);
/** The fixture as it is. */
export const rosinalityBytes = new Uint8Array(readFileSync(file));
const top = readTorch(rosinalityBytes) as Map<string, PickleValue>;

/** Its names by the modules that have them, one row a module: rosinality's, BasicSR's. */
export const GENERATOR: readonly (readonly [RegExp, string])[] = [
  [/^style\.(\d+)\.(weight|bias)$/, "style_mlp.$1.$2"],
  [/^input\.input$/, "constant_input.weight"],
  [/^conv1\.conv\.(weight|modulation\.\w+)$/, "style_conv1.modulated_conv.$1"],
  [/^conv1\.noise\.weight$/, "style_conv1.weight"],
  [/^conv1\.activate\.bias$/, "style_conv1.activate.bias"],
  [/^convs\.(\d+)\.conv\.(weight|modulation\.\w+)$/, "style_convs.$1.modulated_conv.$2"],
  [/^convs\.(\d+)\.noise\.weight$/, "style_convs.$1.weight"],
  [/^convs\.(\d+)\.activate\.bias$/, "style_convs.$1.activate.bias"],
  [/^(to_rgb1|to_rgbs\.\d+)\.conv\.(weight|modulation\.\w+)$/, "$1.modulated_conv.$2"],
  [/^(to_rgb1|to_rgbs\.\d+)\.bias$/, "$1.bias"],
  [/^noises\.noise_(\d+)$/, "noises.noise$1"],
];
export const DISCRIMINATOR: readonly (readonly [RegExp, string])[] = [
  [/^convs\.(.*)$/, "conv_body.$1"],
  [/^(final_.*)$/, "$1"],
];

/** The state dict of one of its networks, `g_ema` for example, under BasicSR's names. */
export function stateOf(network: string, rows: readonly (readonly [RegExp, string])[]): Map<string, PlainTensor> {
  const state = new Map<string, PlainTensor>();
  for (const [name, value] of top.get(network) as Map<string, TorchTensor>) {
    if (name.endsWith(".kernel")) continue; // BasicSR's filters are no tensors of the state dict
    const [pattern, own] = rows.find(([row]) => row.test(name))!;
    state.set(name.replace(pattern, own), value.toPlain(name));
  }
  return state;
}

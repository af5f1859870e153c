/**
 * A generator as a standard ONNX model, for every runtime that reads the format: mapping, synthesis, or both.
 *
 * Tests: tests/formats/onnx.test.ts runs the models in ONNX Runtime and holds them to our own images.
 */
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { Generator } from "../generator.js";
import { type AnyGenerator, isStylegan2 } from "../networks.js";
import { METADATA_KEY, OnnxGraph, type Opset, type Value } from "./graph.js";
import { dense, type ExportContext, modulatedLayer, normalize, stored, toRgb, weightOf } from "./layers.js";
import { upsample } from "./resample.js";

export interface ExportOnnxOptions {
  /**
   * What the model computes. "mapping": z (and c) to ws; "synthesis": ws to img; "both": z (and c) to img.
   * Default "both".
   */
  readonly part?: "mapping" | "synthesis" | "both";
  /** The noise maps stored with the network, or none. Default "const". */
  readonly noiseMode?: "const" | "none";
  /**
   * The truncation trick, fixed in the model; "input" adds an input `truncation_psi`, one number of shape [].
   * Default 1: no truncation. Of no effect on "synthesis".
   */
  readonly truncationPsi?: number | "input";
  /** Truncate only the first so many w's. Default null: all. */
  readonly truncationCutoff?: number | null;
  /** Version of the operator set, 13 to 17; the operators used are the same in all of them. Default 13. */
  readonly opset?: Opset;
}

/**
 * Inputs and outputs, float32, with a free batch size N: `z` [N, zDim], `c` [N, cDim] (conditional networks only),
 * `ws` [N, numWs, wDim], `img` [N, imgChannels, imgResolution, imgResolution] mostly within [-1, 1]. The weights are
 * stored in the file, under their official names where they are unchanged.
 *
 * @returns the bytes of an .onnx file
 * @throws TypeError when the network is not a StyleGAN2 generator, or an option is none of its choices
 * @throws RangeError when truncation is asked for without an average w, or the model is larger than 2 GiB
 * @example
 * const { gEma } = await loadCheckpoint("network.pkl");
 * await writeFile("network.onnx", exportOnnx(gEma, { truncationPsi: 0.7 }));
 */
export function exportOnnx(network: AnyGenerator, options: ExportOnnxOptions = {}): Uint8Array {
  const { part = "both", noiseMode = "const", truncationPsi = 1, truncationCutoff = null, opset = 13 } = options;
  if (!(network instanceof Generator) || !isStylegan2(network)) {
    const { config }: { config?: AnyGenerator["config"] } = network;
    throw new TypeError(`exportOnnx: expected a StyleGAN2 generator, got ${config?.kind ?? typeof network}`);
  }
  check("part", part, ["mapping", "synthesis", "both"]);
  check("noiseMode", noiseMode, ["const", "none"]);
  check("opset", opset, [13, 14, 15, 16, 17]);

  const graph = new OnnxGraph();
  const weights = (name: string) => network.parameters.get(name) ?? network.buffers.get(name);
  const context: ExportContext = { graph, weights };
  const wsShape = ["N", network.numWs, network.wDim];
  const ws =
    part === "synthesis"
      ? graph.input("ws", wsShape)
      : mapping(context, network, { truncationPsi, truncationCutoff }, part === "mapping" ? "ws" : "mapping.ws");
  if (part === "mapping") graph.output(ws, wsShape);
  else {
    const img = synthesis(context, network, ws, noiseMode);
    graph.output(img, ["N", network.imgChannels, network.imgHeight, network.imgWidth]);
  }
  return graph.finish(`stylegan2.${part}`, opset, new Map([[METADATA_KEY, JSON.stringify(network.config)]]));
}

function check<T>(option: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value)) {
    throw new TypeError(`exportOnnx: ${option} must be one of ${choices.join(", ")}, got ${String(value)}`);
  }
}

type Truncation = Required<Pick<ExportOnnxOptions, "truncationPsi" | "truncationCutoff">>;

/** MappingNetwork.forward: z and c to the value called `result`, [N, numWs, wDim]. */
function mapping(context: ExportContext, network: Generator, truncation: Truncation, result: Value): Value {
  const { graph } = context;
  const { zDim, cDim, inputNormalization, layerFeatures, activation, lrMultiplier } = network.config.mapping;
  const separate = inputNormalization === "separate";
  const parts = [graph.input("z", ["N", zDim])];
  if (separate) parts[0] = normalize(graph, "mapping.z", parts[0]);
  if (cDim > 0) {
    const c = graph.input("c", ["N", cDim]);
    const embedded = dense(context, "mapping.embed", c, { lrMultiplier: 1, activation: "linear" });
    parts.push(separate ? normalize(graph, "mapping.c", embedded) : embedded);
  }
  let x = parts.length === 1 ? parts[0] : graph.node("mapping.zc", "Concat", parts, { axis: { int: 1 } });
  if (!separate) x = normalize(graph, "mapping.normalized", x);
  layerFeatures.forEach((_, k) => {
    x = dense(context, `mapping.fc${k}`, x, { lrMultiplier, activation });
  });
  const w = graph.node("mapping.w", "Unsqueeze", [x, graph.integers([1])]); // [N, 1, wDim]
  return truncate(context, network, w, truncation, result);
}

/** w [N, 1, wDim] -> ws [N, numWs, wDim] = wAvg + psi_l (w - wAvg), with psi_l = 1 from the cutoff on. */
function truncate(
  context: ExportContext,
  { numWs, wDim }: Generator,
  w: Value,
  { truncationPsi, truncationCutoff }: Truncation,
  result: Value,
): Value {
  const { graph } = context;
  const cutoff = truncationCutoff ?? numWs;
  if (!Number.isInteger(cutoff) || cutoff < 0) {
    throw new RangeError(`exportOnnx: truncationCutoff must be a whole number of at least 0, got ${cutoff}`);
  }
  if (truncationPsi === 1) return graph.node(result, "Expand", [w, graph.integers([1, numWs, wDim])]);
  if (context.weights("mapping.w_avg") === undefined) {
    throw new RangeError("exportOnnx: truncation needs the average w, which this network does not track");
  }
  const numbers = Float32Array.from({ length: numWs }, (_, l) => (l < cutoff ? 1 : 0));
  const truncated = graph.constant("mapping.truncated", numbers, [1, numWs, 1]);
  const psi = truncationPsi === "input" ? graph.input("truncation_psi", []) : graph.scalar(truncationPsi);
  const less = graph.node("mapping.psi.less", "Sub", [psi, graph.scalar(1)]);
  const change = graph.node("mapping.psi.change", "Mul", [truncated, less]);
  const perLayer = graph.node("mapping.psi", "Add", [change, graph.scalar(1)]); // [1, numWs, 1]
  const wAvg = stored(context, "mapping.w_avg");
  const offset = graph.node("mapping.offset", "Sub", [w, wAvg]);
  return graph.node(result, "Add", [graph.node("mapping.pulled", "Mul", [offset, perLayer]), wAvg]);
}

/** SynthesisNetwork.forward: ws [N, numWs, wDim] to the value "img". */
function synthesis(context: ExportContext, network: Generator, ws: Value, noiseMode: "const" | "none"): Value {
  const { graph } = context;
  const { config } = network.synthesis;
  const { architecture, activation, convClamp, imgResolution, imgChannels, scaleBeforeDemodulation } = config;
  const filter = setupFilter(config.resampleFilter);
  const noise = config.useNoise && noiseMode === "const";
  const common = { filter, activation, convClamp, scaleBeforeDemodulation, noise };
  const ofLayer = new Map<number, Value>();
  /** The w of one layer, [N, wDim]; toRgb shares its w with the layer that follows. */
  const layerW = (index: number): Value => {
    const known = ofLayer.get(index);
    if (known !== undefined) return known;
    const w = graph.node(`synthesis.w${index}`, "Gather", [ws, graph.integer(index)], { axis: { int: 1 } });
    ofLayer.set(index, w);
    return w;
  };

  const start = weightOf(context, "synthesis.b4.const").shape;
  let x = stored(context, "synthesis.b4.const", [1, ...start]); // broadcast to the batch by the first modulation
  let img: Value | null = null;
  let next = 0;
  for (const [resolution, channels] of config.channels) {
    const block = `synthesis.b${resolution}`;
    const shortcut = resolution > 4 && architecture === "resnet" ? skip(context, block, x, network, channels) : null;
    if (resolution > 4) x = modulatedLayer(context, `${block}.conv0`, x, layerW(next++), { ...common, up: 2, gain: 1 });
    const gain = shortcut === null ? 1 : Math.SQRT1_2;
    x = modulatedLayer(context, `${block}.conv1`, x, layerW(next++), { ...common, up: 1, gain });
    if (shortcut !== null) x = graph.node(`${block}.sum`, "Add", [shortcut, x]);

    const larger: Value | null = img === null ? null : upsample(graph, `${block}.img.larger`, img, filter, imgChannels);
    img = larger;
    if (resolution === imgResolution || architecture === "skip") {
      const rgb: Value = toRgb(context, `${block}.torgb`, x, layerW(next), convClamp);
      img = larger === null ? rgb : graph.node(`${block}.img`, "Add", [larger, rgb]);
    }
  }
  return graph.node("img", "Identity", [img!]);
}

/** The residual's shortcut: 1x1 convolution, then doubled, scaled by sqrt(1/2). Its weight takes both scales. */
function skip(context: ExportContext, block: string, x: Value, network: Generator, channels: number): Value {
  const { graph } = context;
  const name = `${block}.skip`;
  const inChannels = weightOf(context, `${name}.weight`).shape[1];
  const weight = stored(context, `${name}.weight`, undefined, Math.SQRT1_2 / Math.sqrt(inChannels));
  const mixed = graph.node(`${name}.conv`, "Conv", [x, weight], { kernel_shape: [1, 1] });
  return upsample(graph, name, mixed, setupFilter(network.config.synthesis.resampleFilter), channels);
}

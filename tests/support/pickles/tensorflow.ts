/**
 * Pickles of StyleGAN2-ADA for TensorFlow (version 5), made from networks that were read from anywhere: the tables of
 * that program's variables read backwards, written without a look at the reader.
 */
import type { PlainTensor } from "../../../src/formats/plainTensor.js";
import type { NetworkData, Networks } from "../../../src/stylegan/checkpoint/networkData.js";
import type { DiscriminatorConfig, GeneratorConfig } from "../../../src/stylegan/config.js";
import { type Bytes, op, pickle } from "./assembler.js";

interface NumpyArray {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}
type Variables = ReadonlyMap<string, NumpyArray>;

const numpyDtype = op.build(
  op.call(op.global("numpy", "dtype"), op.str("f8"), op.bool(false), op.bool(true)),
  op.tuple(op.int(3), op.str("<"), op.none, op.none, op.none, op.int(-1), op.int(-1), op.int(0)),
);

function numpyArray({ data, shape }: NumpyArray): Bytes {
  const reconstruct = op.global("numpy.core.multiarray", "_reconstruct");
  const empty = op.call(reconstruct, op.global("numpy", "ndarray"), op.tuple(op.int(0)), op.bytes([98]));
  const bytes = op.bytes(Array.from(new Uint8Array(data.buffer)));
  return op.build(empty, op.tuple(op.int(1), op.tuple(...shape.map(op.int)), numpyDtype, op.bool(false), bytes));
}

interface NetworkParts {
  readonly name: string;
  readonly builder: string;
  readonly keywords: Readonly<Record<string, Bytes>>;
  readonly variables: Variables;
  readonly components?: Readonly<Record<string, Bytes>>;
}

function network({ name, builder, keywords, variables, components = {} }: NetworkParts): Bytes {
  const list = [...variables].map(([key, array]) => op.tuple(op.str(key), numpyArray(array)));
  const empty = op.call(op.global("dnnlib.tflib.network", "Network"));
  return op.build(
    empty,
    op.dict({
      version: op.int(5),
      name: op.str(name),
      static_kwargs: op.dict(keywords),
      components: op.dict(components),
      build_module_src: op.str("# source omitted"),
      build_func_name: op.str(builder),
      variables: op.list(...list),
    }),
  );
}

const optional = (value: number | null): Bytes => (value === null ? op.none : op.float(value));

/** A file of (G, D, Gs). */
export function adaTensorflowPickle({ g, d, gEma }: Required<Networks>): Uint8Array {
  const generators = [g, gEma].map((data, index) =>
    generator(["G", "Gs"][index], data as unknown as NetworkData<GeneratorConfig>),
  );
  const discriminated = discriminator(d as unknown as NetworkData<DiscriminatorConfig>);
  return pickle(op.tuple(generators[0], discriminated, generators[1]));
}

function generator(name: string, { config, tensors }: NetworkData<GeneratorConfig>): Bytes {
  const own = new Map<string, NumpyArray>();
  const parts = { mapping: new Map<string, NumpyArray>(), synthesis: new Map<string, NumpyArray>() };
  for (const [official, tensor] of tensors) {
    if (official === "mapping.w_avg") own.set("dlatent_avg", same(tensor));
    else if (official.startsWith("mapping.")) {
      parts.mapping.set(...mappingVariable(official.slice(8), tensor, "LabelEmbed", "Dense"));
    } else parts.synthesis.set(...synthesisVariable(official.slice(10), tensor));
  }
  const keywords = {
    num_channels: op.int(config.imgChannels),
    resolution: op.int(config.imgResolution),
    label_size: op.int(config.cDim),
    latent_size: op.int(config.zDim),
    dlatent_size: op.int(config.wDim),
    mapping_lrmul: op.float(config.mapping.lrMultiplier),
    w_avg_beta: optional(config.mapping.wAvgBeta),
    num_fp16_res: op.int(4),
    conv_clamp: optional(config.synthesis.convClamp),
    resample_kernel: op.list(...config.synthesis.resampleFilter.map(op.float)),
  };
  const component = (part: "mapping" | "synthesis") =>
    network({ name: part, builder: `G_${part}`, keywords, variables: parts[part] });
  const components = { synthesis: component("synthesis"), mapping: component("mapping") };
  return network({ name, builder: "G_main", keywords, variables: own, components });
}

function discriminator({ config, tensors }: NetworkData<DiscriminatorConfig>): Bytes {
  const variables = new Map<string, NumpyArray>();
  for (const [official, tensor] of tensors) {
    if (official.startsWith("mapping.")) {
      variables.set(...mappingVariable(official.slice(8), tensor, "LabelEmbed", "Mapping"));
      continue;
    }
    const [, resolution, layer, kind] = /^b(\d+)\.(\w+)\.(\w+)$/.exec(official)!;
    const layers: Record<string, string> = {
      fromrgb: "FromRGB",
      conv0: "Conv0",
      conv1: "Conv1_down",
      skip: "Skip",
      conv: "Conv",
      fc: "Dense0",
    };
    const scope = layer === "out" ? "Output" : `${resolution}x${resolution}/${layers[layer]}`;
    variables.set(`${scope}/${kind}`, kind === "weight" ? toTensorflow(tensor) : same(tensor));
  }
  const keywords = {
    label_size: op.int(config.cDim),
    mapping_lrmul: op.float(config.mapping?.lrMultiplier ?? 0.1),
    mbstd_group_size: config.mbstdGroupSize === null ? op.none : op.int(config.mbstdGroupSize),
    conv_clamp: optional(config.convClamp),
    resample_kernel: op.list(...config.resampleFilter.map(op.float)),
  };
  return network({ name: "D", builder: "D_main", keywords, variables });
}

function mappingVariable(rest: string, tensor: PlainTensor, embed: string, dense: string): [string, NumpyArray] {
  const [layer, kind] = rest.split(".");
  const scope = layer === "embed" ? embed : layer.replace("fc", dense);
  return [`${scope}/${kind}`, kind === "weight" ? toTensorflow(tensor) : same(tensor)];
}

function synthesisVariable(rest: string, tensor: PlainTensor): [string, NumpyArray] {
  const [block, layer, ...more] = rest.split(".");
  const r = Number(block.slice(1));
  const kind = more.join(".");
  if (layer === "const") return ["4x4/Const/const", { ...same(tensor), shape: [1, ...tensor.shape] }];
  if (kind === "noise_const") {
    const index = 2 * Math.log2(r) - (layer === "conv0" ? 5 : 4);
    return [`noise${index}`, { ...same(tensor), shape: [1, 1, r, r] }];
  }
  const layers: Record<string, string> = { torgb: "ToRGB", skip: "Skip", conv0: "Conv0_up" };
  const scope = `${r}x${r}/${layers[layer] ?? (r === 4 ? "Conv" : "Conv1")}`;
  if (kind === "affine.weight") return [`${scope}/mod_weight`, toTensorflow(tensor)];
  if (kind === "affine.bias") return [`${scope}/mod_bias`, lessOne(tensor)];
  if (kind !== "weight") return [`${scope}/${kind}`, same(tensor)];
  return [`${scope}/weight`, toTensorflow(tensor, layer === "conv0" || layer === "skip")];
}

const same = (tensor: PlainTensor): NumpyArray => ({
  data: Float64Array.from(tensor.toFloat()),
  shape: tensor.shape,
});
const lessOne = (tensor: PlainTensor): NumpyArray => ({
  data: Float64Array.from(tensor.toFloat(), (value) => value - 1),
  shape: tensor.shape,
});

/** [out, in] -> [in, out]; [out, in, kh, kw] -> [kh, kw, in, out], mirrored where asked. */
function toTensorflow(tensor: PlainTensor, mirror = false): NumpyArray {
  const [outChannels, inChannels, kh = 1, kw = 1] = tensor.shape;
  const from = tensor.toFloat();
  const data = new Float64Array(tensor.size);
  for (let o = 0; o < outChannels; o++) {
    for (let i = 0; i < inChannels; i++) {
      for (let tap = 0; tap < kh * kw; tap++) {
        const source = mirror ? kh * kw - 1 - tap : tap;
        data[(tap * inChannels + i) * outChannels + o] = from[(o * inChannels + i) * kh * kw + source];
      }
    }
  }
  return { data, shape: tensor.shape.length === 2 ? [inChannels, outChannels] : [kh, kw, inChannels, outChannels] };
}

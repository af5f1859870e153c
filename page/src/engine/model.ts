/** An open checkpoint, and how a spec becomes its w's. */
import { type AnyGenerator, buildGenerator, noGrad, RandomState, readNative, scope, Tensor } from "./library.js";
import type { ImageSpec, ModelInfo } from "./protocol.js";

export class Model {
  readonly generator: AnyGenerator;
  readonly info: ModelInfo;
  /** Directions in w, [wDim] or [numWs, wDim] each; empty until some are found or read. */
  directions: readonly Float32Array[] = [];
  readonly #untruncated = new Map<string, Float32Array>();

  private constructor(generator: AnyGenerator, info: ModelInfo) {
    this.generator = generator;
    this.info = info;
  }

  /** @throws Error saying in a sentence why this is no checkpoint to make images with */
  static async open(source: Blob | string, name: string): Promise<Model> {
    const blob = typeof source === "string" ? await download(source) : source;
    const { gEma, format } = (await readOwn(blob)) ?? (await readAny(blob));
    if (gEma === undefined) throw new Error(`${name} (${format}) holds no generator.`);
    return new Model(gEma, infoOf(gEma, format, name));
  }

  /** ws [numWs, wDim] of a spec. */
  ws(spec: ImageSpec): Float32Array {
    const { numWs, wDim } = this.info;
    const ws = this.truncated(this.#base(spec), spec);
    for (const [layer, seed] of spec.mix) {
      const other = this.truncated(this.ofSeed(seed, spec.label), spec);
      ws.set(other.subarray(layer * wDim, (layer + 1) * wDim), layer * wDim);
    }
    for (const { index, strength, first, last } of spec.directions) {
      const direction = this.directions[index];
      if (direction === undefined) continue;
      for (let layer = first; layer <= Math.min(last, numWs - 1); layer++) {
        // One for all layers, or each with its own step.
        const from = direction.length === wDim ? 0 : layer * wDim;
        for (let k = 0; k < wDim; k++) ws[layer * wDim + k] += strength * direction[from + k];
      }
    }
    return ws;
  }

  /** A copy of ws, truncated as the spec says, by the library. */
  truncated(ws: Float32Array, { psi, cutoff }: Pick<ImageSpec, "psi" | "cutoff">): Float32Array {
    if (psi === 1 || !this.info.hasAverage) return ws.slice();
    const { numWs, wDim } = this.info;
    return scope(() =>
      this.generator.mapping
        .truncate(Tensor.from(ws, [1, numWs, wDim]), { truncationPsi: psi, truncationCutoff: cutoff })
        .toArray(),
    );
  }

  /** Before truncation, mixing and edits. */
  #base({ seed, blend, label, w }: ImageSpec): Float32Array {
    if (w !== null) return this.#everyLayer(w);
    if (blend === null) return this.ofSeed(seed, label);
    const { seeds, x, y } = blend;
    const weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
    const corners = seeds.map((corner) => this.ofSeed(corner, label));
    return corners[0].map((_, k) => corners.reduce((sum, corner, at) => sum + weights[at] * corner[k], 0));
  }

  /** ws [numWs, wDim] of a w that may be one for all layers. */
  #everyLayer(w: Float32Array): Float32Array {
    const { numWs, wDim } = this.info;
    if (w.length === numWs * wDim) return w;
    const ws = new Float32Array(numWs * wDim);
    for (let layer = 0; layer < numWs; layer++) ws.set(w.subarray(0, wDim), layer * wDim);
    return ws;
  }

  /** ws [numWs, wDim] of a seed, before truncation; not to be written to. */
  ofSeed(seed: number, label: number): Float32Array {
    const key = `${seed} ${label}`;
    const known = this.#untruncated.get(key);
    if (known !== undefined) return known;
    const { zDim, classes } = this.info;
    const ws = noGrad(() =>
      scope(() => {
        const z = Tensor.from(new RandomState(seed).randn(zDim), [1, zDim]);
        return this.generator.mapping.forward(z, oneHot(label, classes)).toArray();
      }),
    );
    if (this.#untruncated.size > 500) this.#untruncated.clear();
    this.#untruncated.set(key, ws);
    return ws;
  }
}

/** [1, classes], or null without classes. */
export function oneHot(label: number, classes: number): Tensor | null {
  if (classes === 0) return null;
  return Tensor.from(new Float32Array(classes).fill(1, label, label + 1), [1, classes]);
}

interface Read {
  readonly gEma?: AnyGenerator;
  readonly format: string;
}

/** Larger files are read in slices by the readers of everything, so that they do not stand in memory beside their networks. */
const WHOLE_BYTES = 16 * 2 ** 20;

/** The package's own format, where it is small; null for everything else, damaged files included. */
async function readOwn(blob: Blob): Promise<Read | null> {
  if (blob.size > WHOLE_BYTES) return null;
  // safetensors: the length of a JSON text in eight bytes, and the text.
  const head = new Uint8Array(await blob.slice(0, 9).arrayBuffer());
  if (head[8] !== 0x7b) return null;
  try {
    const { format, networks } = readNative(new Uint8Array(await blob.arrayBuffer()), { networks: ["gEma"] });
    return { format, ...(networks.gEma && { gEma: buildGenerator(networks.gEma) }) };
  } catch {
    return null; // the other readers say what is wrong
  }
}

async function readAny(blob: Blob): Promise<Read> {
  const { loadCheckpoint } = await import("./readers.js");
  return loadCheckpoint(blob, { networks: ["gEma"] });
}

async function download(address: string): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(
      `${address} cannot be fetched: no such host, or it does not let other pages read its files (CORS).`,
    );
  }
  if (!response.ok) throw new Error(`${address} answered ${response.status} ${response.statusText}`);
  return response.blob();
}

function infoOf(generator: AnyGenerator, format: string, name: string): ModelInfo {
  const { config, imgResolution, imgChannels, numWs, wDim, zDim, cDim } = generator;
  const kinds = { "stylegan1-generator": "stylegan1", "growing-stylegan2-generator": "growing" } as const;
  const kind = config.kind === "stylegan2-generator" ? config.synthesis.architecture : kinds[config.kind];
  const resolutions = config.synthesis.channels.map(([resolution]) => resolution);
  const first = kind === "stylegan1" ? ["b4.input", "b4.conv1"] : ["b4.conv1"];
  const parameters = [...generator.parameters.values()].reduce((sum, { size }) => sum + size, 0);
  return {
    ...{ name, format, kind, numWs, wDim, zDim, parameters },
    resolution: imgResolution,
    channels: imgChannels,
    classes: cDim,
    lod: generator.synthesis.lod?.item() ?? null,
    hasAverage: generator.mapping.wAvg !== null,
    layers: resolutions.flatMap((r) => (r === 4 ? first : [`b${r}.conv0`, `b${r}.conv1`])),
  };
}

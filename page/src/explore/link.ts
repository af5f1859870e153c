/** A link holds all that decides the image, and nothing that does not: what has its usual value is left out. */
import type { ImageSpec } from "../engine/protocol.js";

export const MAX_SEED = 2 ** 32 - 1;

export const usualSpec: ImageSpec = {
  seed: 0,
  psi: 0.7,
  cutoff: null,
  label: 0,
  lod: null,
  noise: "const",
  blend: null,
  mix: [],
  directions: [],
  styles: [],
  w: null,
};

/** A number of three decimals is as fine as any slider. */
const short = (x: number): string => String(Math.round(x * 1000) / 1000);

export function writeLink(spec: ImageSpec, model: string | null): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | null): void => {
    if (value !== null) query.set(name, value);
  };
  put("model", model);
  put("seed", spec.blend === null ? String(spec.seed) : null);
  put("psi", spec.psi === usualSpec.psi ? null : short(spec.psi));
  put("cutoff", spec.cutoff === null ? null : String(spec.cutoff));
  put("class", spec.label === 0 ? null : String(spec.label));
  put("lod", spec.lod === null ? null : short(spec.lod));
  put("noise", spec.noise === "const" ? null : String(spec.noise));
  if (spec.blend !== null) put("blend", [...spec.blend.seeds, short(spec.blend.x), short(spec.blend.y)].join(","));
  put("mix", spec.mix.map(([layer, seed]) => `${layer}:${seed}`).join(",") || null);
  put(
    "edit",
    spec.directions
      .map(({ index, strength, first, last }) => `${index}@${first}-${last}:${short(strength)}`)
      .join(",") || null,
  );
  put("style", spec.styles.map(({ layer, channel, add }) => `${layer}[${channel}]:${short(add)}`).join(",") || null);
  put("w", spec.w === null ? null : encodeFloats(spec.w));
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%40", "@");
  return `#explore${text === "" ? "" : `?${text}`}`;
}

/** What the link says; what it says wrongly is left as usual. */
export function readLink(query: URLSearchParams): ImageSpec {
  const number = (name: string, min: number, max: number, isWhole: boolean): number | null => {
    const value = Number(query.get(name) ?? Number.NaN);
    return value >= min && value <= max && (!isWhole || Number.isInteger(value)) ? value : null;
  };
  const list = (name: string): string[] => (query.get(name) ?? "").split(",").filter((part) => part !== "");
  const noise = query.get("noise");
  return {
    seed: number("seed", 0, MAX_SEED, true) ?? usualSpec.seed,
    psi: number("psi", -2, 2, false) ?? usualSpec.psi,
    cutoff: number("cutoff", 0, 64, true),
    label: number("class", 0, 1 << 16, true) ?? 0,
    lod: number("lod", 0, 16, false),
    noise: noise === "none" ? noise : (number("noise", 0, MAX_SEED, true) ?? "const"),
    blend: readBlend(list("blend").map(Number)),
    mix: matches(list("mix"), /^(\d+):(\d+)$/, ([layer, seed]) => [Number(layer), Number(seed)] as const),
    directions: matches(list("edit"), /^(\d+)@(\d+)-(\d+):(-?[\d.]+)$/, ([index, first, last, strength]) => ({
      ...{ index: Number(index), first: Number(first), last: Number(last), strength: Number(strength) },
    })),
    styles: matches(list("style"), /^(b\d+\.\w+)\[(\d+)\]:(-?[\d.]+)$/, ([layer, channel, add]) => ({
      ...{ layer, channel: Number(channel), add: Number(add) },
    })),
    w: decodeFloats(query.get("w")),
  };
}

function matches<T>(parts: readonly string[], pattern: RegExp, make: (groups: string[]) => T): T[] {
  return parts.flatMap((part) => {
    const match = pattern.exec(part);
    return match === null ? [] : [make(match.slice(1))];
  });
}

function readBlend(numbers: readonly number[]): ImageSpec["blend"] {
  const [a, b, c, d, x, y] = numbers;
  const isSeed = (seed: number): boolean => Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED;
  if (numbers.length !== 6 || ![a, b, c, d].every(isSeed) || ![x, y].every((at) => at >= 0 && at <= 1)) return null;
  return { seeds: [a, b, c, d], x, y };
}

/** Float32 numbers as URL-safe base64. */
function encodeFloats(data: Float32Array): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decodeFloats(text: string | null): Float32Array | null {
  if (text === null) return null;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const data = new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
    return data.length > 0 && data.every(Number.isFinite) ? data : null;
  } catch {
    return null;
  }
}

/** The `stylegan` line that makes the image on the screen. */
import type { ImageSpec, ModelInfo } from "../engine/protocol.js";

/** The bundled model needs no --network. */
function network(model: ModelInfo, isBundled: boolean): string {
  return isBundled ? "" : ` --network ${quoted(model.name)}`;
}

const quoted = (text: string): string => (/^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export interface CommandText {
  readonly command: string;
  /** What the line does not say, in a sentence; null when it makes this very image. */
  readonly missing: string | null;
}

export function commandOf(spec: ImageSpec, model: ModelInfo, isBundled: boolean): CommandText {
  const { seed, psi, cutoff, label, lod, noise, blend, mix, directions, styles, w } = spec;
  const missing = [
    ...(w !== null ? ["its own w"] : blend !== null ? ["the blend of four seeds"] : []),
    ...(cutoff !== null ? ["the cutoff"] : []),
    ...(directions.length > 0 ? ["the directions"] : []),
    ...(styles.length > 0 ? ["the style channels"] : []),
    ...(typeof noise === "number" && noise !== seed ? ["noise of another seed than the image's"] : []),
    ...(mix.length > 0 &&
    (noise !== "const" || new Set(mix.map(([, other]) => other)).size > 1 || (lod ?? model.lod) !== model.lod)
      ? ["all of the mixing"]
      : []),
  ];
  const trunc = psi === 1 ? "" : ` --trunc ${psi}`;
  const ofClass = model.classes > 0 ? ` --class ${label}` : "";
  const mode = noise === "const" ? "" : ` --noise-mode ${noise === "none" ? "none" : "random"}`;
  const level = model.lod !== null && lod !== null ? ` --lod ${lod}` : "";
  const start = `stylegan ${mix.length > 0 ? "mix" : "generate"}${network(model, isBundled)}`;
  const command =
    mix.length > 0
      ? `${start} --rows ${seed} --cols ${mix[0][1]} --styles ${ranges(mix.map(([layer]) => layer))}${trunc}${ofClass}`
      : `${start} --seeds ${seed}${trunc}${ofClass}${mode}${level}`;
  return { command, missing: missing.length === 0 ? null : `The line leaves out ${missing.join(", ")}.` };
}

/** [0, 1, 2, 5] -> 0-2,5 */
export function ranges(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts: [number, number][] = [];
  for (const n of sorted) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

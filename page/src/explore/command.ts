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

/** `directionsFile` is the file that the directions came from; null for SeFa's. */
export function commandOf(
  spec: ImageSpec,
  model: ModelInfo,
  isBundled: boolean,
  directionsFile: string | null,
): CommandText {
  const { seed, psi, cutoff, label, lod, noise, blend, mix, directions, styles, w } = spec;
  const isMix = mix.length > 0;
  const isDrawn = typeof noise === "number";
  const missing = [
    ...(w !== null ? ["its own w"] : blend !== null ? ["the blend of four seeds"] : []),
    ...(cutoff !== null && isMix ? ["the cutoff"] : []),
    ...(isDrawn && noise !== seed ? ["noise of another seed than the image's"] : []),
    ...(isMix && (isDrawn || new Set(mix.map(([, other]) => other)).size > 1 || (lod ?? model.lod) !== model.lod)
      ? ["all of the mixing"]
      : []),
  ];
  const signed = (value: number): string => `${value < 0 ? "" : "+"}${Math.round(value * 1000) / 1000}`;
  const edits = [
    ...directions.map(
      ({ index, strength, first, last }) =>
        ` --edit "${directionsFile ?? "directions.npz"}:${index}@${first}-${last}=${signed(strength)}"`,
    ),
    ...styles.map(({ layer, channel, add }) => ` --style "${layer}[${channel}]=${signed(add)}"`),
  ].join("");
  const cut = cutoff === null || isMix ? "" : ` --trunc-cutoff ${cutoff}`;
  const trunc = psi === 1 ? "" : ` --trunc ${psi}`;
  const ofClass = model.classes > 0 ? ` --class ${label}` : "";
  const mode = noise === "const" ? "" : ` --noise-mode ${noise === "none" ? "none" : "random"}`;
  const level = model.lod !== null && lod !== null ? ` --lod ${lod}` : "";
  const start = `stylegan ${isMix ? "mix" : "generate"}${network(model, isBundled)}`;
  const command = isMix
    ? `${start} --rows ${seed} --cols ${mix[0][1]} --styles ${ranges(mix.map(([layer]) => layer))}${trunc}${ofClass}${mode}${edits}`
    : `${start} --seeds ${seed}${trunc}${cut}${ofClass}${mode}${level}${edits}`;
  const notes = [
    ...(missing.length === 0 ? [] : [`The line leaves out ${missing.join(", ")}.`]),
    ...(directions.length === 0 || directionsFile !== null
      ? []
      : ["directions.npz: stylegan directions find --method sefa directions.npz."]),
  ];
  return { command, missing: notes.length === 0 ? null : notes.join(" ") };
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

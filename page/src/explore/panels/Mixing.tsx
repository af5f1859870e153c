/** Style mixing: some layers take their w from another seed (StyleGAN, section 3.1). */
import { useState } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { ImageSpec, ModelInfo } from "../../engine/protocol.js";
import { Pixels } from "../../ui/canvas.js";
import { NumberField, Section } from "../../ui/controls.js";
import { MAX_SEED } from "../link.js";
import { useThumbs } from "../Thumb.js";
import type { PanelProps } from "./Seed.js";

/** The resolution at which layer `layer` works; the last w is that of the last toRgb. */
export const resolutionOf = (layer: number, numWs: number): number =>
  4 * 2 ** Math.floor((Math.min(layer, numWs - 2) + 1) / 2);

/** Coarse: 4 and 8; middle: 16 and 32; fine: the rest (StyleGAN, figure 3). */
export function layerGroups({
  numWs,
}: Pick<ModelInfo, "numWs">): readonly (readonly [name: string, layers: readonly number[]])[] {
  const all = Array.from({ length: numWs }, (_, layer) => layer);
  const within = (from: number, to: number): number[] =>
    all.filter((layer) => resolutionOf(layer, numWs) >= from && resolutionOf(layer, numWs) <= to);
  return [
    ["Coarse", within(4, 8)],
    ["Middle", within(16, 32)],
    ["Fine", within(64, 1 << 16)],
  ].filter(([, layers]) => layers.length > 0) as [string, number[]][];
}

export function mixWith(spec: ImageSpec, layers: readonly number[], seed: number): ImageSpec["mix"] {
  const others = spec.mix.filter(([layer]) => !layers.includes(layer));
  return [...others, ...layers.map((layer) => [layer, seed] as const)].sort(([a], [b]) => a - b);
}

const COLUMNS = 4;
const ROWS = 3;

export function Mixing({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const [source, setSource] = useState(spec.mix[0]?.[1] ?? 1);
  const [isMatrix, setMatrix] = useState(false);
  const taken = new Map(spec.mix);
  const put = (mix: ImageSpec["mix"]): void => void session.change({ mix });
  const toggle = (layer: number): void => {
    if (taken.has(layer)) put(spec.mix.filter(([other]) => other !== layer));
    else put(mixWith(spec, [layer], source));
  };
  const layers = Array.from({ length: model.numWs }, (_, layer) => layer);
  return (
    <Section title="Mix styles" testId="section-mix">
      <NumberField
        label="Seed that the styles come from"
        hint="The layers ticked below take their w from this seed: coarse layers give pose and shape, fine ones colour."
        value={source}
        min={0}
        max={MAX_SEED}
        testId="mix-seed"
        onInput={(seed) => {
          setSource(seed);
          if (spec.mix.length > 0) put(spec.mix.map(([layer]) => [layer, seed] as const));
        }}
      />
      <div class="row">
        {layerGroups(model).map(([name, group]) => (
          <button
            key={name}
            type="button"
            aria-pressed={group.every((layer) => taken.has(layer))}
            onClick={() =>
              group.every((layer) => taken.has(layer))
                ? put(spec.mix.filter(([layer]) => !group.includes(layer)))
                : put(mixWith(spec, group, source))
            }
          >
            {name}
          </button>
        ))}
        <button type="button" disabled={spec.mix.length === 0} onClick={() => put([])}>
          None
        </button>
      </div>
      <fieldset class="boxes">
        <legend>Layers</legend>
        {layers.map((layer) => (
          <label key={layer}>
            <input
              type="checkbox"
              checked={taken.has(layer)}
              data-testid={`mix-${layer}`}
              onChange={() => toggle(layer)}
            />
            <span>{layer}</span>
            <span class="small">{resolutionOf(layer, model.numWs)}²</span>
          </label>
        ))}
      </fieldset>
      <button type="button" aria-expanded={isMatrix} onClick={() => setMatrix(!isMatrix)}>
        {isMatrix ? "Hide the matrix" : "Show a matrix of mixtures"}
      </button>
      {isMatrix && <Matrix session={session} model={model} source={source} choose={setSource} />}
    </Section>
  );
}

/** Rows: this image and its neighbours; columns: where the styles come from. */
function Matrix({
  session,
  model,
  source,
  choose,
}: PanelProps & { readonly source: number; readonly choose: (seed: number) => void }) {
  const { spec } = useStore(session.store);
  const chosen = spec.mix.length > 0 ? spec.mix.map(([layer]) => layer) : layerGroups(model)[0][1];
  const rows = Array.from({ length: ROWS }, (_, k) => (spec.seed + k) % (MAX_SEED + 1));
  const columns = Array.from({ length: COLUMNS }, (_, k) => (source + k) % (MAX_SEED + 1));
  const cells = rows.flatMap((row) => [{ row, column: null }, ...columns.map((column) => ({ row, column }))]);
  const heads = columns.map((column) => ({ row: column, column: null }));
  const all = [...heads, ...cells];
  const specs = all.map(
    ({ row, column }): ImageSpec => ({
      ...spec,
      seed: row,
      blend: null,
      w: null,
      mix: column === null ? [] : chosen.map((layer) => [layer, column] as const),
    }),
  );
  const pictures = useThumbs(
    session,
    "matrix",
    specs,
    JSON.stringify([model.name, all, chosen, spec.psi, spec.label, spec.noise]),
    64,
  );
  return (
    <table class="matrix">
      <caption class="small">Rows keep the layers that are not ticked; columns give those that are.</caption>
      <thead>
        <tr>
          <td />
          {columns.map((column, k) => (
            <th key={column} scope="col">
              <Pixels picture={pictures[k] ?? null} label={`Seed ${column}`} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, at) => (
          <tr key={row}>
            {[null, ...columns].map((column, k) => {
              const picture = pictures[COLUMNS + at * (COLUMNS + 1) + k] ?? null;
              if (column === null)
                return (
                  <th key="head" scope="row">
                    <Pixels picture={picture} label={`Seed ${row}`} />
                  </th>
                );
              return (
                <td key={column}>
                  <button
                    type="button"
                    class="thumb"
                    aria-label={`Seed ${row} with the styles of ${column}`}
                    onClick={() => {
                      choose(column);
                      void session.change({
                        seed: row,
                        blend: null,
                        w: null,
                        mix: chosen.map((layer) => [layer, column] as const),
                      });
                    }}
                  >
                    <Pixels picture={picture} label="" />
                  </button>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Looks into the network: feature maps, their strengths, styles, and what each resolution gives the image. */
import { useEffect, useState } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { Contribution, LayerView, Picture } from "../../engine/protocol.js";
import { Bars } from "../../ui/Bars.js";
import { Pixels } from "../../ui/canvas.js";
import { Section, Select, Slider } from "../../ui/controls.js";
import type { PanelProps } from "./Seed.js";

export function Layers({ session, model }: PanelProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Section title="Look into a layer" testId="section-layers" onToggle={setOpen}>
      {isOpen && <Inside session={session} model={model} />}
    </Section>
  );
}

function Inside({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const [layer, setLayer] = useState(model.layers[Math.min(2, model.layers.length - 1)]);
  const [channel, setChannel] = useState(0);
  const [view, setView] = useState<LayerView | null>(null);
  const [map, setMap] = useState<Picture | null>(null);
  const [parts, setParts] = useState<readonly Contribution[]>([]);
  const known = model.layers.includes(layer) ? layer : model.layers[0];
  const shown = view === null ? 0 : Math.min(channel, view.channels - 1);

  useEffect(() => {
    const timer = setTimeout(async () => {
      try {
        const seen = await session.engine.latest("layer", "layer", { spec, layer: known });
        if (seen === null) return;
        setView(seen);
        setMap(
          await session.engine.latest("map", "map", {
            spec,
            layer: known,
            channel: Math.min(channel, seen.channels - 1),
          }),
        );
        const given = await session.engine.latest("contributions", "contributions", { spec });
        if (given !== null) setParts(given);
      } catch (error) {
        session.fail(error);
      }
    }, 60);
    return () => clearTimeout(timer);
  }, [session, model, spec, known, channel]);

  const styleOf = spec.styles.find((one) => one.layer === known && one.channel === channel)?.add ?? 0;
  const editStyle = (add: number): void => {
    const others = spec.styles.filter((one) => one.layer !== known || one.channel !== channel);
    void session.change({ styles: add === 0 ? others : [...others, { layer: known, channel, add }] });
  };
  const choose = (event: MouseEvent & { readonly currentTarget: HTMLElement }): void => {
    if (view === null) return;
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    const rows = Math.ceil(view.channels / view.columns);
    const column = Math.floor(((event.clientX - left) / width) * view.columns);
    const row = Math.floor(((event.clientY - top) / height) * rows);
    setChannel(Math.min(view.channels - 1, row * view.columns + column));
  };
  const strongest = Math.max(1e-6, ...parts.map(({ deviation }) => deviation));
  return (
    <>
      <Select
        label="Layer"
        hint="Feature maps after the layer's activation, of the image on the screen."
        value={known}
        options={model.layers.map((name) => [name, `${name.replace(".", ", ").replace("b", "")}`] as const)}
        testId="layer"
        onInput={setLayer}
      />
      {view !== null && (
        <>
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: the slider below chooses a map by keyboard */}
          {/* biome-ignore lint/a11y/noStaticElementInteractions: the same */}
          <div class="sheet" onClick={choose}>
            <Pixels
              picture={view.sheet}
              label={`${view.channels} feature maps of ${view.side} by ${view.side} pixels`}
              testId="sheet"
            />
          </div>
          <p class="small">
            {view.channels} maps of {view.side}×{view.side}. Blue is negative, red positive; each has its own scale.
          </p>
          <Slider
            label="Map"
            value={shown}
            min={0}
            max={view.channels - 1}
            step={1}
            testId="channel"
            onInput={setChannel}
          />
          <div class="pair">
            <figure>
              <Pixels picture={map} label={`Map ${shown} of ${known}`} testId="map" />
              <figcaption class="small">Map {shown}</figcaption>
            </figure>
            <figure>
              <Pixels picture={view.norm} label="The norm over all maps for each pixel" testId="norm" />
              <figcaption class="small">
                Norm of each pixel; the largest is {view.normPeak.toFixed(1)} medians
              </figcaption>
            </figure>
          </div>
          <dl class="facts">
            <dt>Mean</dt>
            <dd>{view.mean[shown]?.toFixed(3)}</dd>
            <dt>Deviation</dt>
            <dd>{view.deviation[shown]?.toFixed(3)}</dd>
            <dt>Largest</dt>
            <dd>{view.largest[shown]?.toFixed(3)}</dd>
          </dl>
          <Bars
            label={`Deviation of each map of ${known}`}
            values={view.deviation}
            chosen={shown}
            onChoose={setChannel}
          />
          {view.styles.length > 0 && (
            <>
              <Bars
                label={`Styles of ${known}: ${view.styles.length} numbers, affine(w)`}
                values={view.styles}
                chosen={Math.min(channel, view.styles.length - 1)}
                onChoose={setChannel}
              />
              <Slider
                label={`Add to style ${Math.min(channel, view.styles.length - 1)}`}
                hint="StyleSpace: one number of the layer's style vector, turned up or down."
                value={styleOf}
                min={-10}
                max={10}
                step={0.1}
                testId="style"
                onInput={editStyle}
              />
              {spec.styles.length > 0 && (
                <button type="button" onClick={() => void session.change({ styles: [] })}>
                  Undo all style edits ({spec.styles.length})
                </button>
              )}
            </>
          )}
        </>
      )}
      {parts.length > 0 && (
        <>
          <h3>What each resolution gives</h3>
          <ul class="parts" data-testid="contributions">
            {parts.map(({ resolution, picture, deviation }) => (
              <li key={resolution}>
                <Pixels picture={picture} label={`What ${resolution} by ${resolution} gives`} />
                <span>{resolution}²</span>
                <meter
                  min={0}
                  max={strongest}
                  value={deviation}
                  aria-label={`Deviation of what ${resolution} by ${resolution} gives`}
                />
                <span class="small">{deviation.toFixed(2)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

/** Four seeds at the corners of a square, and the image at a place between them: bilinear in w. */
import { useRef } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { Blend as BlendSpec } from "../../engine/protocol.js";
import { Pixels } from "../../ui/canvas.js";
import { NumberField, Section, Slider } from "../../ui/controls.js";
import { MAX_SEED, usualSpec } from "../link.js";
import { useThumbs } from "../Thumb.js";
import type { PanelProps } from "./Seed.js";

const corners = ["Top left", "Top right", "Bottom left", "Bottom right"] as const;

export function Blend({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const pad = useRef<HTMLDivElement>(null);
  const { seed, psi, label, lod } = spec;
  const next = (k: number): number => (seed + k) % (MAX_SEED + 1);
  const blend: BlendSpec = spec.blend ?? { seeds: [seed, next(1), next(2), next(3)], x: 0, y: 0 };
  const change = (patch: Partial<BlendSpec>): void => void session.change({ blend: { ...blend, ...patch }, w: null });
  const pictures = useThumbs(
    session,
    "blend",
    blend.seeds.map((corner) => ({ ...usualSpec, seed: corner, psi, label, lod })),
    JSON.stringify([model.name, blend.seeds, psi, label, lod]),
    64,
  );
  const place = (event: PointerEvent): void => {
    const { left, top, width, height } = pad.current!.getBoundingClientRect();
    const inside = (at: number): number => Math.round(1000 * Math.min(1, Math.max(0, at))) / 1000;
    change({ x: inside((event.clientX - left) / width), y: inside((event.clientY - top) / height) });
  };
  return (
    <Section title="Blend four seeds" testId="section-blend">
      <div
        class="pad"
        ref={pad}
        data-testid="pad"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          place(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && place(event)}
      >
        {corners.map((corner, k) => (
          <Pixels key={corner} picture={pictures[k] ?? null} label={`${corner}: seed ${blend.seeds[k]}`} />
        ))}
        <span class="knob" style={{ left: `${100 * blend.x}%`, top: `${100 * blend.y}%` }} />
      </div>
      <Slider
        label="Across"
        value={blend.x}
        min={0}
        max={1}
        step={0.01}
        testId="blend-x"
        onInput={(x) => change({ x })}
      />
      <Slider
        label="Down"
        value={blend.y}
        min={0}
        max={1}
        step={0.01}
        testId="blend-y"
        onInput={(y) => change({ y })}
      />
      <div class="pair">
        {corners.map((corner, k) => (
          <NumberField
            key={corner}
            label={corner}
            value={blend.seeds[k]}
            min={0}
            max={MAX_SEED}
            testId={`blend-${k}`}
            onInput={(value) =>
              change({ seeds: blend.seeds.map((old, at) => (at === k ? value : old)) as unknown as BlendSpec["seeds"] })
            }
          />
        ))}
      </div>
      {spec.blend !== null && (
        <button type="button" onClick={() => void session.change({ blend: null })}>
          Back to one seed
        </button>
      )}
    </Section>
  );
}

/** Directions in w: SeFa's, in closed form from the weights, or those of a file; each with its layers. */
import { useEffect, useState } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { DirectionEdit } from "../../engine/protocol.js";
import { FileDrop, Section, Slider } from "../../ui/controls.js";
import type { PanelProps } from "./Seed.js";

export function Directions({ session, model }: PanelProps) {
  const { spec, directions } = useStore(session.store);
  const [index, setIndex] = useState(0);
  const [isOpen, setOpen] = useState(spec.directions.length > 0);
  const last = model.numWs - 1;
  const edit = spec.directions.find((one) => one.index === index) ?? { index, strength: 0, first: 0, last };
  const count = directions?.count ?? 0;

  const find = async (file: File | null): Promise<void> => {
    await session.useDirections(file);
    setIndex(0);
  };
  useEffect(() => {
    // Those of a link are found with its image.
    if (isOpen && directions === null && spec.directions.length === 0) void session.useDirections(null);
  }, [model, isOpen]);

  const change = (patch: Partial<DirectionEdit>): void => {
    const next = { ...edit, ...patch };
    const others = spec.directions.filter((one) => one.index !== index);
    void session.change({ directions: next.strength === 0 ? others : [...others, next] });
  };
  return (
    <Section title="Directions" open={isOpen} testId="section-directions" onToggle={setOpen}>
      {count > 0 && (
        <>
          <p class="small" data-testid="directions-source">
            {count} directions. {directions?.file ?? "SeFa: where the styles change most for a step in w"}.
          </p>
          <Slider
            label="Direction"
            hint="Sorted: the first ones change the image most."
            value={index}
            min={0}
            max={count - 1}
            step={1}
            testId="direction"
            onInput={setIndex}
          />
          <Slider
            label="How far"
            hint="Added to w; 0 leaves it."
            value={edit.strength}
            min={-5}
            max={5}
            step={0.1}
            testId="strength"
            onInput={(strength) => change({ strength })}
          />
          <div class="pair">
            <Slider
              label="From layer"
              value={edit.first}
              min={0}
              max={last}
              step={1}
              testId="first"
              onInput={(first) => change({ first, last: Math.max(first, edit.last) })}
            />
            <Slider
              label="To layer"
              value={edit.last}
              min={0}
              max={last}
              step={1}
              testId="last"
              onInput={(to) => change({ last: to, first: Math.min(to, edit.first) })}
            />
          </div>
          {spec.directions.length > 0 && (
            <button type="button" onClick={() => void session.change({ directions: [] })}>
              Undo all directions ({spec.directions.length})
            </button>
          )}
        </>
      )}
      <FileDrop
        label="Choose or drop directions"
        accept=".npz,.npy,.pt"
        testId="directions-file"
        onFile={(file) => void find(file)}
      />
      {directions?.file && (
        <button type="button" onClick={() => void find(null)}>
          Back to SeFa
        </button>
      )}
    </Section>
  );
}

/** Directions in w: SeFa's, in closed form from the weights, or those of a file; each with its layers. */
import { useEffect, useState } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { DirectionEdit } from "../../engine/protocol.js";
import { FileField, Section, Slider } from "../../ui/controls.js";
import type { PanelProps } from "./Seed.js";

export function Directions({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const [count, setCount] = useState(0);
  const [source, setSource] = useState("");
  const [index, setIndex] = useState(0);
  const [isOpen, setOpen] = useState(spec.directions.length > 0);
  const last = model.numWs - 1;
  const edit = spec.directions.find((one) => one.index === index) ?? { index, strength: 0, first: 0, last };

  const find = async (file: File | null): Promise<void> => {
    try {
      const found = await session.engine.call("directions", { file, layers: null });
      setCount(found!.count);
      setIndex(0);
      setSource(file === null ? "SeFa: where the styles change most for a step in w" : file.name);
      if (file !== null && spec.directions.length > 0) await session.change({ directions: [] });
      else if (spec.directions.length > 0) await session.render();
    } catch (error) {
      session.fail(error);
    }
  };
  useEffect(() => {
    setCount(0);
    if (isOpen) void find(null);
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
            {count} directions. {source}.
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
      <div class="row">
        <FileField
          label="Directions from a file"
          accept=".npz,.npy,.pt"
          testId="directions-file"
          onFile={(file) => void find(file)}
        />
        <button type="button" onClick={() => void find(null)}>
          SeFa
        </button>
      </div>
    </Section>
  );
}

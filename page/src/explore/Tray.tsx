/** A row of other faces: choose one, or drag it onto the image to mix the two. */
import { useState } from "preact/hooks";
import { useStore } from "../app/store.js";
import type { ModelInfo } from "../engine/protocol.js";
import { Pixels } from "../ui/canvas.js";
import { usualSpec } from "./link.js";
import type { Session } from "./session.js";
import { useThumbs } from "./Thumb.js";

const COUNT = 8;
/** What a dragged face is, in the clipboard's terms. */
export const SEED_TYPE = "application/x-stylegan-seed";

export function Tray({ session, model }: { readonly session: Session; readonly model: ModelInfo }) {
  const { spec } = useStore(session.store);
  const [first, setFirst] = useState(0);
  const seeds = Array.from({ length: COUNT }, (_, k) => first + k);
  const { psi, label, lod } = spec;
  const specs = seeds.map((seed) => ({ ...usualSpec, seed, psi, label, lod }));
  const pictures = useThumbs(session, "tray", specs, JSON.stringify([model.name, first, psi, label, lod]));
  return (
    <div class="tray">
      <button
        type="button"
        class="step"
        aria-label="Faces before"
        disabled={first === 0}
        onClick={() => setFirst(Math.max(0, first - COUNT))}
      >
        ‹
      </button>
      <ul aria-label="Other seeds">
        {seeds.map((seed, k) => (
          <li key={seed}>
            <button
              type="button"
              class="thumb"
              aria-label={`Seed ${seed}`}
              aria-pressed={spec.seed === seed && spec.blend === null && spec.w === null}
              title={`Seed ${seed}. Drag it onto the image to mix its styles in.`}
              draggable
              onDragStart={(event) => event.dataTransfer?.setData(SEED_TYPE, String(seed))}
              onClick={() => void session.change({ seed, blend: null, w: null })}
            >
              <Pixels picture={pictures[k] ?? null} label="" />
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="step" aria-label="More faces" onClick={() => setFirst(first + COUNT)}>
        ›
      </button>
    </div>
  );
}

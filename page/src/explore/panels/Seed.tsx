/** Which image: seed, truncation, class, level of detail, noise. */

import { useStore } from "../../app/store.js";
import type { ImageSpec, ModelInfo } from "../../engine/protocol.js";
import { Choice, NumberField, Section, Slider } from "../../ui/controls.js";
import { MAX_SEED } from "../link.js";
import type { Session } from "../session.js";

export interface PanelProps {
  readonly session: Session;
  readonly model: ModelInfo;
}

export function Seed({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const change = (patch: Partial<ImageSpec>): void => void session.change(patch);
  const { numWs, classes, lod: storedLod, resolution, hasAverage } = model;
  const coarsest = Math.log2(resolution) - 2;
  const noiseKind = typeof spec.noise === "number" ? "seed" : spec.noise;
  return (
    <Section title="Image" open>
      <NumberField
        label="Seed"
        hint="Which latent z: numpy's RandomState of this seed, as in the official tools."
        value={spec.seed}
        min={0}
        max={MAX_SEED}
        testId="seed"
        onInput={(seed) => change({ seed, blend: null, w: null })}
      >
        <button
          type="button"
          class="step"
          aria-label="Seed before"
          onClick={() => change({ seed: Math.max(0, spec.seed - 1), blend: null, w: null })}
        >
          ‹
        </button>
        <button
          type="button"
          class="step"
          aria-label="Next seed"
          onClick={() => change({ seed: Math.min(MAX_SEED, spec.seed + 1), blend: null, w: null })}
        >
          ›
        </button>
        <button type="button" onClick={() => change({ seed: Math.floor(Math.random() * 10000), blend: null, w: null })}>
          Any
        </button>
      </NumberField>
      <Slider
        label="Truncation ψ"
        hint="Pulls w towards the average: less variety and better images below 1, the average itself at 0, its opposite below."
        value={spec.psi}
        min={-1}
        max={1.5}
        step={0.01}
        disabled={!hasAverage}
        testId="psi"
        onInput={(psi) => change({ psi })}
      />
      <Slider
        label="Cutoff"
        hint="Truncates only the first layers, the coarse ones."
        value={spec.cutoff ?? numWs}
        min={0}
        max={numWs}
        step={1}
        disabled={!hasAverage}
        testId="cutoff"
        format={(layers) => (layers === numWs ? "all layers" : `${layers} of ${numWs}`)}
        onInput={(layers) => change({ cutoff: layers === numWs ? null : layers })}
      />
      {classes > 0 && (
        <NumberField
          label={`Class, 0 to ${classes - 1}`}
          value={spec.label}
          min={0}
          max={classes - 1}
          testId="class"
          onInput={(label) => change({ label })}
        />
      )}
      {storedLod !== null && (
        <Slider
          label="Level of detail"
          hint="0 is the full resolution, 1 half of it; fractions fade between the two, as the network did while it grew."
          value={spec.lod ?? storedLod}
          min={0}
          max={coarsest}
          step={0.05}
          testId="lod"
          onInput={(lod) => change({ lod: lod === storedLod ? null : lod })}
        />
      )}
      <Choice
        label="Noise"
        hint="The maps stored with the network, none, or drawn from a seed: hair and freckles, not who it is."
        value={noiseKind}
        options={[
          ["const", "Stored"],
          ["none", "None"],
          ["seed", "Seed"],
        ]}
        testId="noise"
        onInput={(kind) => change({ noise: kind === "seed" ? spec.seed : kind })}
      />
      {typeof spec.noise === "number" && (
        <NumberField
          label="Seed of the noise"
          value={spec.noise}
          min={0}
          max={MAX_SEED}
          testId="noise-seed"
          onInput={(noise) => change({ noise })}
        />
      )}
    </Section>
  );
}

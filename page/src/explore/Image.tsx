/** The image, what it is, and what one can take away from it. */
import { useState } from "preact/hooks";
import { useStore } from "../app/store.js";
import { Pixels } from "../ui/canvas.js";
import { copyText, save } from "../ui/files.js";
import { commandOf } from "./command.js";
import { layerGroups, mixWith } from "./panels/Mixing.js";
import type { Session } from "./session.js";
import { SEED_TYPE, Tray } from "./Tray.js";

export function Image({ session }: { readonly session: Session }) {
  const { picture, spec, model, message, phase, isBundled, address, directions } = useStore(session.store);
  const [note, setNote] = useState("");
  const isUnfinished = picture !== null && !picture.isFinal;
  const what =
    spec.w !== null ? "a latent of its own" : spec.blend !== null ? "a blend of four seeds" : `seed ${spec.seed}`;
  const directionsFile = directions?.file ?? null;
  const tell = (text: string): void => {
    setNote(text);
    setTimeout(() => setNote(""), 4000);
  };
  const attempt = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      session.fail(error);
    }
  };
  const savePng = (): Promise<void> =>
    attempt(async () => {
      const png = await session.png();
      if (png !== null)
        save(
          new Blob([png], { type: "image/png" }),
          `${spec.blend === null && spec.w === null ? `seed${String(spec.seed).padStart(4, "0")}` : "image"}.png`,
        );
    });
  const copyLink = (): Promise<void> =>
    attempt(async () => {
      await copyText(session.link);
      const notes = [
        ...(isBundled || address !== null
          ? []
          : ["The checkpoint is a file of this machine: whoever follows the link has to open it, too."]),
        ...(directionsFile === null || spec.directions.length === 0
          ? []
          : [`The directions of ${directionsFile} are not in it: SeFa's stand in their place.`]),
      ];
      tell(notes.length === 0 ? "Link copied: it shows this very image." : `Link copied. ${notes.join(" ")}`);
    });
  const copyCommand = (): Promise<void> =>
    attempt(async () => {
      const { command, missing } = commandOf(spec, model!, isBundled, directionsFile);
      await copyText(command);
      tell(missing === null ? `Copied: ${command}` : `Copied: ${command}. ${missing}`);
    });
  return (
    <section class="stage" aria-label="Image">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a place to drop faces; "Mix styles" does the same by keyboard */}
      <div
        class={`frame ${isUnfinished ? "is-unfinished" : ""}`}
        onDragOver={(event) => event.dataTransfer?.types.includes(SEED_TYPE) && event.preventDefault()}
        onDrop={(event) => {
          const seed = event.dataTransfer?.getData(SEED_TYPE) ?? "";
          if (seed === "" || model === null) return;
          event.preventDefault();
          const layers =
            spec.mix.length > 0
              ? spec.mix.map(([layer]) => layer)
              : layerGroups(model)
                  .slice(1)
                  .flatMap(([, group]) => group);
          void session.change({ mix: mixWith(spec, layers, Number(seed)) });
        }}
      >
        <Pixels picture={picture} label={`The image of ${what}, psi ${spec.psi}`} testId="image" />
        {isUnfinished && (
          <span
            class="badge"
            title={
              picture.isGuess
                ? "This network has no image before its last layer: this one is guessed from features, as earlier images taught."
                : undefined
            }
          >
            {picture.width} of {model?.resolution} pixels so far{picture.isGuess && ", guessed"}
          </span>
        )}
      </div>
      <p class={`status ${phase}`} role="status" data-testid="status">
        {message}
      </p>
      {model !== null && <Tray session={session} model={model} />}
      <div class="actions">
        <button type="button" onClick={savePng} disabled={model === null} data-testid="save-png">
          Save PNG
        </button>
        <button type="button" onClick={copyLink} disabled={model === null} data-testid="copy-link">
          Copy link
        </button>
        <button type="button" onClick={copyCommand} disabled={model === null} data-testid="copy-command">
          Copy as command
        </button>
      </div>
      <p class="note" aria-live="polite" data-testid="note">
        {note}
      </p>
    </section>
  );
}

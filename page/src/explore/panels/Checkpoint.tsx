/** Which network: the bundled one, a file, or an address in the link. */
import { useStore } from "../../app/store.js";
import { FileField, Section } from "../../ui/controls.js";
import { BUNDLED, type Session } from "../session.js";

const kinds = {
  skip: "StyleGAN2, skip",
  orig: "StyleGAN2, plain",
  resnet: "StyleGAN2, residual",
  stylegan1: "StyleGAN",
  growing: "StyleGAN2, growing",
};

export function Checkpoint({ session }: { readonly session: Session }) {
  const { model, isBundled } = useStore(session.store);
  return (
    <Section title="Checkpoint" open>
      {model !== null && (
        <dl class="facts">
          <dt>File</dt>
          <dd>{isBundled ? "The bundled faces" : model.name}</dd>
          <dt>Network</dt>
          <dd>
            {kinds[model.kind]}, {model.resolution}×{model.resolution}
          </dd>
          <dt>Parameters</dt>
          <dd>{model.parameters.toLocaleString("en")}</dd>
          <dt>Read as</dt>
          <dd>{model.format}</dd>
        </dl>
      )}
      <FileField label="Open a checkpoint" testId="checkpoint" onFile={(file) => void session.open(file)} />
      <p class="small">
        .pkl, .pt or .safetensors, or drop one anywhere on this page. It stays on this machine, and nothing in it is
        executed.
      </p>
      {!isBundled && (
        <button type="button" onClick={() => void session.open(new URL(BUNDLED, document.baseURI).href)}>
          Back to the bundled faces
        </button>
      )}
    </Section>
  );
}

/** Projection: the w whose image is most like a given picture (StyleGAN2, appendix D), live. */
import { useRef, useState } from "preact/hooks";
import type { Picture, Projected } from "../../engine/protocol.js";
import { Pixels } from "../../ui/canvas.js";
import { FileDrop, Section, Slider } from "../../ui/controls.js";
import type { PanelProps } from "./Seed.js";

/** The middle of a picture at `side` pixels, on white where it is transparent. */
async function centred(file: Blob, side: number): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that the browser can read.");
  }
  const size = Math.min(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (bitmap.width - size) / 2, (bitmap.height - size) / 2, size, size, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  return { width: side, height: side, data: new Uint8ClampedArray(data) };
}

export function Project({ session, model }: PanelProps) {
  const [target, setTarget] = useState<Picture | null>(null);
  const [steps, setSteps] = useState(200);
  const [found, setFound] = useState<Projected | null>(null);
  const [isRunning, setRunning] = useState(false);
  const [note, setNote] = useState("");
  const stop = useRef<AbortController | null>(null);

  const run = async (picture: Picture): Promise<void> => {
    stop.current?.abort();
    const controller = new AbortController();
    stop.current = controller;
    setRunning(true);
    setFound(null);
    setNote("");
    try {
      const copy = { ...picture, data: new Uint8ClampedArray(picture.data) };
      const options = { signal: controller.signal, keepsResult: true, onPartial: setFound };
      const result = await session.engine.call("project", { target: copy, steps }, options);
      if (stop.current !== controller) return;
      if (result !== null) {
        setFound(result);
        await session.change({ w: result.w, psi: 1, cutoff: null, blend: null, mix: [], directions: [], styles: [] });
      }
    } catch (error) {
      setNote((error as Error).message);
    }
    if (stop.current === controller) setRunning(false);
  };
  const open = async (file: Blob): Promise<void> => {
    try {
      const picture = await centred(file, model.resolution);
      setTarget(picture);
      await run(picture);
    } catch (error) {
      setNote((error as Error).message);
    }
  };
  return (
    <Section title="Project a picture" testId="section-project">
      <p class="small">
        Finds the w whose image is most like yours, by gradient descent on the pixels. The bundled faces know nothing
        but drawings.
      </p>
      <FileDrop
        label="Choose or drop a picture"
        accept="image/*"
        testId="project-file"
        onFile={(file) => void open(file)}
      />
      <Slider label="Steps" value={steps} min={50} max={1000} step={50} testId="project-steps" onInput={setSteps} />
      {target !== null && (
        <div class="pair">
          <figure>
            <Pixels picture={target} label="The picture" />
            <figcaption class="small">The picture</figcaption>
          </figure>
          <figure>
            <Pixels picture={found?.picture ?? null} label="What has been found" testId="projected" />
            <figcaption class="small">
              {found === null ? "Beginning" : `Step ${found.step}, error ${found.distance.toFixed(4)}`}
            </figcaption>
          </figure>
        </div>
      )}
      {isRunning && (
        <button type="button" onClick={() => stop.current?.abort()}>
          Stop, and take what there is
        </button>
      )}
      <p class="small" role="status" data-testid="project-note">
        {note ||
          (found !== null && !isRunning ? "The image on the screen is the projection: edit it as any other." : "")}
      </p>
    </Section>
  );
}

/** Interpolation between keys: play it, or take it away as a file. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useStore } from "../../app/store.js";
import type { FilmSpec, ImageSpec } from "../../engine/protocol.js";
import { Pixels } from "../../ui/canvas.js";
import { Choice, Section, Slider } from "../../ui/controls.js";
import { save } from "../../ui/files.js";
import { useThumbs } from "../Thumb.js";
import type { PanelProps } from "./Seed.js";

const SECONDS_PER_KEY = 1.2;

export function Film({ session, model }: PanelProps) {
  const { spec } = useStore(session.store);
  const [keys, setKeys] = useState<readonly ImageSpec[]>([]);
  const [kind, setKind] = useState<FilmSpec["kind"]>("cubic");
  const [loop, setLoop] = useState("loop");
  const [fps, setFps] = useState(30);
  const [position, setPosition] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const [progress, setProgress] = useState("");
  const stop = useRef<AbortController | null>(null);
  const film: FilmSpec = { keys, kind, loop: loop === "loop" };
  const count = film.loop ? keys.length : keys.length - 1;
  const frames = Math.max(2, Math.round(count * SECONDS_PER_KEY * fps));
  const pictures = useThumbs(
    session,
    "keys",
    keys,
    JSON.stringify([model.name, keys.map(({ w, ...key }) => [key, w?.join()])]),
    64,
  );

  useEffect(() => setKeys([]), [model]);
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => {
    if (!isPlaying) return;
    let isOver = false;
    let at = position;
    let last = performance.now();
    const play = async (): Promise<void> => {
      while (!isOver) {
        const picture = await session.engine.call("frame", { film, position: at });
        if (isOver || picture === null) return;
        session.show(picture);
        setPosition(at);
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        at += (now - last) / 1000 / SECONDS_PER_KEY;
        last = now;
        if (at >= count) {
          if (!film.loop) return setPlaying(false);
          at -= count;
        }
      }
    };
    play().catch((error: unknown) => session.fail(error));
    return () => {
      isOver = true;
    };
  }, [isPlaying, kind, loop, keys]);

  const seek = async (to: number): Promise<void> => {
    setPosition(to);
    try {
      const picture = await session.engine.latest("frame", "frame", { film, position: to });
      if (picture !== null) session.show(picture);
    } catch (error) {
      session.fail(error);
    }
  };
  /** Runs an export, which can be stopped. */
  const take = async (name: string, make: (signal: AbortSignal) => Promise<Blob | null>): Promise<void> => {
    const controller = new AbortController();
    stop.current = controller;
    setPlaying(false);
    setProgress("Drawing");
    try {
      const blob = await make(controller.signal);
      if (blob !== null) save(blob, name);
      setProgress(blob === null ? "Stopped" : `${name}: ${(blob.size / 1000).toFixed(0)} kB, ${frames} frames`);
    } catch (error) {
      setProgress((error as Error).message);
    }
    stop.current = null;
  };
  const takeFilm = (format: "png" | "gif"): Promise<void> =>
    take(format === "png" ? "interpolation.png" : "interpolation.gif", async (signal) => {
      const onPartial = ({ done }: { readonly done: number }): void => setProgress(`${done} of ${frames} frames`);
      const args = { film, format, frames, fps } as const;
      const chunks = await session.engine.call("film", args, { signal, onPartial });
      return chunks === null ? null : new Blob([...chunks], { type: `image/${format}` });
    });
  const takeVideo = (format: "mp4" | "webm"): Promise<void> =>
    take(`interpolation.${format}`, async (signal) => {
      const { encodeVideo } = await import("../video.js");
      return encodeVideo({
        ...{ format, fps, frames, signal, side: model.resolution },
        frame: (k) => {
          setProgress(`${k + 1} of ${frames} frames`);
          const at = film.loop ? (k * keys.length) / frames : (k * (keys.length - 1)) / (frames - 1);
          return session.engine.call("frame", { film, position: at }, { signal });
        },
      });
    });
  const clear = (): void => {
    setPlaying(false);
    setKeys([]);
  };
  const canMove = keys.length > 1;
  return (
    <Section title="Interpolate" testId="section-film">
      <div class="row">
        <button type="button" data-testid="add-key" onClick={() => setKeys([...keys, spec])}>
          Add this image as a key
        </button>
        <button type="button" disabled={keys.length === 0} onClick={clear}>
          Clear
        </button>
      </div>
      {keys.length > 0 && (
        <ol class="keys">
          {keys.map((key, k) => (
            <li key={`${k}-${key.seed}`}>
              <button
                type="button"
                class="thumb"
                aria-label={`Key ${k + 1}, take it out`}
                title="Take it out"
                onClick={() => setKeys(keys.filter((_, at) => at !== k))}
              >
                <Pixels picture={pictures[k] ?? null} label="" />
              </button>
            </li>
          ))}
        </ol>
      )}
      {!canMove && <p class="small">Two keys or more make a way: choose an image, add it, choose another.</p>}
      {canMove && (
        <>
          <Slider
            label="Place"
            value={Math.min(position, count)}
            min={0}
            max={count}
            step={0.01}
            testId="film-position"
            onInput={(to) => void seek(to)}
          />
          <Choice
            label="Way"
            hint="A smooth curve through all keys, straight lines, or great circles."
            value={kind}
            options={[
              ["cubic", "Smooth"],
              ["linear", "Straight"],
              ["slerp", "Round"],
            ]}
            onInput={setKind}
          />
          <Choice
            label="At the last key"
            value={loop}
            options={[
              ["loop", "Back to the first"],
              ["end", "Stop"],
            ]}
            onInput={setLoop}
          />
          <Slider label="Frames a second" value={fps} min={10} max={60} step={5} testId="fps" onInput={setFps} />
          <button
            type="button"
            class="primary"
            aria-pressed={isPlaying}
            data-testid="play"
            onClick={() => setPlaying(!isPlaying)}
          >
            {isPlaying ? "Pause" : "Play"}
          </button>
          <div class="row">
            <button type="button" data-testid="film-apng" onClick={() => void takeFilm("png")}>
              Animated PNG
            </button>
            <button type="button" data-testid="film-gif" onClick={() => void takeFilm("gif")}>
              GIF
            </button>
            <button type="button" data-testid="film-mp4" onClick={() => void takeVideo("mp4")}>
              MP4
            </button>
            <button type="button" data-testid="film-webm" onClick={() => void takeVideo("webm")}>
              WebM
            </button>
            {stop.current !== null && (
              <button type="button" onClick={() => stop.current?.abort()}>
                Stop
              </button>
            )}
          </div>
          <p class="small" aria-live="polite" data-testid="film-progress">
            {progress || `${frames} frames, ${(frames / fps).toFixed(1)} s`}
          </p>
        </>
      )}
    </Section>
  );
}

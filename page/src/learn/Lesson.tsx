/** One live picture: sliders, and what the library makes of them. */
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { LessonView } from "../engine/protocol.js";
import { BUNDLED, theSession } from "../explore/session.js";
import { Chart } from "../ui/Chart.js";
import { Pixels } from "../ui/canvas.js";
import { Slider } from "../ui/controls.js";
import type { LessonControl, LessonDefinition } from "./lessons.js";

interface LessonProps {
  readonly definition: LessonDefinition;
  /** Near the screen: worth computing. */
  readonly isNear: boolean;
}

export function Lesson({ definition, isNear }: LessonProps) {
  const { lesson, controls, action } = definition;
  const session = theSession();
  const [values, setValues] = useState<Readonly<Record<string, number>>>(() =>
    Object.fromEntries(controls.map(({ name, value }) => [name, value])),
  );
  const [view, setView] = useState<LessonView | null>(null);
  const [problem, setProblem] = useState("");
  const [runs, setRuns] = useState(0);
  const [isRunning, setRunning] = useState(false);
  const stop = useRef<AbortController | null>(null);

  useEffect(() => {
    if (!isNear || (action !== undefined && runs === 0)) return;
    const controller = new AbortController();
    stop.current?.abort();
    stop.current = controller;
    const draw = async (): Promise<void> => {
      try {
        await session.prepare();
        setRunning(true);
        const model = new URL(BUNDLED, document.baseURI).href;
        const args = { name: lesson, values, model };
        const result = await session.engine.call("lesson", args, { onPartial: setView, signal: controller.signal });
        if (result !== null && !controller.signal.aborted) setView(result);
        setProblem("");
      } catch (error) {
        setProblem((error as Error).message);
      }
      if (stop.current === controller) setRunning(false);
    };
    void draw();
    return () => controller.abort();
  }, [isNear, runs, action === undefined ? values : runs]);

  const columns = view?.columns ?? Math.max(2, Math.min(4, view?.pictures.length ?? 2));
  return (
    <div
      class="live"
      data-testid={`lesson-${lesson}`}
      data-state={isRunning ? "busy" : problem !== "" ? "error" : view === null ? "idle" : "ready"}
    >
      <div class="live-controls">
        {controls.map((control) => (
          <Control
            key={control.name}
            control={control}
            value={values[control.name]}
            onInput={(value) => setValues((before) => ({ ...before, [control.name]: value }))}
          />
        ))}
        {action !== undefined && (
          <button
            type="button"
            class="primary"
            data-testid={`run-${lesson}`}
            onClick={() => (isRunning ? stop.current?.abort() : setRuns(runs + 1))}
          >
            {isRunning ? "Stop" : action}
          </button>
        )}
      </div>
      <div class="live-view">
        {view !== null && view.pictures.length > 0 && (
          <div class={`gallery columns-${columns}`}>
            {view.pictures.map(({ picture, caption, heading }, k) => (
              <Fragment key={k}>
                {heading !== undefined && <p class="heading small">{heading}</p>}
                <figure>
                  <Pixels picture={picture} label={caption || `Picture ${k + 1}`} />
                  {caption !== "" && <figcaption class="small">{caption}</figcaption>}
                </figure>
              </Fragment>
            ))}
          </div>
        )}
        {view?.chart !== undefined && (
          <Chart title={view.chart.title} unit={view.chart.unit} lines={view.chart.lines} height={140} />
        )}
        <p class="said" aria-live="polite" data-testid={`said-${lesson}`}>
          {problem || view?.text || (action === undefined ? "Computing" : "")}
        </p>
      </div>
    </div>
  );
}

function Control({
  control,
  value,
  onInput,
}: {
  readonly control: LessonControl;
  readonly value: number;
  readonly onInput: (value: number) => void;
}) {
  const { name, label, min, max, step, hint, names } = control;
  return (
    <Slider
      {...{ label, min, max, step, value, onInput }}
      {...(hint !== undefined && { hint })}
      {...(names !== undefined && { format: (at: number) => names[at - min] ?? String(at) })}
      testId={`control-${name}`}
    />
  );
}

/** Train: a StyleGAN2 learns drawn faces in this tab, from random weights. */
import { useEffect, useRef, useState } from "preact/hooks";
import { sentenceOf } from "../engine/client.js";
import type { TrainOptions, TrainPhase, TrainReport, TrainStart } from "../engine/protocol.js";
import { theSession } from "../explore/session.js";
import { Chart } from "../ui/Chart.js";
import { Pixels } from "../ui/canvas.js";
import { Choice, FileField, NumberField, Section, Slider } from "../ui/controls.js";
import { copyText, save } from "../ui/files.js";
import { trainCommand, usualTraining } from "./command.js";
import { TrainingHistory } from "./history.js";

const phases: readonly (readonly [phase: TrainPhase, label: string, hint: string])[] = [
  ["Gmain", "Generator", "Moves the generator so that the discriminator takes its images for real."],
  ["Greg", "Path length", "Moves the generator so that steps in w change the image by the same amount everywhere."],
  ["Dmain", "Discriminator", "Moves the discriminator so that it tells real images from generated ones."],
  ["Dreg", "R1", "Flattens the discriminator at real images."],
];
const architectures = [
  ["skip", "Skip"],
  ["resnet", "Residual"],
  ["orig", "Plain"],
] as const;

/** Beside the page's test ids: `stylegan.losses`. */
const exposed: { readonly losses: TrainReport["losses"][] } = { losses: [] };
Object.assign(globalThis, { stylegan: exposed });

export function Train() {
  const session = theSession();
  const { engine } = session;
  const [options, setOptions] = useState<TrainOptions>(usualTraining);
  const [start, setStart] = useState<TrainStart | null>(null);
  const [report, setReport] = useState<TrainReport | null>(null);
  const [samples, setSamples] = useState<TrainReport["samples"]>(null);
  const [isRunning, setRunning] = useState(false);
  const [note, setNote] = useState("Starting");
  const history = useRef(new TrainingHistory());
  const stop = useRef<AbortController | null>(null);

  const say = (text: string, state: "ready" | "busy" | "error" = "ready"): void => {
    setNote(text);
    document.body.dataset.state = state;
  };
  const attempt = async (body: () => Promise<void>): Promise<void> => {
    try {
      await body();
    } catch (error) {
      setRunning(false);
      say(sentenceOf(error), "error");
    }
  };
  const show = (next: TrainReport): void => {
    setReport(next);
    if (next.samples !== null) setSamples(next.samples);
  };
  const take = (next: TrainReport): void => {
    history.current.add(next);
    // For programs that drive the page: the losses of every report.
    if (Object.keys(next.losses).length > 0) exposed.losses.push(next.losses);
    show(next);
  };
  const begin = (chosen: TrainOptions): Promise<void> =>
    attempt(async () => {
      stop.current?.abort();
      say("Starting", "busy");
      await session.prepare();
      setOptions(chosen);
      history.current = new TrainingHistory();
      exposed.losses.length = 0;
      const begun = await engine.call("trainStart", {
        data: new URL("data/faces16.zip", document.baseURI).href,
        options: chosen,
      });
      setStart(begun);
      setSamples(begun!.samples);
      setReport(null);
      say("Ready: random weights");
    });
  const run = (steps: number): Promise<void> =>
    attempt(async () => {
      const controller = new AbortController();
      stop.current = controller;
      setRunning(true);
      say("Training", "busy");
      const last = await engine.call(
        "trainRun",
        { steps },
        { onPartial: take, keepsResult: true, signal: controller.signal },
      );
      if (last !== null) show(last);
      setRunning(false);
      say(steps === Number.POSITIVE_INFINITY ? "Paused" : "Ready");
    });
  const step = (phase: TrainPhase): Promise<void> =>
    attempt(async () => {
      const one = await engine.call("trainPhase", { phase });
      take(one!);
      say(
        `${phases.find(([name]) => name === phase)![1]} alone: loss ${Object.values(one!.losses)[0].toFixed(4)}. The run is not the command line's any more.`,
      );
    });
  const saveState = (): Promise<void> =>
    attempt(async () => {
      const chunks = await engine.call("trainSave", {});
      save(
        new Blob(chunks as Uint8Array<ArrayBuffer>[]),
        `training-state-${String(Math.floor((report?.images ?? 0) / 1000)).padStart(6, "0")}.safetensors`,
      );
    });
  const load = (file: File): Promise<void> =>
    attempt(async () => {
      const loaded = await engine.call("trainLoad", { file });
      take(loaded!);
      say(`Continues from ${file.name}`);
    });
  const copy = (): Promise<void> =>
    attempt(async () => {
      await copyText(trainCommand(options));
      say("Copied: the same run, number for number, in a terminal.");
    });
  const explore = (): Promise<void> =>
    attempt(async () => {
      stop.current?.abort();
      await session.adopt((await engine.call("trainOpen", {}))!);
      location.hash = "#explore";
    });

  useEffect(() => {
    void begin(options);
    return () => stop.current?.abort();
  }, []);

  const change = (patch: Partial<TrainOptions>): void => void begin({ ...options, ...patch });
  const perSecond = report === null || report.seconds === 0 ? 0 : report.images / report.seconds;
  const { lines, logits, scalars, contributions } = history.current;
  return (
    <div class="train">
      <section class="stage" aria-label="Samples">
        <h1 class="visually-hidden">Train a network</h1>
        <div class="frame wide">
          <Pixels picture={samples} label="What the generator makes of 32 fixed latents" testId="samples" />
        </div>
        <p class="status" role="status" data-testid="status">
          {note}
        </p>
        <p class="figures" data-testid="figures">
          {report === null
            ? `${start?.images ?? 0} drawn faces of 16×16`
            : `Step ${report.steps} · ${(report.images / 1000).toFixed(1)} thousand images · ${perSecond.toFixed(0)} a second · ${Math.round(report.seconds)} s`}
        </p>
        <div class="actions">
          {isRunning ? (
            <button type="button" class="primary" data-testid="pause" onClick={() => stop.current?.abort()}>
              Pause
            </button>
          ) : (
            <button
              type="button"
              class="primary"
              data-testid="run"
              disabled={start === null}
              onClick={() => void run(Number.POSITIVE_INFINITY)}
            >
              {report === null ? "Train" : "Go on"}
            </button>
          )}
          <button type="button" disabled={isRunning || start === null} data-testid="step" onClick={() => void run(1)}>
            One step
          </button>
          <button type="button" disabled={start === null} data-testid="explore" onClick={() => void explore()}>
            Explore it
          </button>
          <button
            type="button"
            disabled={start === null || isRunning}
            data-testid="save"
            onClick={() => void saveState()}
          >
            Save
          </button>
          <FileField label="Load" disabled={isRunning} testId="load" onFile={(file) => void load(file)} />
        </div>
        <div class="charts">
          <Chart title="Losses" lines={lines} testId="chart-losses" />
          <Chart title="Mean logits" lines={logits} />
          <Chart
            title={options.ada ? "Augmentation p, and mean path length" : "Mean path length"}
            lines={options.ada ? scalars : scalars.slice(1)}
          />
          {options.generatorArchitecture === "skip" && (
            <Chart title="What each resolution adds (deviation)" lines={contributions} testId="chart-contributions" />
          )}
        </div>
      </section>
      <div class="panel">
        <Section title="One phase at a time" open>
          <div class="row">
            {phases.map(([phase, label, hint]) => (
              <button
                key={phase}
                type="button"
                title={hint}
                disabled={isRunning || start === null}
                data-testid={`phase-${phase}`}
                onClick={() => void step(phase)}
              >
                {label}
              </button>
            ))}
          </div>
          <p class="small">
            A step is these four: generator and discriminator every time, path length every 4th, R1 every 16th.
          </p>
        </Section>
        <Section title="The run" open>
          <NumberField
            label="Seed"
            hint="Of the weights, and of everything that is drawn."
            value={options.seed}
            min={0}
            max={2 ** 32 - 1}
            disabled={isRunning}
            testId="train-seed"
            onInput={(seed) => change({ seed })}
          />
          <Slider
            label="Feature maps"
            hint="At every resolution; z and w have as many numbers."
            value={options.size}
            min={16}
            max={64}
            step={16}
            disabled={isRunning}
            testId="size"
            onInput={(size) => change({ size })}
          />
          <Slider
            label="R1, γ"
            hint="Weight of the penalty on the discriminator's slope at real images; 0 leaves it out."
            value={options.r1Gamma}
            min={0}
            max={4}
            step={0.1}
            disabled={isRunning}
            testId="gamma"
            onInput={(r1Gamma) => change({ r1Gamma })}
          />
          <Slider
            label="Path length"
            hint="Weight of the path length penalty; 0 leaves it out."
            value={options.plWeight}
            min={0}
            max={4}
            step={0.5}
            disabled={isRunning}
            testId="pl-weight"
            onInput={(plWeight) => change({ plWeight })}
          />
          <Slider
            label="Style mixing"
            hint="How often a batch takes its w's from two latents."
            value={options.mixing}
            min={0}
            max={1}
            step={0.1}
            disabled={isRunning}
            testId="mixing"
            onInput={(mixing) => change({ mixing })}
          />
          <Choice
            label="Adaptive augmentation"
            hint="The discriminator sees transformed images, with a probability that follows how sure it is of real ones."
            value={options.ada ? "on" : "off"}
            options={[
              ["off", "Off"],
              ["on", "On"],
            ]}
            disabled={isRunning}
            testId="ada"
            onInput={(value) => change({ ada: value === "on" })}
          />
          <Choice
            label="Generator"
            value={options.generatorArchitecture}
            options={architectures}
            disabled={isRunning}
            testId="g-arch"
            onInput={(generatorArchitecture) => change({ generatorArchitecture })}
          />
          <Choice
            label="Discriminator"
            value={options.discriminatorArchitecture}
            options={architectures}
            disabled={isRunning}
            testId="d-arch"
            onInput={(discriminatorArchitecture) => change({ discriminatorArchitecture })}
          />
          <p class="small">
            Every change begins the run anew.{" "}
            {start !== null &&
              `Generator ${start.generatorParameters.toLocaleString("en")} parameters, discriminator ${start.discriminatorParameters.toLocaleString("en")}.`}
          </p>
          <button type="button" data-testid="copy-command" onClick={() => void copy()}>
            Copy as command
          </button>
        </Section>
        <Section title="The data">
          <Pixels
            picture={start?.reals ?? null}
            label="32 of the drawn faces that the network learns from"
            class="natural"
          />
          <p class="small">
            512 of the faces that the bundled model learned, at 16×16: Open Peeps by Pablo Stanley, CC0. They are part
            of this page, and a file that <code>stylegan train</code> reads: <a href="data/faces16.zip">faces16.zip</a>.
          </p>
        </Section>
      </div>
    </div>
  );
}

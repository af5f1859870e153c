/** The engine: the library, in a worker of its own, so that the page's thread never waits for it. */

import { Inspector } from "./inspect.js";
import { Model } from "./model.js";
import { shrink } from "./pictures.js";
import type { Args, CallName, FromEngine, ModelInfo, Partial, Result, ToEngine } from "./protocol.js";
import { type FloatImage, pictureOf, pngOf, Renderer } from "./render.js";
import { availableThreads, startEngine } from "./start.js";
import type { Trainer } from "./trainer.js";

/** What a handler may do besides returning. */
export interface CallContext<K extends CallName = CallName> {
  readonly partial: (value: Partial<K>) => void;
  /** Lets messages in. False when the call has been cancelled: stop. */
  readonly goOn: () => Promise<boolean>;
}

let trainer: Trainer | null = null;
/** The way that was asked for last, with its spline. */
let way: { readonly key: string; readonly at: (position: number) => FloatImage } | null = null;
/** The bundled model, which lessons look into whatever is open in Explore. */
let lessonModel: Promise<Model> | null = null;

function training(): Trainer {
  if (trainer === null) throw new Error("Start a run first.");
  return trainer;
}

function show(model: Model): ModelInfo {
  renderer = new Renderer(model);
  inspector = new Inspector(renderer);
  return model.info;
}

function looker(): Inspector {
  current();
  return inspector!;
}

/** A handler returns null when it was cancelled. */
type Handlers = { readonly [K in CallName]: (args: Args<K>, context: CallContext<K>) => Promise<Result<K> | null> };

let renderer: Renderer | null = null;
let inspector: Inspector | null = null;

function current(): Renderer {
  if (renderer === null) throw new Error("Open a checkpoint first.");
  return renderer;
}

const handlers: Handlers = {
  async start({ threads }) {
    await startEngine(threads);
    return { threads: availableThreads(threads) };
  },
  async open({ source, name }) {
    return show(await Model.open(source, name));
  },
  render: ({ spec }, context) => current().render(spec, context),
  async thumbs({ specs, side }, context) {
    const own = new Renderer(current().model);
    for (const [index, spec] of specs.entries()) {
      const image = await own.image(spec, { ...context, isPreview: true });
      if (image === null) return null;
      context.partial({ index, picture: pictureOf(shrink(image, side)) });
    }
    return { count: specs.length };
  },
  layer: async ({ spec, layer }) => looker().layer(spec, layer),
  map: async ({ spec, layer, channel }) => looker().map(spec, layer, channel),
  contributions: async ({ spec }) => looker().contributions(spec),
  async frame({ film, position }) {
    const { filmOf } = await import("./calls/film.js");
    const { model } = current();
    const key = JSON.stringify([film, model.info.name]);
    if (way?.key !== key) way = { key, at: filmOf(model, film) };
    return pictureOf(way.at(position));
  },
  async film({ film, ...file }, context) {
    const { encodeFilm } = await import("./calls/film.js");
    return encodeFilm(current().model, film, file, context);
  },
  async project({ target, steps }, context) {
    const { project } = await import("./calls/projection.js");
    return project(current().model, target, steps, context);
  },
  async directions({ file, layers }) {
    const { findDirections } = await import("./calls/directions.js");
    return findDirections(current().model, file, layers);
  },
  async lesson({ name, values, model }, { goOn, partial }) {
    const { lessons } = await import("./lessons/index.js");
    lessonModel ??= Model.open(model, "the bundled model");
    const data = new URL("../data/faces16.zip", model).href; // beside the model's folder
    return lessons[name](values, { model: await lessonModel, data, goOn, partial });
  },
  async trainStart({ data, options }) {
    const { Trainer } = await import("./trainer.js");
    trainer = await Trainer.start(data, options);
    return trainer.describe();
  },
  trainRun: ({ steps }, context) => training().train(steps, context),
  trainPhase: async ({ phase }) => training().phase(phase),
  trainSave: async () => training().save(),
  trainLoad: async ({ file }) => training().load(new Uint8Array(await file.arrayBuffer())),
  trainOpen: async () => show(await Model.open(new Blob(training().save()), "the network of this page")),
  png: async ({ spec }, context) => {
    const image = await current().image(spec, context);
    return image === null ? null : pngOf(image);
  },
};

const cancelled = new Set<number>();
const turns = new MessageChannel();
const waiting: (() => void)[] = [];
turns.port1.onmessage = () => waiting.shift()?.();

/** Lets other messages be handled first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    turns.port2.postMessage(null);
  });
}

const post = (message: FromEngine, transfer: Transferable[] = []): void => postMessage(message, { transfer });

/** The buffers of pixels, which move instead of being copied. */
function buffersOf(value: unknown): Transferable[] {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(buffersOf);
}

addEventListener("message", async ({ data }: MessageEvent<ToEngine>) => {
  const { id } = data;
  if ("cancel" in data) {
    cancelled.add(id);
    return;
  }
  const context: CallContext = {
    partial: (value: unknown) => post({ id, partial: value }, buffersOf(value)),
    goOn: async () => {
      await nextTurn();
      return !cancelled.has(id);
    },
  };
  try {
    if (!(await context.goOn())) return post({ id, cancelled: true });
    const handler = handlers[data.name] as (args: unknown, context: CallContext) => Promise<unknown>;
    const result = await handler(data.args, context);
    if (result === null) post({ id, cancelled: true });
    else post({ id, result }, buffersOf(result));
  } catch (error) {
    post({ id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    cancelled.delete(id);
  }
});

/** The open checkpoint and its image: what the panels read and change. */
import { Store } from "../app/store.js";
import { Engine, EngineError, sentenceOf } from "../engine/client.js";
import type { ImageSpec, ModelInfo, Picture, Rendered } from "../engine/protocol.js";
import { readLink, usualSpec, writeLink } from "./link.js";

export interface ExploreState {
  readonly spec: ImageSpec;
  readonly model: ModelInfo | null;
  /** What is named in the link: an address; null for the bundled model, and for files of this machine. */
  readonly address: string | null;
  readonly isBundled: boolean;
  readonly picture: Rendered | null;
  readonly threads: number;
  /** The engine's directions: how many, and whose (null: SeFa's); null until somebody asks for some. */
  readonly directions: { readonly count: number; readonly file: string | null } | null;
  readonly phase: "ready" | "busy" | "error";
  /** A sentence for people: what is going on, or what went wrong. */
  readonly message: string;
}

/** Beside the page, wherever that is. */
export const BUNDLED = "models/faces64.safetensors";

export class Session {
  readonly engine: Engine;
  readonly store = new Store<ExploreState>({
    ...{ spec: usualSpec, model: null, address: null, isBundled: true, picture: null, threads: 1 },
    directions: null,
    ...{ phase: "busy", message: "Starting" },
  });
  #linkTimer: ReturnType<typeof setTimeout> | undefined;
  /** The link that this session wrote last: not news to it. */
  #ownLink = "";

  constructor(engine: Engine) {
    this.engine = engine;
  }

  #ready: Promise<void> | null = null;
  #directionsTurn = 0;

  /** Loads the engine, once. */
  prepare(threads: number | null = null): Promise<void> {
    this.#ready ??= this.engine.call("start", { threads }).then((started) => {
      this.store.set({ threads: started!.threads });
    });
    return this.#ready;
  }

  /** Starts the engine with what the link says. */
  async begin(query: URLSearchParams): Promise<void> {
    await this.#guard(() => this.prepare(Number(query.get("threads")) || null));
    await this.follow(query);
  }

  /** Shows a network that the engine has opened by itself. */
  async adopt(model: ModelInfo): Promise<void> {
    this.store.set({ model, isBundled: false, address: null, picture: null, directions: null });
    await this.change(fitting({ ...usualSpec, psi: 1 }, model), true);
  }

  /** Goes where a link says. */
  async follow(query: URLSearchParams): Promise<void> {
    if (this.#ownLink !== "" && location.hash === this.#ownLink) return;
    const address = query.get("model");
    const spec = readLink(query);
    const { model, address: open, isBundled } = this.store.value;
    // A file of this machine stays open until a link names something else.
    const isOpen = model !== null && open === address && (address !== null || isBundled || query.size === 0);
    if (isOpen) return this.change(spec, true);
    await this.open(address ?? new URL(BUNDLED, document.baseURI).href, spec);
  }

  /** Opens a file of this machine, or an address. What was open stays when it fails. */
  async open(source: File | string, spec: ImageSpec = usualSpec): Promise<void> {
    const name =
      typeof source === "string"
        ? (new URL(source, document.baseURI).pathname.split("/").pop() ?? source)
        : source.name;
    const bundled = new URL(BUNDLED, document.baseURI).href;
    await this.#guard(async () => {
      this.#say("busy", `Reading ${name}`);
      const address = typeof source === "string" ? new URL(source, document.baseURI).href : source;
      const model = await this.engine.call("open", { source: address, name });
      const isBundled = address === bundled;
      this.store.set({
        model,
        isBundled,
        address: typeof source === "string" && !isBundled ? source : null,
        picture: null,
        directions: null,
      });
      await this.change(fitting(spec, model!), true);
    });
  }

  /** Changes the image. */
  async change(change: Partial<ImageSpec>, isWhole = false): Promise<void> {
    const { model } = this.store.value;
    const spec = { ...(isWhole ? usualSpec : this.store.value.spec), ...change };
    this.store.set({ spec });
    if (model === null) return;
    this.#writeLink();
    await this.render();
  }

  /** Draws the image again; the latest request wins. */
  async render(): Promise<void> {
    await this.#guard(async () => {
      const { spec, directions, phase } = this.store.value;
      if (phase !== "busy") this.#say("busy", "Drawing");
      // A link names directions by number: SeFa's.
      if (spec.directions.length > 0 && directions === null) await this.#findDirections(null);
      const picture = await this.engine.latest(
        "image",
        "render",
        { spec },
        { onPartial: (partial) => this.store.set({ picture: partial }) },
      );
      if (picture === null) return;
      this.store.set({ picture });
      this.#say("ready", this.describe());
    });
  }

  /** Takes the directions of a file, or SeFa's; what was added of the ones before is taken back. */
  async useDirections(file: File | null): Promise<void> {
    const turn = ++this.#directionsTurn;
    await this.#guard(async () => {
      this.#say("busy", file === null ? "Finding directions" : `Reading ${file.name}`);
      await this.#findDirections(file);
      if (turn !== this.#directionsTurn) return; // who came later says how it ends
      // Drawn again in any case: who asked for another image meanwhile waits for that one.
      if (this.store.value.spec.directions.length > 0) await this.change({ directions: [] });
      else await this.render();
    });
  }

  async #findDirections(file: File | null): Promise<void> {
    const found = await this.engine.call("directions", { file, layers: null });
    this.store.set({ directions: { count: found!.count, file: file?.name ?? null } });
  }

  /** Shows a picture that is on its way between others. */
  show({ width, height, data }: Picture): void {
    const { picture } = this.store.value;
    this.store.set({
      picture: { width, height, data, isFinal: true, isGuess: false, ms: picture?.ms ?? 0, startedAfter: 0 },
    });
  }

  /** The image as a PNG file. */
  async png(): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.engine.call("png", { spec: this.store.value.spec });
  }

  /** The address of this image; files of this machine cannot be in it. */
  get link(): string {
    return new URL(writeLink(this.store.value.spec, this.store.value.address), location.href).href;
  }

  describe(): string {
    const { picture, threads, spec, model } = this.store.value;
    if (picture === null || model === null) return "";
    const what =
      spec.w !== null ? "A w of its own" : spec.blend !== null ? "A blend of four seeds" : `Seed ${spec.seed}`;
    const work = picture.startedAfter === 0 ? "" : `, from ${picture.startedAfter * 2}×${picture.startedAfter * 2} on`;
    const cores = threads === 1 ? "one thread" : `${threads} threads`;
    return `${what}, ${model.resolution}×${model.resolution}: ${Math.round(picture.ms)} ms on ${cores}${work}`;
  }

  /** Tells something that went wrong or right elsewhere. */
  say(message: string): void {
    this.#say("ready", message);
  }

  fail(error: unknown): void {
    this.#say("error", sentenceOf(error));
    if (!(error instanceof EngineError)) console.warn(error);
  }

  #say(phase: ExploreState["phase"], message: string): void {
    this.store.set({ phase, message });
    document.body.dataset.state = phase;
  }

  async #guard(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.fail(error);
    }
  }

  #writeLink(): void {
    clearTimeout(this.#linkTimer);
    this.#linkTimer = setTimeout(() => {
      if (!location.hash.startsWith("#explore") && location.hash !== "") return;
      this.#ownLink = writeLink(this.store.value.spec, this.store.value.address);
      history.replaceState(null, "", this.#ownLink);
    }, 200);
  }
}

/** The spec without what this network does not have. */
function fitting(spec: ImageSpec, { numWs, classes, lod, resolution, layers, wDim, hasAverage }: ModelInfo): ImageSpec {
  const coarsest = Math.log2(resolution) - 2;
  const isW = spec.w !== null && (spec.w.length === wDim || spec.w.length === numWs * wDim);
  return {
    ...spec,
    psi: hasAverage ? spec.psi : 1,
    cutoff: spec.cutoff === null || spec.cutoff > numWs ? null : spec.cutoff,
    label: spec.label < classes ? spec.label : 0,
    lod: lod === null || spec.lod === null || spec.lod > coarsest ? null : spec.lod,
    mix: spec.mix.filter(([layer]) => layer < numWs),
    styles: spec.styles.filter(({ layer }) => layers.includes(layer)),
    w: isW ? spec.w : null,
  };
}

let session: Session | null = null;

/** One session for the whole visit: Train opens its network in it, too. */
export function theSession(): Session {
  session ??= new Session(new Engine());
  return session;
}

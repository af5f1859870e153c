/**
 * What a video shows: for every place of the grid and every frame its w's, or its image. Frame 0 of a place is the
 * image that `stylegan generate` makes of its first seed, in every process but `layers`, which ends with it.
 */
import { type AnyGenerator, noGrad, RandomState, scope, Tensor } from "../../index.js";
import {
  applyEdits,
  circle,
  crossOver,
  type Easing,
  ease,
  growthImages,
  type InterpolationKind,
  interpolate,
  sweep,
  swing,
  truncateLayers,
} from "../../stylegan/latents/index.js";
import { type DirectionSpec, openDirection } from "../latents/edits.js";
import { openLatents, wsOfSeed } from "../latents/stored.js";
import type { GridSize } from "../options.js";
import { UsageError } from "../terminal.js";

export const processes = ["interpolation", "truncation", "circular", "mix", "layers"] as const;
export type Process = (typeof processes)[number];

export interface SceneOptions {
  readonly seeds?: readonly number[];
  readonly projectedW?: string;
  readonly grid?: GridSize;
  readonly numKeyframes?: number;
  readonly shuffleSeed?: number;
  readonly wFrames: number;
  readonly trunc?: readonly [number, number];
  readonly kind: InterpolationKind;
  readonly space: "w" | "z";
  readonly easing: Easing;
  readonly loop: boolean;
  readonly process: Process;
  readonly direction?: DirectionSpec;
  readonly range: readonly [number, number];
}

export interface Scene {
  readonly frames: number;
  readonly grid: GridSize;
  /** [1, numWs, wDim]; runs in a scope. */
  ws(place: number, frame: number): Tensor;
  /** In the place of what synthesis makes of the w's. */
  image?(place: number, frame: number): Tensor;
}

/** What a path goes through: a seed, or a w out of a file [numWs * wDim]. */
type Key = number | Float64Array;

/** A generator, its label, and the options: what all scenes are made of. */
interface Setting {
  readonly generator: AnyGenerator;
  readonly c: Tensor | null;
  readonly options: SceneOptions;
}

/** How many keys a place takes, by process; null: as many as there are. */
const KEYS: Readonly<Record<Process | "direction", number | null>> = {
  interpolation: null,
  truncation: 1,
  circular: 2,
  mix: 2,
  layers: 1,
  direction: 1,
};

/** @throws UsageError when keys, grid and process do not fit together */
export function makeScene(generator: AnyGenerator, c: Tensor | null, options: SceneOptions): Scene {
  if (options.direction !== undefined && options.process !== "interpolation") {
    throw new UsageError(`--direction is a process of its own; leave --process ${options.process} out`);
  }
  const process = options.direction === undefined ? options.process : "direction";
  const setting = { generator, c, options };
  const places = placesOf(readKeys(setting), process, options);
  if (process !== "interpolation") {
    const { wFrames: frames } = options;
    const timeOf = (frame: number): number => (options.loop ? frame / frames : frame / Math.max(frames - 1, 1));
    return { ...SWEEPS[process](setting, places.keys, timeOf), frames, grid: places.grid };
  }
  const keyCount = places.keys[0].length;
  const { wFrames, loop } = options;
  const frames = loop || keyCount === 1 ? keyCount * wFrames : (keyCount - 1) * wFrames + 1;
  return { ...interpolation(setting, places.keys, frames), frames, grid: places.grid };
}

function readKeys({ generator, options }: Setting): Key[] {
  const { projectedW, seeds = [] } = options;
  const keys: Key[] = [];
  if (projectedW !== undefined) {
    const { count, ws } = openLatents(projectedW, generator);
    const size = ws.length / count;
    for (let k = 0; k < count; k++) keys.push(ws.slice(k * size, (k + 1) * size));
  }
  keys.push(...seeds);
  if (keys.length === 0)
    throw new UsageError("what to show? Give --seeds LIST (for example 0-3) or --projected-w FILE");
  return keys;
}

/** Which keys each place goes through, and how the places lie. */
function placesOf(
  keys: readonly Key[],
  process: Process | "direction",
  { grid, numKeyframes, shuffleSeed }: SceneOptions,
): { readonly grid: GridSize; readonly keys: readonly (readonly Key[])[] } {
  const wanted = KEYS[process];
  const what = process === "direction" ? "--direction" : `--process ${process}`;
  if (wanted !== null && numKeyframes !== undefined) throw new UsageError(`${what} has no keyframes to count`);
  const size = grid ?? { rows: 1, columns: wanted === null ? 1 : Math.max(Math.floor(keys.length / wanted), 1) };
  const places = size.rows * size.columns;
  if (wanted !== null && keys.length !== wanted * places) {
    const each = wanted === 1 ? "one seed (or w)" : `${wanted} seeds (or w's)`;
    throw new UsageError(`${what} takes ${each} for each of ${places} places, got ${keys.length}`);
  }
  if (wanted === null && numKeyframes === undefined && keys.length % places !== 0) {
    throw new UsageError(
      `${keys.length} seeds do not divide among ${size.columns} x ${size.rows} places; change them, or give --num-keyframes`,
    );
  }
  const each = wanted ?? numKeyframes ?? keys.length / places;
  const all = Array.from({ length: places * each }, (_, index) => keys[index % keys.length]);
  if (shuffleSeed !== undefined) new RandomState(shuffleSeed).shuffle(all);
  return {
    grid: size,
    keys: Array.from({ length: places }, (_, place) => all.slice(place * each, (place + 1) * each)),
  };
}

/** What psi is at t; constant but in a sweep. */
const psiAt = ({ trunc = [1, 1], loop, easing }: SceneOptions, t: number): number =>
  trunc[0] === trunc[1] ? trunc[0] : sweep(t, trunc, loop, easing);

function truncated({ generator }: Setting, ws: Tensor, psi: number): Tensor {
  if (psi === 1) return ws;
  const { wAvg } = generator.mapping;
  if (wAvg === null) throw new UsageError("--trunc needs the average w, which this network does not track");
  return truncateLayers(ws, new Array<number>(generator.numWs).fill(psi), wAvg);
}

const stored = ({ generator }: Setting, ws: Float64Array): Tensor =>
  Tensor.from(ws, [1, generator.numWs, generator.wDim]);

/** The w's of a key, truncated if it is a seed: those of files are shown as they are. */
function keyWs(setting: Setting, key: Key, psi: number): Tensor {
  if (typeof key !== "number") return stored(setting, key);
  return truncated(setting, wsOfSeed(setting.generator, key, setting.c), psi);
}

const numbersOf = (make: () => Tensor): Float64Array => noGrad(() => scope(() => make().toFloat64Array()));

function zOf({ generator }: Setting, key: Key, what: string): Float64Array {
  if (typeof key !== "number")
    throw new UsageError(`${what} walks through z, which only seeds have: leave --projected-w out`);
  return new RandomState(key).randn(generator.zDim);
}

function wsOfZ(setting: Setting, z: ArrayLike<number>, psi: number): Tensor {
  const { generator, c } = setting;
  return truncated(setting, generator.mapping.forward(Tensor.from(z, [1, generator.zDim]), c), psi);
}

/** From key to key. Truncation that changes comes after the path, else before it, as in the official tool. */
function interpolation(setting: Setting, places: readonly (readonly Key[])[], frames: number): Pick<Scene, "ws"> {
  const { options, generator } = setting;
  const { kind, space, easing, loop, wFrames, trunc = [1, 1] } = options;
  const changes = trunc[0] !== trunc[1];
  const curves = places.map((keys) => {
    const rows = keys.map((key) =>
      space === "z" ? zOf(setting, key, "--space z") : numbersOf(() => keyWs(setting, key, changes ? 1 : trunc[0])),
    );
    const dims = rows[0].length;
    const data = new Float64Array(rows.length * dims);
    for (const [k, row] of rows.entries()) data.set(row, k * dims);
    const vectorDims = space === "z" ? dims : generator.wDim;
    return interpolate({ data, count: rows.length, dims }, { kind, loop, vectorDims });
  });
  return {
    ws: (place, frame) => {
      const from = Math.floor(frame / wFrames);
      const at = curves[place](from + ease(frame / wFrames - from, easing));
      const psi = psiAt(options, loop ? frame / frames : frame / Math.max(frames - 1, 1));
      if (space === "z") return wsOfZ(setting, at, psi);
      return changes ? truncated(setting, stored(setting, at), psi) : stored(setting, at);
    },
  };
}

type SweepMaker = (
  setting: Setting,
  places: readonly (readonly Key[])[],
  timeOf: (frame: number) => number,
) => Pick<Scene, "ws" | "image">;

const SWEEPS: Readonly<Record<Exclude<Process, "interpolation"> | "direction", SweepMaker>> = {
  truncation: (setting, places, timeOf) => {
    const options = { ...setting.options, trunc: setting.options.trunc ?? ([1, 0] as const) };
    if (places.flat().some((key) => typeof key !== "number")) {
      throw new UsageError("--process truncation sweeps the psi of seeds: leave --projected-w out");
    }
    return { ws: (place, frame) => keyWs(setting, places[place][0], psiAt(options, timeOf(frame))) };
  },

  circular: (setting, places, timeOf) => {
    const ends = places.map((keys) => keys.map((key) => zOf(setting, key, "--process circular")));
    return {
      ws: (place, frame) => {
        const t = timeOf(frame);
        const around = ease(t, setting.options.easing);
        return wsOfZ(setting, circle(ends[place][0], ends[place][1], around), psiAt(setting.options, t));
      },
    };
  },

  mix: (setting, places, timeOf) => {
    const { numWs, wDim } = setting.generator;
    const { loop, easing, trunc = [1, 1] } = setting.options;
    if (trunc[0] !== trunc[1]) throw new UsageError("--process mix has one --trunc");
    const ends = places.map((keys) => keys.map((key) => numbersOf(() => keyWs(setting, key, trunc[0]))));
    return {
      ws: (place, frame) => {
        const crossover = sweep(timeOf(frame), [0, numWs], loop, easing);
        return stored(setting, crossOver(ends[place][0], ends[place][1], wDim, crossover));
      },
    };
  },

  direction: (setting, places, timeOf) => {
    const { direction, range, loop, easing } = setting.options;
    const edit = openDirection(direction!, setting.generator);
    return {
      ws: (place, frame) => {
        const t = timeOf(frame);
        const ws = keyWs(setting, places[place][0], psiAt(setting.options, t));
        const amount = swing(t, range, loop, easing);
        return amount === 0 ? ws : applyEdits(ws, [{ ...edit, amount }]);
      },
    };
  },

  layers: (setting, places, timeOf) => {
    const { loop, easing, trunc = [1, 1] } = setting.options;
    if (trunc[0] !== trunc[1]) throw new UsageError("--process layers has one --trunc");
    const ws = (place: number): Tensor => keyWs(setting, places[place][0], trunc[0]);
    const images = places.map((_, place) => {
      try {
        return noGrad(() => scope(() => growthImages(setting.generator, ws(place))));
      } catch (error) {
        throw error instanceof RangeError ? new UsageError(`--process layers: ${error.message}`) : error;
      }
    });
    return {
      ws,
      image: (place, frame) => {
        const levels = images[place];
        const level = sweep(timeOf(frame), [0, levels.length - 1], loop, easing);
        const from = Math.min(Math.floor(level), levels.length - 2);
        const part = level - from;
        if (part === 0 || part === 1) return levels[from + part];
        const [a, b] = [levels[from].internals.block.data, levels[from + 1].internals.block.data];
        return Tensor.from(
          a.map((value, k) => value + part * (b[k] - value)),
          levels[from].shape,
        );
      },
    };
  },
};

/** Curves as inline SVG: no scripts, no fonts, nothing to load. */

export interface Series {
  readonly name: string;
  /** [x, y]; points that are not finite are left out. */
  readonly points: readonly (readonly [number, number])[];
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  /** Logarithmic y; every value must be positive. Default false. */
  readonly isLogarithmic?: boolean;
}

const WIDTH = 460;
const HEIGHT = 220;
const MARGIN = { left: 58, right: 10, top: 12, bottom: 26 } as const;
const MAX_POINTS = 300;

/** A figure with one curve a series; empty text when there is nothing to show. */
export function chart({ title, series, isLogarithmic = false }: ChartOptions): string {
  const shown = series.map(({ name, points }) => ({ name, points: thin(points.filter(isShowable(isLogarithmic))) }));
  const all = shown.flatMap(({ points }) => points);
  if (all.length === 0) return "";
  const toAxis = (y: number): number => (isLogarithmic ? Math.log10(y) : y);
  const [x0, x1] = range(all.map(([x]) => x));
  const [y0, y1] = range(all.map(([, y]) => toAxis(y)));
  const place = (x: number, y: number): readonly [number, number] => [
    MARGIN.left + ((x - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right),
    HEIGHT - MARGIN.bottom - ((toAxis(y) - y0) / (y1 - y0)) * (HEIGHT - MARGIN.top - MARGIN.bottom),
  ];
  const yTicks = isLogarithmic ? logTicks(y0, y1) : ticks(y0, y1, 5);
  const yLines = yTicks.map((value) => {
    const [, y] = place(x0, value);
    return (
      `<path class="grid" d="M${MARGIN.left} ${y.toFixed(1)}H${WIDTH - MARGIN.right}"/>` +
      `<text x="${MARGIN.left - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${formatTick(value)}</text>`
    );
  });
  const xLabels = ticks(x0, x1, 6).map((value) => {
    const [x] = place(value, isLogarithmic ? 10 ** y0 : y0);
    return `<text x="${x.toFixed(1)}" y="${HEIGHT - 8}" text-anchor="middle">${formatTick(value)}</text>`;
  });
  const curves = shown.map(({ points }, index) => {
    const path = points
      .map(([x, y]) =>
        place(x, y)
          .map((value) => value.toFixed(1))
          .join(" "),
      )
      .join("L");
    const dot = points.length === 1 ? `<circle class="dot${index}" r="3" ${centre(place(...points[0]))}/>` : "";
    return points.length === 0 ? "" : `<path class="curve curve${index}" d="M${path}"/>${dot}`;
  });
  const keys = shown.map(({ name }, index) => `<span class="key key${index}">${escapeHtml(name)}</span>`);
  const legend = shown.length > 1 ? ` ${keys.join(" ")}` : "";
  return (
    `<figure><figcaption>${escapeHtml(title)}${legend}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">` +
    `${[...yLines, ...xLabels, ...curves].join("")}</svg></figure>`
  );
}

export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

const centre = ([x, y]: readonly [number, number]): string => `cx="${x.toFixed(1)}" cy="${y.toFixed(1)}"`;

const isShowable =
  (isLogarithmic: boolean) =>
  ([x, y]: readonly [number, number]): boolean =>
    Number.isFinite(x) && Number.isFinite(y) && (!isLogarithmic || y > 0);

/** The means of neighbours, where there are more points than pixels could show. */
function thin(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  return Array.from({ length: Math.ceil(points.length / Math.max(size, 1)) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size);
    const mean = (axis: 0 | 1): number => group.reduce((sum, point) => sum + point[axis], 0) / group.length;
    return [mean(0), mean(1)];
  });
}

/** Smallest and largest, never the same, nor so near each other that steps between them could not be told from 0. */
function range(values: readonly number[]): readonly [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (high - low > SMALLEST) return [low, high];
  const margin = Math.abs(low) > SMALLEST ? Math.abs(low) / 2 : 1;
  return [low - margin, high + margin];
}

const SMALLEST = 1e-300;

/** About `count` round numbers between low and high: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** 1, 2 and 5 times powers of ten between 10^low and 10^high; evenly spaced numbers where there are too few of those. */
function logTicks(low: number, high: number): number[] {
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
  const factors = high - low > 4 ? [1] : [1, 2, 5];
  const values = powers
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
  return values.length < 2 ? ticks(10 ** low, 10 ** high, 4) : values;
}

function formatTick(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(0) : String(Number(value.toPrecision(4)));
}

/** Lines over a common axis. */
import { useDrawing } from "./canvas.js";

export interface Line {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  /** What x counts. Default: thousands of images. */
  readonly unit?: string;
  readonly height?: number;
  readonly testId?: string;
}

const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];

export function Chart({ title, lines, unit = "thousand images", height = 120, testId }: ChartProps) {
  const canvas = useDrawing(height, ({ context, width, height: tall, ratio, colour }) => {
    const all = lines.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite);
    const xs = lines.flatMap(({ x }) => (x.length === 0 ? [] : [x[0], x[x.length - 1]]));
    const [left, right] = [Math.min(0, ...xs), Math.max(1e-9, ...xs)];
    const [low, high] = [Math.min(0, ...all), Math.max(1e-9, ...all)];
    const px = (x: number): number => ((x - left) / (right - left || 1)) * width;
    const py = (y: number): number => (1 - (y - low) / (high - low || 1)) * (tall - 4 * ratio) + 2 * ratio;
    context.strokeStyle = colour("--line");
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(0, py(0));
    context.lineTo(width, py(0));
    context.stroke();
    context.lineWidth = 1.5 * ratio;
    for (const [k, { x, y }] of lines.entries()) {
      context.strokeStyle = colour(COLOURS[k % COLOURS.length]);
      context.beginPath();
      for (let at = 0; at < x.length; at++) context.lineTo(px(x[at]), py(y[at]));
      context.stroke();
    }
  });
  const last = ({ y }: Line): string => (y.length === 0 ? "" : ` ${y[y.length - 1].toFixed(2)}`);
  return (
    <figure class="chart" data-testid={testId}>
      <figcaption>
        <span>{title}</span>
        <span class="legend small">
          {lines.map((line, k) => (
            <span key={line.name} class={`legend-${(k % COLOURS.length) + 1}`}>
              {line.name}
              {last(line)}
            </span>
          ))}
        </span>
      </figcaption>
      <canvas
        ref={canvas}
        role="img"
        style={{ height: `${height}px` }}
        aria-label={`${title} over ${unit}: ${lines.map((line) => `${line.name}${last(line)}`).join(", ")}`}
      />
    </figure>
  );
}

/** Numbers as bars, of which one is chosen. */
import { useDrawing } from "./canvas.js";

interface BarsProps {
  readonly label: string;
  readonly values: ArrayLike<number>;
  readonly chosen?: number;
  readonly onChoose?: (index: number) => void;
}

const HEIGHT = 64;

export function Bars({ label, values, chosen, onChoose }: BarsProps) {
  const canvas = useDrawing(HEIGHT, ({ context, width, height, colour }) => {
    let [low, high] = [0, 0];
    for (let k = 0; k < values.length; k++) {
      low = Math.min(low, values[k]);
      high = Math.max(high, values[k]);
    }
    const scale = height / (high - low || 1);
    const step = width / values.length;
    for (let k = 0; k < values.length; k++) {
      context.fillStyle = colour(k === chosen ? "--accent" : "--soft");
      const [top, bottom] = [Math.max(0, values[k]), Math.min(0, values[k])];
      context.fillRect(
        k * step,
        (high - top) * scale,
        Math.max(1, step - (step > 3 ? 1 : 0)),
        Math.max(1, (top - bottom) * scale),
      );
    }
  });
  return (
    <figure class="bars">
      <figcaption class="small">{label}</figcaption>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${label}, as bars`}
        onClick={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect();
          onChoose?.(Math.min(values.length - 1, Math.floor(((event.clientX - left) / width) * values.length)));
        }}
      />
    </figure>
  );
}

/** Pixels on the screen. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Picture } from "../engine/protocol.js";

export function draw(canvas: HTMLCanvasElement, { width, height, data }: Picture): void {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
}

interface PixelsProps {
  readonly picture: Picture | null;
  /** What the picture shows, for those who do not see it; empty where what is around it says so. */
  readonly label: string;
  readonly class?: string;
  readonly testId?: string;
}

export function Pixels({ picture, label, class: className, testId }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (picture !== null) draw(canvas.current!, picture);
  }, [picture]);
  const told = label === "" ? ({ "aria-hidden": true } as const) : ({ role: "img", "aria-label": label } as const);
  return (
    <canvas ref={canvas} width={64} height={64} {...told} class={`pixels ${className ?? ""}`} data-testid={testId} />
  );
}

/** What a drawing has to do with: a canvas as wide as its place, in device pixels, and the colours of the page. */
interface Ground {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  /** Device pixels in one of the page. */
  readonly ratio: number;
  readonly colour: (name: string) => string;
}

/** A canvas with a drawing of `height` pixels: drawn again with every change, and when its place becomes wider or narrower. */
export function useDrawing(height: number, paint: (ground: Ground) => void): RefObject<HTMLCanvasElement | null> {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(() => {});
  latest.current = () => {
    const element = canvas.current!;
    const ratio = devicePixelRatio;
    element.width = Math.max(1, element.clientWidth) * ratio;
    element.height = height * ratio;
    const style = getComputedStyle(element);
    paint({
      ...{ context: element.getContext("2d")!, width: element.width, height: element.height, ratio },
      colour: (name) => style.getPropertyValue(name),
    });
  };
  useLayoutEffect(() => latest.current());
  useEffect(() => {
    const again = (): void => latest.current();
    addEventListener("resize", again);
    return () => removeEventListener("resize", again);
  }, []);
  return canvas;
}

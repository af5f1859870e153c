/** Pixels on the screen. */
import { useLayoutEffect, useRef } from "preact/hooks";
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

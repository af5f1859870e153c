/** The part of gifenc that is used here; the package has no types of its own. */
declare module "gifenc" {
  interface Encoder {
    readonly stream: { reset(): void; bytes(): Uint8Array };
    writeFrame(
      index: Uint8Array,
      width: number,
      height: number,
      options: { palette: number[][]; delay: number; repeat?: number },
    ): void;
    finish(): void;
  }
  export function GIFEncoder(): Encoder;
  export function quantize(rgba: Uint8Array, maxColors: number): number[][];
  export function applyPalette(rgba: Uint8Array, palette: number[][]): Uint8Array;
  const all: {
    readonly GIFEncoder: typeof GIFEncoder;
    readonly quantize: typeof quantize;
    readonly applyPalette: typeof applyPalette;
  };
  // biome-ignore lint/style/noDefaultExport: what Node makes of a CommonJS package
  export default all;
}

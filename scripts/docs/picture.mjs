/**
 * Small pictures for the documentation: pixels, lines, letters, maps of numbers, images of a network, and curves on
 * axes, written as PNG. What the scripts draw depends on numbers alone, so that a picture is the same bytes every time.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { encodePixels } from "../../dist/formats/image/pngEncoding.js";
import { toPixels } from "../../dist/index.js";

export const INK = [40, 44, 52];
export const GREY = [150, 156, 166];
export const PALE = [226, 229, 234];
export const BLUE = [38, 110, 200];
export const RED = [205, 62, 52];
export const GREEN = [40, 140, 84];
export const ORANGE = [220, 140, 30];

/** Letters of 3x5 pixels: five rows as octal digits, the highest bit on the left. */
const LETTERS = Object.fromEntries(
  (
    "a25755 b65656 c34443 d65556 e74647 f74644 g34553 h55755 i72227 j11152 k55655 l44447 m57755 n65555 o25552 p65644 " +
    "q25563 r65655 s34216 t72222 u55557 v55522 w55775 x55255 y55222 z71247 075557 126227 261247 371317 455711 574717 " +
    "634757 771122 875757 975716 .00002 ,00024 :02020 -00700 +02720 =07070 /11244 (12221 )42224 <12421 >42124 %51245 " +
    "^25000 |22222 '22000 *05250 ?71202 _00007"
  )
    .split(" ")
    .map((glyph) => [glyph[0], [...glyph.slice(1)].map((row) => Number.parseInt(row, 8))]),
);

export class Picture {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3).fill(255);
  }

  set(x, y, color) {
    const [px, py] = [Math.round(x), Math.round(y)];
    if (px >= 0 && py >= 0 && px < this.width && py < this.height) this.data.set(color, (py * this.width + px) * 3);
  }

  rect(x, y, width, height, color) {
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) this.set(x + column, y + row, color);
  }

  line(x0, y0, x1, y1, color, width = 1) {
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))));
    for (let step = 0; step <= steps; step++) {
      const t = step / steps;
      const [x, y] = [x0 + t * (x1 - x0), y0 + t * (y1 - y0)];
      this.set(x, y, color);
      for (let more = 1; more < width; more++) {
        this.set(x + more, y, color);
        this.set(x, y + more, color);
      }
    }
  }

  dot(x, y, color, radius = 2) {
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++)
        if (dx * dx + dy * dy <= radius * radius + 1) this.set(x + dx, y + dy, color);
    }
  }

  /** Letters of 6x10 pixels. `align` says what x is: the "left" end, the "middle" or the "right" end. */
  text(x, y, text, { color = INK, align = "left" } = {}) {
    const width = text.length * 8 - 2;
    const start = x - { left: 0, middle: width / 2, right: width }[align];
    [...text.toLowerCase()].forEach((letter, at) => {
      (LETTERS[letter] ?? []).forEach((row, dy) => {
        for (let dx = 0; dx < 3; dx++)
          if ((row >> (2 - dx)) & 1) this.rect(start + at * 8 + dx * 2, y + dy * 2, 2, 2, color);
      });
    });
  }

  /** Numbers as colours: blue below 0, white at 0, red above; `range` is where the colours end. */
  map(x, y, numbers, side, { zoom = 4, range = 3 } = {}) {
    for (let at = 0; at < side * side; at++) {
      const t = Math.max(-1, Math.min(1, numbers[at] / range));
      const color = (t < 0 ? BLUE : RED).map((full) => 255 + Math.abs(t) * (full - 255));
      this.rect(x + (at % side) * zoom, y + Math.floor(at / side) * zoom, zoom, zoom, color);
    }
    this.frame(x, y, side * zoom, side * zoom);
  }

  /** Images [N, 1 or 3, H, W] with values from -1 to 1, side by side from x on. */
  images(x, y, images, { zoom = 1, gap = 4 } = {}) {
    const [n, channels, height, width] = images.shape;
    const pixels = toPixels(images);
    for (let image = 0; image < n; image++) {
      const left = x + image * (width * zoom + gap);
      for (let at = 0; at < height * width; at++) {
        const from = (image * height * width + at) * channels;
        const color = channels === 1 ? [pixels[from], pixels[from], pixels[from]] : pixels.subarray(from, from + 3);
        this.rect(left + (at % width) * zoom, y + Math.floor(at / width) * zoom, zoom, zoom, color);
      }
    }
  }

  frame(x, y, width, height, color = PALE) {
    this.line(x - 1, y - 1, x + width, y - 1, color);
    this.line(x - 1, y + height, x + width, y + height, color);
    this.line(x - 1, y - 1, x - 1, y + height, color);
    this.line(x + width, y - 1, x + width, y + height, color);
  }

  save(path) {
    mkdirSync(dirname(path), { recursive: true });
    const { width, height, data } = this;
    writeFileSync(path, encodePixels({ width, height, channels: 3, data }));
    console.log(`wrote ${path} (${width}x${height})`);
  }
}

/**
 * Axes with ticks in a box of a picture. Returns `at(x, y)`, the pixel of a point, and `curve(points, color)`.
 *
 * @param axis x and y: { from, to, ticks, log, label }
 */
export function axes(picture, box, { x, y }) {
  const along = ({ from, to, log = false }, value) =>
    log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  const at = (px, py) => [box.x + along(x, px) * box.width, box.y + (1 - along(y, py)) * box.height];
  for (const tick of y.ticks) {
    const [, row] = at(x.from, tick);
    picture.line(box.x, row, box.x + box.width, row, PALE);
    picture.text(box.x - 6, row - 5, String(tick), { align: "right", color: GREY });
  }
  for (const tick of x.ticks) {
    const [column] = at(tick, y.from);
    picture.line(column, box.y, column, box.y + box.height, PALE);
    picture.text(column, box.y + box.height + 6, String(tick), { align: "middle", color: GREY });
  }
  picture.line(box.x, box.y + box.height, box.x + box.width, box.y + box.height, INK);
  picture.line(box.x, box.y, box.x, box.y + box.height, INK);
  picture.text(box.x + box.width / 2, box.y + box.height + 22, x.label, { align: "middle" });
  picture.text(box.x - 4, box.y - 16, y.label);
  const curve = (points, color, width = 2) => {
    for (let k = 1; k < points.length; k++) picture.line(...at(...points[k - 1]), ...at(...points[k]), color, width);
  };
  return { at, curve };
}

/** The pictures of the droplet experiment, from the numbers of droplet.mjs. */
import { join, resolve } from "node:path";
import { gainOf, P, SIDE, STRENGTHS, strongest } from "./dropletMaps.mjs";
import { axes, BLUE, GREY, INK, ORANGE, Picture, RED } from "./picture.mjs";

const IMAGES = resolve(import.meta.dirname, "../..", "docs", "images");

export function drawGain(rows) {
  const picture = new Picture(460, 280);
  const x = { from: 1, to: 512, log: true, ticks: [1, 4, 16, 64, 256], label: "height h of one pixel, in deviations" };
  const y = {
    from: 0.05,
    to: 1.2,
    log: true,
    ticks: [0.1, 0.2, 0.5, 1],
    label: "strength of the rest after the layer",
  };
  const { at, curve } = axes(picture, { x: 50, y: 30, width: 390, height: 200 }, { x, y });
  const heights = Array.from({ length: 150 }, (_, k) => 2 ** (k * 0.06)).filter((height) => height <= 512);
  const limit = (height) => P / Math.sqrt(P - 1) / height;
  curve(
    heights.filter((h) => limit(h) <= 1.2 && limit(h) >= 0.05).map((h) => [h, limit(h)]),
    GREY,
    1,
  );
  curve(
    heights.filter((h) => gainOf(h) >= 0.05).map((h) => [h, gainOf(h)]),
    RED,
  );
  curve(
    [
      [1, 1],
      [512, 1],
    ],
    BLUE,
  );
  for (const row of rows.filter(({ height }) => height > 0)) {
    picture.dot(...at(row.height, row.gain), RED, 3);
    picture.dot(...at(row.height, row.demodulated), BLUE, 3);
  }
  picture.text(70, 200, "normalised", { color: RED });
  picture.text(70, 214, "demodulated", { color: BLUE });
  picture.text(180, 214, "16/h", { color: GREY });
  picture.save(join(IMAGES, "droplet-gain.png"));
}

export function drawEmergence({ seen }) {
  const zoom = 4;
  const cell = SIDE * zoom + 10;
  const picture = new Picture(96 + STRENGTHS.length * cell, 30 + (seen.length + 1) * cell);
  STRENGTHS.forEach((strength, map) => {
    picture.text(96 + map * cell + 30, 8, String(strength), { align: "middle" });
  });
  seen.forEach(({ step, x }, row) => {
    picture.text(4, 30 + row * cell + 26, `step ${step}`);
    x.forEach((map, column) => {
      picture.map(96 + column * cell, 26 + row * cell, map, SIDE, { zoom, range: 8 });
    });
  });
  picture.text(4, 30 + seen.length * cell + 26, "adain", { color: RED });
  seen.at(-1).y.forEach((map, column) => {
    picture.map(96 + column * cell, 26 + seen.length * cell, map, SIDE, { zoom, range: 3 });
  });
  picture.save(join(IMAGES, "droplet-emerges.png"));
}

export function drawProfile({ seen }) {
  const map = STRENGTHS.indexOf(0.2);
  const { at: peak } = strongest(seen.at(-1).x[map]);
  const row = Math.floor(peak / SIDE);
  const sign = Math.sign(seen.at(-1).x[map][peak]);
  const top = Math.ceil(Math.max(...seen.at(-1).x[map].map(Math.abs)) / 10) * 10;
  const picture = new Picture(460, 250);
  const x = { from: 0, to: SIDE - 1, ticks: [0, 5, 10, 15], label: "pixel of the row through the spike" };
  const y = {
    from: -15,
    to: top,
    ticks: [0, 10, 20, 30].filter((tick) => tick <= top),
    label: "feature before adain, asked for strength 0.2",
  };
  const { curve } = axes(picture, { x: 50, y: 30, width: 390, height: 170 }, { x, y });
  const colors = [GREY, BLUE, ORANGE, RED];
  seen.forEach((moment, k) => {
    curve(
      Array.from({ length: SIDE }, (_, column) => [column, sign * moment.x[map][row * SIDE + column]]),
      colors[k],
    );
    picture.text(70, 40 + k * 14, `step ${moment.step}`, { color: colors[k] });
  });
  picture.save(join(IMAGES, "droplet-profile.png"));
}

export function drawNetworks({ adainNetwork, helpless, demodulatedNetwork }) {
  const picture = new Picture(460, 260);
  const axis = { from: 1 / 64, to: 1.5, log: true, ticks: [0.03, 0.1, 0.3, 1] };
  const scatter = { x: { ...axis, label: "strength sent" }, y: { ...axis, label: "strength received" } };
  const { at, curve } = axes(picture, { x: 50, y: 30, width: 390, height: 180 }, scatter);
  curve(
    [
      [1 / 64, 1 / 64],
      [1.5, 1.5],
    ],
    GREY,
    1,
  );
  const draw = ({ asked, reached }, color) => {
    for (const [k, strength] of asked.entries()) picture.dot(...at(strength, Math.max(reached[k], 1 / 64)), color);
  };
  draw(helpless, GREY);
  draw(adainNetwork, RED);
  draw(demodulatedNetwork, BLUE);
  picture.text(70, 40, "adain, trained", { color: RED });
  picture.text(70, 54, "demodulated, trained", { color: BLUE });
  picture.text(70, 68, "adain, no spike possible", { color: GREY });
  picture.save(join(IMAGES, "droplet-networks.png"));

  const zoom = 4;
  const cell = SIDE * zoom + 8;
  const maps = [0, 1, 2, 3, 4, 5];
  const sheet = new Picture(110 + maps.length * cell, 20 + 4 * cell);
  const rows = [
    ["sent", (k) => adainNetwork.inputs[k], 1.5, INK],
    [
      "features",
      (k) => adainNetwork.features[k].map((value) => (3 * value) / Math.max(...adainNetwork.features[k].map(Math.abs))),
      1.5,
      RED,
    ],
    ["adain", (k) => adainNetwork.outputs[k], 1.5, RED],
    ["demodulated", (k) => demodulatedNetwork.outputs[k], 1.5, BLUE],
  ];
  rows.forEach(([name, of, range, color], row) => {
    sheet.text(4, 10 + row * cell + 26, name, { color });
    for (const k of maps) sheet.map(106 + k * cell, 10 + row * cell, of(k), SIDE, { zoom, range });
  });
  sheet.save(join(IMAGES, "droplet-maps.png"));
}

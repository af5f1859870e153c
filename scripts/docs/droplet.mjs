/**
 * The droplet experiment (StyleGAN2, section 2): what AdaIN's normalisation destroys, how signal strength is smuggled
 * past it, and why demodulation needs no smuggling. Writes the pictures and the tables of docs/droplets.md.
 *
 *   node scripts/docs/droplet.mjs            needs the compiled library: npm run build
 *
 * Everything runs in float64 on the reference kernels from fixed seeds: the same numbers everywhere. Well
 * under a minute. The equations are laws in tests/networks/droplet.test.ts.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { init, RandomState, scope, Tensor } from "../../dist/index.js";
import {
  Adam,
  add,
  addScalar,
  concat,
  conv2d,
  expand,
  grad,
  mean,
  mul,
  reciprocal,
  reshape,
  setupFilter,
  sqrt,
  square,
  sub,
  variable,
} from "../../dist/nn/index.js";
import { persistentTensor } from "../../dist/nn/tensor.js";
import { adain, instanceNorm } from "../../dist/stylegan/adain.js";
import { modulatedConv2d } from "../../dist/stylegan/modulatedConv2d.js";
import {
  gainOf,
  middle,
  P,
  pattern,
  SIDE,
  STRENGTHS,
  statistics,
  strengthOf,
  strongest,
  total,
} from "./dropletMaps.mjs";
import { drawEmergence, drawGain, drawNetworks, drawProfile } from "./dropletPictures.mjs";

const root = resolve(import.meta.dirname, "../..");
const PAGE = join(root, "docs", "droplets.md");
const UNIT = setupFilter([1]);

await init({ kernels: "reference" });

const fixed = (value, digits = 3) => value.toFixed(digits);
const parameter = (shape, value) =>
  variable(persistentTensor(shape, (data) => data.set(Float64Array.from(data, (_, at) => value(at)))));
const perMap = (numbers) => reshape(numbers, [1, -1, 1, 1]);
const asMaps = (maps) => Tensor.from(Float64Array.from(maps.flatMap((map) => [...map])), [1, maps.length, SIDE, SIDE]);
const mapsOf = (tensor) => {
  const numbers = tensor.toFloat64Array();
  return Array.from({ length: numbers.length / P }, (_, at) => numbers.slice(at * P, (at + 1) * P));
};
/** Each map by itself: a kernel that copies its centre. */
const copying = (maps) => {
  const weights = new Float64Array(maps * maps * 9);
  for (let map = 0; map < maps; map++) weights[(map * maps + map) * 9 + 4] = 1;
  return Tensor.from(weights, [maps, maps, 3, 3]);
};
const demodulate = (x) => {
  const maps = x.shape[1];
  return modulatedConv2d(x, copying(maps), Tensor.from(new Float64Array(maps).fill(1), [1, maps]), { filter: UNIT });
};

// 1. What is lost: six maps with one pattern at six strengths.

function lost() {
  const shape = pattern(new RandomState(1));
  const { normalised, demodulated } = scope(() => {
    const x = asMaps(STRENGTHS.map((strength) => shape.map((value) => strength * value)));
    return { normalised: mapsOf(instanceNorm(x)), demodulated: mapsOf(demodulate(x)) };
  });
  const deviations = (maps) => maps.map((map) => statistics(map).deviation);
  return { shape, normalised: deviations(normalised), demodulated: deviations(demodulated) };
}

// 2. The spike, by the formula: gain(h) = sqrt(v / (v + h^2 (P - 1) / P^2)).

function spikes(shape) {
  const quietest = shape.reduce((best, value, at) => (Math.abs(value) < Math.abs(shape[best]) ? at : best), 0);
  const map = shape.map((value, at) => (at === quietest ? 0 : value)); // the mean there, nearly
  const measure = (run, height) =>
    scope(() => {
      const [y] = mapsOf(run(asMaps([map.map((value, at) => value + (at === quietest ? height : 0))])));
      return { gain: strengthOf(y, shape), peak: y[quietest] };
    });
  const heights = [0, 2, 4, 8, 16, 32, 64, 128, 256];
  return heights.map((height) => {
    const { gain, peak } = measure(instanceNorm, height);
    return { height, formula: gainOf(height), gain, peak, demodulated: measure(demodulate, height).gain };
  });
}

// 3. Features that are free to move, before AdaIN or before demodulation.

/**
 * Adam on the features x of one map for each strength, so that y = layer(x) + bias shows the pattern at that strength.
 * Error by error, |y - target|: a place that is wrong costs what it is wrong by. Starts without any spike.
 */
function freeFeatures(shape, layer, { power = 1, steps = 1500 } = {}) {
  const random = new RandomState(2);
  const x = parameter([1, STRENGTHS.length, SIDE, SIDE], (at) => shape[at % P] + 0.01 * random.normal());
  const bias = parameter([STRENGTHS.length], () => 0);
  const targets = STRENGTHS.map((strength) => shape.map((value) => strength * value));
  const adam = new Adam(
    new Map([
      ["x", x],
      ["bias", bias],
    ]),
    { betas: [0.9, 0.99] },
  );
  const seen = [];
  for (let step = 0; step <= steps; step++) {
    scope(() => {
      const y = add(layer(x), perMap(bias));
      const squares = square(sub(y, asMaps(targets)));
      const loss = mean(power === 2 ? squares : sqrt(addScalar(squares, 0.02 ** 2)));
      if ([0, 100, 300, steps].includes(step)) seen.push({ step, x: mapsOf(x), y: mapsOf(y), loss: loss.item() });
      adam.learningRate = 0.05 * Math.min(1, 2 * (1 - step / (steps + 1)));
      adam.step(grad([loss], [x, bias]));
    });
  }
  const { x: features, y } = seen.at(-1);
  const rows = STRENGTHS.map((strength, map) => ({
    strength,
    reached: strengthOf(y[map], shape),
    share: strongest(features[map]).share,
    height: Math.max(...features[map].map(Math.abs)),
  }));
  return { seen, rows };
}

// 4. A small network that has to pass on strengths it has not seen: conv([signal, learned constant]), then the layer.

const MAPS = 4;
const BATCH = 8;

function signals(random, samples) {
  const patterns = Array.from({ length: samples * MAPS }, () => pattern(random));
  const strengths = patterns.map(() => 2 ** (-5 * random.uniform()));
  const numbers = patterns.flatMap((map, at) => [...map].map((value) => strengths[at] * value));
  return { patterns, strengths, x: Tensor.from(Float64Array.from(numbers), [samples, MAPS, SIDE, SIDE]) };
}

function trainNetwork(norm, steps, { withConstant = true } = {}) {
  const random = new RandomState(1);
  const constant = parameter([1, MAPS, SIDE, SIDE], () => (withConstant ? 0.5 * random.normal() : 0));
  const weight = parameter([MAPS, 2 * MAPS, 3, 3], () => random.normal() / Math.sqrt(2 * MAPS * 9));
  const [scale, bias] = [parameter([MAPS], () => 1), parameter([MAPS], () => 0)];
  const parameters = new Map(Object.entries({ weight, scale, bias, ...(withConstant && { constant }) }));
  const forward = (x) => {
    const n = x.shape[0];
    const input = concat([x, expand(constant, [n, MAPS, SIDE, SIDE])], 1);
    const each = (numbers) => expand(reshape(numbers, [1, MAPS]), [n, MAPS]);
    if (norm === "adain") {
      const features = conv2d(input, weight, { padding: 1 });
      return { features, y: adain(features, each(scale), each(bias)) };
    }
    const styles = Tensor.from(new Float64Array(n * 2 * MAPS).fill(1), [n, 2 * MAPS]);
    const features = modulatedConv2d(input, weight, styles, { filter: UNIT });
    return { features, y: add(mul(features, perMap(scale)), perMap(bias)) };
  };
  const adam = new Adam(parameters, { betas: [0.9, 0.99] });
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const { x } = signals(random, BATCH);
      // A wrong place costs at most 1, however wrong: e^2 / (e^2 + 0.3^2).
      const e2 = square(sub(forward(x).y, x));
      const loss = mean(mul(e2, reciprocal(addScalar(e2, 0.3 ** 2))));
      adam.learningRate = 0.02 * Math.min(1, 2 * (1 - step / steps));
      adam.step(grad([loss], [...parameters.values()]));
    });
  }
  return scope(() => {
    const test = signals(new RandomState(99), BATCH);
    const { features, y } = forward(test.x);
    const [before, after] = [mapsOf(features), mapsOf(y)];
    return {
      inputs: mapsOf(test.x),
      features: before,
      outputs: after,
      asked: test.strengths,
      reached: after.map((map, at) => strengthOf(map, test.patterns[at])),
      shares: before.map((map) => strongest(map).share),
    };
  });
}

/** Of log strengths: 1 where what arrives is what was sent, 0 where it says nothing about it. */
function correlation(a, b) {
  const [p, q] = [a, b].map((numbers) => numbers.map((value) => Math.log2(Math.max(value, 2 ** -9))));
  const [mp, mq] = [statistics(p), statistics(q)];
  const covariance = total(p.map((value, at) => (value - mp.centre) * (q[at] - mq.centre))) / p.length;
  return covariance / (mp.deviation * mq.deviation || 1);
}

// The page's tables.

const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** Replaces what stands between `<!-- name -->` and `<!-- end -->` in the page. */
function fill(page, name, text) {
  const pattern = new RegExp(`(<!-- ${name} -->\n).*?(<!-- end -->)`, "s");
  if (!pattern.test(page)) throw new Error(`docs/droplets.md has no place for ${name}`);
  return page.replace(pattern, (_, begin, end) => `${begin}\n${text}\n\n${end}`);
}

const first = lost();
const gains = spikes(first.shape);
const free = freeFeatures(first.shape, instanceNorm);
const gentle = freeFeatures(first.shape, instanceNorm, { power: 2 });
const freeDemodulated = freeFeatures(first.shape, demodulate);
const adainNetwork = trainNetwork("adain", 800);
const helpless = trainNetwork("adain", 200, { withConstant: false });
const demodulatedNetwork = trainNetwork("demodulation", 200);

drawGain(gains);
drawEmergence(free);
drawProfile(free);
drawNetworks({ adainNetwork, helpless, demodulatedNetwork });

const network = (name, { asked, reached, shares }) => [
  name,
  fixed(correlation(asked, reached), 2),
  fixed(middle(asked.map((strength, k) => Math.abs(reached[k] / strength - 1)))),
  `${fixed(Math.min(...shares), 2)} to ${fixed(Math.max(...shares), 2)}`,
];
const tables = {
  lost: table(
    ["strength in", ...STRENGTHS.map(String)],
    [
      ["after AdaIN's normalisation", ...first.normalised.map((value) => fixed(value))],
      ["after demodulation", ...first.demodulated.map((value) => fixed(value))],
    ],
  ),
  spike: table(
    ["h", "gain(h)", "measured", "height of the spike afterwards", "demodulated"],
    gains.map((row) => [row.height, fixed(row.formula), fixed(row.gain), fixed(row.peak, 2), fixed(row.demodulated)]),
  ),
  free: table(
    [
      "strength t asked for",
      "reached",
      "energy in one pixel",
      "(1 - t^2) (P - 1) / P",
      "its height",
      "squared error: reached",
      "demodulated: reached",
      "demodulated: energy in one pixel",
    ],
    free.rows.map((row, k) => [
      row.strength,
      fixed(row.reached),
      fixed(row.share),
      fixed(((1 - row.strength ** 2) * (P - 1)) / P),
      fixed(row.height, 1),
      fixed(gentle.rows[k].reached),
      fixed(freeDemodulated.rows[k].reached),
      fixed(freeDemodulated.rows[k].share),
    ]),
  ),
  network: table(
    ["network", "correlation of log strengths", "typical relative error", "energy in one pixel of the features"],
    [
      network("AdaIN", adainNetwork),
      network("AdaIN, the constant held at 0", helpless),
      network("demodulation", demodulatedNetwork),
    ],
  ),
};
for (const [name, text] of Object.entries(tables)) console.log(`\n${name}\n${text}`);
writeFileSync(
  PAGE,
  Object.entries(tables).reduce((page, [name, text]) => fill(page, name, text), readFileSync(PAGE, "utf8")),
);

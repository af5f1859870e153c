/** Feature maps as plain numbers: their statistics, the patterns they show, and how strongly they show them. */

export const SIDE = 16;
export const P = SIDE * SIDE;
/** What the maps of the experiment are asked to show a pattern at. */
export const STRENGTHS = [1, 0.8, 0.6, 0.4, 0.2, 0.1];

export const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** Mean, variance and deviation over the pixels of one map. */
export function statistics(map) {
  const centre = total(map) / map.length;
  const variance = total(map.map((value) => (value - centre) ** 2)) / map.length;
  return { centre, variance, deviation: Math.sqrt(variance) };
}

/** The part of a map's energy, its mean removed, that is in its strongest pixel; and where that is. */
export function strongest(map) {
  const { centre, variance } = statistics(map);
  const energy = map.map((value) => (value - centre) ** 2 / (variance * map.length));
  const at = energy.indexOf(Math.max(...energy));
  return { share: energy[at], at };
}

export const middle = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

/** How strongly `pattern` is seen in a map: the middle of the slopes (y_q - y_r) / (pattern_q - pattern_r). */
export function strengthOf(map, pattern) {
  const slopes = [];
  for (const apart of [P / 2 + SIDE / 2, P / 2 + 3, 5 * SIDE + 6]) {
    map.forEach((value, q) => {
      const r = (q + apart) % P;
      if (Math.abs(pattern[q] - pattern[r]) > 0.5) slopes.push((value - map[r]) / (pattern[q] - pattern[r]));
    });
  }
  return middle(slopes);
}

/** A smooth pattern of mean 0 and deviation 1: six waves. */
export function pattern(random) {
  const waves = Array.from({ length: 6 }, () => ({
    gain: random.normal(),
    phase: 2 * Math.PI * random.uniform(),
    kx: Math.floor(1 + 3 * random.uniform()),
    ky: Math.floor(-3 + 7 * random.uniform()),
  }));
  const raw = Float64Array.from({ length: P }, (_, at) => {
    const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
    return total(
      waves.map(({ gain, phase, kx, ky }) => gain * Math.cos((2 * Math.PI * (kx * x + ky * y)) / SIDE + phase)),
    );
  });
  const { centre, deviation } = statistics(raw);
  return raw.map((value) => (value - centre) / deviation);
}

/** What is left of a map of this variance when one pixel is raised by `height` and the whole is normalised. */
export const gainOf = (height, variance = 1) => Math.sqrt(variance / (variance + (height ** 2 * (P - 1)) / P ** 2));

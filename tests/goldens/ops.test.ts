/**
 * Every operation against the official implementation in float64 (shared/fixtures/ops): values, gradients, and for
 * the modulated convolution the gradient of a function of its gradients.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { add, mul, scale, square } from "../../src/nn/ops/arith.js";
import { type Activation, biasAct } from "../../src/nn/ops/biasAct.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { type Filter2d, setupFilter, upfirdn2d } from "../../src/nn/ops/upfirdn2d.js";
import { Tensor } from "../../src/nn/tensor.js";
import { MinibatchStdLayer } from "../../src/stylegan/minibatchStd.js";
import { modulatedConv2d } from "../../src/stylegan/modulatedConv2d.js";
import { compare, soleGolden } from "../support/goldens.js";

const golden = soleGolden("ops");
const cases = Object.entries(JSON.parse(golden.metadata.cases) as Record<string, CaseOptions>);

/** The parameters of a case, as the metadata writes them. */
type CaseOptions = Readonly<
  Partial<{
    num_channels: number;
    up: number | [number, number];
    down: number | [number, number];
    padding: number | [number, number, number, number];
    gain: number | null;
    group_size: number | null;
    flip_filter: boolean;
    flip_weight: boolean;
    groups: number;
    filter: string;
    demodulate: boolean;
    act: Activation;
    alpha: number | null;
    clamp: number | null;
  }>
>;

const FILTERS: Record<string, readonly number[]> = { "1331": [1, 3, 3, 1], "121": [1, 2, 1] };

function filterOf(name: string, options: CaseOptions): Filter2d {
  if (golden.has(`${name}/f`)) {
    const [rows, columns] = golden.shape(`${name}/f`);
    const taps = [...golden.data(`${name}/f`)];
    return setupFilter(Array.from({ length: rows }, (_, row) => taps.slice(row * columns, (row + 1) * columns)));
  }
  return setupFilter(FILTERS[options.filter!]);
}

type Run = (inputs: Record<string, Tensor>, options: CaseOptions, filter: () => Filter2d) => Tensor;

const OPERATIONS: Record<string, Run> = {
  upfirdn2d: ({ x }, { up, down, padding, gain, flip_filter }, filter) =>
    upfirdn2d(x, filter(), { up, down, padding, gain: gain ?? 1, flipFilter: flip_filter }),
  conv2d_resample: ({ x, w }, { up, down, padding, flip_weight, groups }, filter) =>
    conv2dResample(x, w, filter(), {
      up: up as number,
      down: down as number,
      padding: padding as number,
      flipWeight: flip_weight,
      groups,
    }),
  modulated_conv2d: ({ x, w, s, noise }, { up, demodulate, flip_weight }, filter) => {
    const y = modulatedConv2d(x, w, s, { up: up as 1 | 2, demodulate, flipWeight: flip_weight, filter: filter() });
    return noise === undefined ? y : add(y, noise);
  },
  bias_act: ({ x, b }, { act, alpha, gain, clamp }) =>
    biasAct(x, b, { activation: act, alpha: alpha ?? undefined, gain: gain ?? undefined, clamp }),
  minibatch_std: ({ x }, { group_size, num_channels }) =>
    new MinibatchStdLayer({ groupSize: group_size ?? null, numChannels: num_channels! }).forward(x),
};

function inputsOf(name: string): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const key of ["x", "w", "s", "b", "noise", "u", "v"]) {
    if (golden.has(`${name}/${key}`)) {
      inputs[key] = Tensor.from(golden.data(`${name}/${key}`), golden.shape(`${name}/${key}`));
    }
  }
  return inputs;
}

function expectGolden(tensor: Tensor, name: string, tolerance: number): void {
  expect(tensor.shape).toEqual(golden.shape(name));
  const { difference, largest } = compare(tensor.toFloat64Array(), golden.data(name));
  expect(difference, name).toBeLessThanOrEqual(tolerance * Math.max(largest, 1));
}

test("the fixtures have cases of every operation", () => {
  for (const operation of Object.keys(OPERATIONS)) {
    expect(cases.filter(([name]) => name.startsWith(`${operation}_`)).length, operation).toBeGreaterThan(0);
  }
});

describe("reference kernels, float64", () => {
  beforeAll(() => setKernels(createReferenceKernels("float64")));

  test.each(cases)("%s", (name, options) => {
    const operation = OPERATIONS[name.replace(/_\d+$/, "")];
    expect(operation, `no operation for case ${name}`).toBeDefined();
    const inputs = inputsOf(name);
    const differentiable = ["x", "w", "s", "b"].filter((key) => key in inputs);
    for (const key of [...differentiable, "u"]) variable(inputs[key]);

    const y = operation(inputs, options, () => filterOf(name, options));
    expectGolden(y, `${name}/y`, 1e-10);

    const loss = sum(mul(y, inputs.u));
    const gradients = grad(
      [loss],
      differentiable.map((key) => inputs[key]),
      { createGraph: true },
    );
    differentiable.forEach((key, index) => {
      expectGolden(gradients[index], `${name}/d${key}`, 1e-9);
    });

    if (!golden.has(`${name}/h`)) return;
    // h = sum(ds v) + 0.5 sum(dx^2), a function of first derivatives: its gradient is of second order.
    const [dx, , ds] = gradients;
    const h = add(sum(mul(ds, inputs.v)), scale(sum(square(dx)), 0.5));
    expect(Math.abs(h.item() - golden.data(`${name}/h`)[0])).toBeLessThanOrEqual(1e-9 * Math.abs(h.item()));
    const second = grad([h], [inputs.x, inputs.w, inputs.s, inputs.u]);
    ["x", "w", "s", "u"].forEach((key, index) => {
      expectGolden(second[index], `${name}/h_d${key}`, 1e-9);
    });
  });
});

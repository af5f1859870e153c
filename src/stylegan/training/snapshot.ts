/**
 * A training run as plain data: named tensors and a few numbers, from which it continues bit for bit. Names are the
 * official parameter names after "g.", "d." and "g_ema."; Adam's moments follow "g_opt.m.", "g_opt.v.", "d_opt.m.",
 * "d_opt.v.". Test: identity 42, tests/identities/training.test.ts.
 */
import { CheckpointError } from "../../formats/fileError.js";
import { denseTensor, type PlainTensor } from "../../formats/plainTensor.js";
import type { RandomSnapshot } from "../../nn/random.js";
import { formatShape, sameShape } from "../../nn/shape.js";
import type { Tensor } from "../../nn/tensor.js";
import type { TrainingSampler } from "./sampler.js";
import type { TrainingProgress, TrainingState } from "./state.js";

export interface TrainingSnapshot {
  readonly tensors: ReadonlyMap<string, PlainTensor>;
  /** Safe to store as JSON. */
  readonly numbers: {
    readonly progress: TrainingProgress;
    readonly generatorSteps: number;
    readonly discriminatorSteps: number;
    readonly sampler: RandomSnapshot;
  };
}

/** Every tensor of the state by its name in a snapshot. */
function* tensorsOf(state: TrainingState): Generator<readonly [string, Tensor]> {
  const { generator, discriminator, average, generatorOptimizer, discriminatorOptimizer } = state;
  const groups: readonly (readonly [string, ReadonlyMap<string, Tensor>])[] = [
    ["g.", generator.parameters],
    ["g.", generator.buffers],
    ["d.", discriminator.parameters],
    ["d.", discriminator.buffers],
    ["g_ema.", average.parameters],
    ["g_ema.", average.buffers],
    ["g_opt.m.", generatorOptimizer.m],
    ["g_opt.v.", generatorOptimizer.v],
    ["d_opt.m.", discriminatorOptimizer.m],
    ["d_opt.v.", discriminatorOptimizer.v],
  ];
  for (const [prefix, tensors] of groups) {
    for (const [name, tensor] of tensors) yield [`${prefix}${name}`, tensor];
  }
}

/** The state and its sampler as plain data; the tensors are copies. */
export function snapshotTraining(state: TrainingState, sampler: TrainingSampler): TrainingSnapshot {
  const tensors = new Map<string, PlainTensor>();
  for (const [name, tensor] of tensorsOf(state)) {
    tensors.set(name, denseTensor(tensor.internals.block.data.slice(), tensor.shape, name));
  }
  return {
    tensors,
    numbers: {
      progress: { ...state.progress },
      generatorSteps: state.generatorOptimizer.steps,
      discriminatorSteps: state.discriminatorOptimizer.steps,
      sampler: sampler.getState(),
    },
  };
}

/**
 * Sets a state and its sampler, made with the same geometry and settings, to where the snapshot was taken.
 *
 * @throws CheckpointError when a tensor is missing or has another shape; then nothing has been changed
 */
export function restoreTraining(state: TrainingState, sampler: TrainingSampler, snapshot: TrainingSnapshot): void {
  const { progress, generatorSteps, discriminatorSteps, sampler: samplerState } = snapshot.numbers;
  const pairs = [...tensorsOf(state)].map(([name, tensor]) => {
    const stored = snapshot.tensors.get(name);
    if (stored === undefined) throw new CheckpointError(`training snapshot: ${name} is missing`);
    if (!sameShape(stored.shape, tensor.shape)) {
      throw new CheckpointError(
        `training snapshot: ${name} must be ${formatShape(tensor.shape)}, found ${formatShape(stored.shape)}`,
      );
    }
    return { tensor, stored };
  });
  sampler.setState(samplerState);
  for (const { tensor, stored } of pairs) tensor.update(({ data }) => stored.copyTo(data));
  Object.assign(state.progress, progress);
  state.generatorOptimizer.steps = generatorSteps;
  state.discriminatorOptimizer.steps = discriminatorSteps;
}

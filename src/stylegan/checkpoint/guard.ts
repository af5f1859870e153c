/** What is wrong with the numbers of a checkpoint, found when they are read. */
import { asCheckpoint, CheckpointError, ofCheckpoint } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import type { NetworkConfig } from "../config.js";
import type { CheckpointData, NetworkData } from "./networkData.js";

/** Of the bits of a float32, the sign; and what added to the others reaches it where the exponent is that of NaN and the infinities. */
const SIGN = 0x80000000;
const CARRY = 0x00800000;

/** Many at a time: ten times as fast as asking each. */
function areFinite(numbers: Float32Array | Float64Array): boolean {
  return numbers instanceof Float32Array ? areFinite32(numbers) : areFinite64(numbers);
}

function areFinite32({ buffer, byteOffset, length }: Float32Array): boolean {
  const bits = new Int32Array(buffer, byteOffset, length);
  let seen = 0;
  let k = 0;
  for (; k + 4 <= length; k += 4) {
    seen |= (bits[k] & ~SIGN) + CARRY;
    seen |= (bits[k + 1] & ~SIGN) + CARRY;
    seen |= (bits[k + 2] & ~SIGN) + CARRY;
    seen |= (bits[k + 3] & ~SIGN) + CARRY;
  }
  for (; k < length; k++) seen |= (bits[k] & ~SIGN) + CARRY;
  return seen >= 0;
}

/** Zero times a number is zero, times NaN or an infinity it is NaN. */
function areFinite64(numbers: Float64Array): boolean {
  let sum = 0;
  for (let k = 0; k < numbers.length; k++) sum += 0 * numbers[k];
  return sum === 0;
}

/** The same checkpoint, whose tensors are checked when they are read. */
export function guarded({ networks, ...rest }: CheckpointData): CheckpointData {
  const { gEma, g, d } = networks;
  const { names } = rest;
  return {
    ...rest,
    networks: {
      ...(gEma && { gEma: guardedNetwork(gEma, names.gEma) }),
      ...(g && { g: guardedNetwork(g, names.g) }),
      ...(d && { d: guardedNetwork(d, names.d) }),
    },
  };
}

/**
 * Tensors are read when they are asked for, and only then is damage in their bytes found: it is the checkpoint's, too. So
 * are numbers that no network can compute with.
 */
function guardedNetwork<Config extends NetworkConfig>(network: NetworkData<Config>, where = ""): NetworkData<Config> {
  const guardedTensor = (name: string, tensor: PlainTensor): PlainTensor => {
    const checked = (numbers: Float32Array | Float64Array): void => {
      if (areFinite(numbers)) return;
      const at = numbers.findIndex((x) => !Number.isFinite(x));
      const what = tensor.name ?? name;
      throw new CheckpointError(`${where}: ${what} holds ${numbers[at]}, with which no network can compute`);
    };
    return {
      ...tensor,
      copyTo: (out) => {
        asCheckpoint(() => tensor.copyTo(out));
        checked(out);
      },
      ...(tensor.copyLater && {
        copyLater: async (out) => {
          await tensor.copyLater!(out).catch((error) => {
            throw ofCheckpoint(error);
          });
          checked(out());
        },
      }),
      toFloat: () => {
        const numbers = asCheckpoint(() => tensor.toFloat());
        checked(numbers);
        return numbers;
      },
    };
  };
  const tensors = [...network.tensors].map(([name, tensor]) => [name, guardedTensor(name, tensor)] as const);
  return { ...network, tensors: new Map(tensors) };
}

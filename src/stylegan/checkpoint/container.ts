/** The container that a checkpoint comes in: told from its first bytes, in words when it is none, and opened. */
import { type ByteSource, readRange } from "../../formats/byteSource.js";
import { CheckpointError } from "../../formats/fileError.js";
import { firstOf, inertNames, type PickleResolver } from "../../formats/pickle/common.js";
import { readPickle } from "../../formats/pickle/reader.js";
import { latin1Text } from "../../formats/pickle/text.js";
import { readSafetensors } from "../../formats/safetensors.js";
import { allTorchNames, readTorchLegacy, readTorchZip, type TorchZipOptions } from "../../formats/torch/reader.js";
import type { Opened } from "./format.js";

type FileKind = "safetensors" | "zip" | "torch-stream" | "pickle";

/** How many bytes `sniff` wants to see (fewer if the file is shorter). */
const SNIFF_BYTES = 512;

/**
 * The tensors of a safetensors file, or the object of a pickle, alone or in what torch.save writes.
 *
 * @param names what the formats that may be in it call their classes; all other names become inert records
 * @throws CheckpointError when it is none of these: it says what the file is instead
 */
export function openContainer(source: ByteSource, names: PickleResolver, options: TorchZipOptions): Opened {
  const kind = sniff(readRange(source, 0, Math.min(source.size, SNIFF_BYTES), "checkpoint"), source.size);
  const resolve = firstOf(allTorchNames(names), inertNames);
  switch (kind) {
    case "safetensors":
      return { container: "safetensors", ...readSafetensors(source) };
    case "zip":
      return { container: "torch zip", object: readTorchZip(source, resolve, options) };
    case "torch-stream":
      return { container: "torch stream", object: readTorchLegacy(source, resolve) };
    case "pickle":
      return { container: "pickle", object: readPickle(source, { resolve }).value };
    default:
      throw new CheckpointError(
        `this is not a StyleGAN checkpoint but ${kind.stranger}; expected an official .pkl, a .pt or a .safetensors file`,
      );
  }
}

const PICKLED_TORCH_MAGIC = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";

const strangers: readonly (readonly [string, string])[] = [
  ["\x89PNG", "a PNG image"],
  ["\xff\xd8\xff", "a JPEG image"],
  ["GIF8", "a GIF image"],
  ["RIFF", "a WebP, WAV or AVI file"],
  ["\x89HDF", "an HDF5 file (Keras weights?)"],
  ["\x93NUMPY", "a numpy array"],
  ["GGUF", "a GGUF language model"],
  ["\x1f\x8b", "a gzip archive; unpack it first"],
  ["BZh", "a bzip2 archive; unpack it first"],
  ["\xfd7zXZ", "an xz archive; unpack it first"],
  ["7z\xbc\xaf", "a 7-Zip archive; unpack it first"],
  ["Rar!", "a RAR archive; unpack it first"],
  ["%PDF", "a PDF document"],
  ["version https://git-lfs", "a git-lfs pointer, not the file itself; run `git lfs pull`"],
];

/** The kind of checkpoint file, or a description of what the file is instead. */
function sniff(head: Uint8Array, size: number): FileKind | { readonly stranger: string } {
  const text = latin1Text(head);
  if (size === 0) return { stranger: "an empty file" };
  if (text.startsWith(PICKLED_TORCH_MAGIC)) return "torch-stream";
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) return "zip";
  if (head[0] === 0x80 && head[1] <= 5) return "pickle";
  if (looksLikeSafetensors(head, size)) return "safetensors";
  const known = strangers.find(([magic]) => text.startsWith(magic));
  if (known) return { stranger: known[1] };
  // Protocols 0 and 1 begin without a header; the first class that they name comes soon.
  if (
    /^[(\]}cldN][\s\S]{0,200}?c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n/.test(text) ||
    /^c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n/.test(text)
  ) {
    return "pickle";
  }
  if (/^(\xef\xbb\xbf)?\s*(<!--[\s\S]*?(-->|$)\s*)*(<!doctype|<html|<\?xml|<head)/i.test(text)) {
    return { stranger: "a web page (a download that needed a login or a confirmation?)" };
  }
  if (text.slice(257, 262) === "ustar") return { stranger: "a tar archive; unpack it first" };
  // ir_version comes first, then the length of the producer's name.
  const isOnnx = head[0] === 0x08 && head[1] < 0x80 && head[2] === 0x12;
  if (isOnnx && text.startsWith("stylegan", 4)) {
    return { stranger: "an ONNX model, made by `stylegan export`; the checkpoint that it was made of is needed" };
  }
  if (isOnnx || (head[0] === 0x08 && /onnx|pytorch/i.test(text))) return { stranger: "an ONNX model" };
  if (head.every((byte) => byte === 0)) return { stranger: "a file of zeros (an unfinished download?)" };
  if (/^[\t\n\r\x20-\x7e]+$/.test(text))
    return { stranger: `a text file beginning ${JSON.stringify(text.slice(0, 40))}` };
  const hex = Array.from(head.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return { stranger: `an unknown kind of file beginning with bytes ${hex}` };
}

/** A plausible header length, then JSON. */
function looksLikeSafetensors(head: Uint8Array, size: number): boolean {
  if (head.length < 9 || head[8] !== 0x7b) return false;
  const low = head[0] | (head[1] << 8) | (head[2] << 16);
  return (
    head[4] === 0 &&
    head[5] === 0 &&
    head[6] === 0 &&
    head[7] === 0 &&
    low + head[3] * 2 ** 24 <= Math.max(size, 2 ** 27)
  );
}

/** Readers and writers of files: bytes on one side, plain data on the other. */
export { readArrays } from "./arrayFile.js";
export { type ByteSource, bytesSource, viewOf } from "./byteSource.js";
export { concatBytes, crc32 } from "./bytes.js";
export { CheckpointError, FileError } from "./fileError.js";
export { halfToNumber, numberToHalf } from "./float16.js";
export { type AnimationFormat, ApngEncoder } from "./image/apng.js";
export { GifEncoder, MAX_GIF_FPS } from "./image/gif.js";
export {
  decodeImage,
  type ImageHeader,
  type ImageOptions,
  imageHeader,
  isImageName,
  isOtherImageName,
} from "./image/imageFile.js";
export { cropCentre, resize, upright, withChannels } from "./image/pixels.js";
export { decodePixels } from "./image/png.js";
export { encodePixels, type PixelImage } from "./image/pngEncoding.js";
export { type NpyArray, readNpy, readNpz, writeNpy, writeNpz } from "./npy.js";
export { type PickleOptions, readPickle } from "./pickle/reader.js";
export { PickleGlobal, PickleObject, PickleTuple, type PickleValue } from "./pickle/values.js";
export { type DType, denseTensor, type PlainTensor, stridedTensor } from "./plainTensor.js";
export { Message } from "./protobuf/message.js";
export {
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  safetensorsChunks,
  writeSafetensors,
} from "./safetensors.js";
export { readTorch, TorchStorage, TorchTensor } from "./torch/reader.js";
export { readZipDirectory, readZipEntry, type ZipEntry } from "./zip.js";
export { writeZip, ZipEncoder, type ZipFile, type ZipWriteOptions, zipChunks } from "./zipEncoder.js";

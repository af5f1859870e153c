/** The errors for files that are not what they should be: damaged, truncated, unsupported, or of another kind. */

/**
 * A file cannot be opened, read or written, or is not what it should be. The message says which reader, what was found,
 * where, and what was expected there. Whatever the bytes are, the readers of this package end in success or in this error.
 */
export class FileError extends Error {
  override readonly name: string = "FileError";
  /** What is wrong, without the place. */
  readonly reason: string;
  /** Offset in bytes within the file (or the pickle) where it went wrong, when there is such a place. */
  readonly position: number | undefined;

  constructor(reason: string, position?: number, options?: ErrorOptions) {
    super(position === undefined ? reason : `${reason} (at byte ${position})`, options);
    this.reason = reason;
    this.position = position;
  }
}

/** The same of a file that should hold the networks of a checkpoint, or the state of a training run. */
export class CheckpointError extends FileError {
  override readonly name = "CheckpointError";
}

/** Runs a reader of checkpoints: what is wrong with the container is wrong with the checkpoint. */
export function asCheckpoint<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw ofCheckpoint(error);
  }
}

/** What a reader threw, said of the checkpoint. */
export function ofCheckpoint(error: unknown): unknown {
  if (!(error instanceof FileError) || error instanceof CheckpointError) return error;
  return new CheckpointError(error.reason, error.position, { cause: error });
}

/** A short, bounded description of any decoded value, for messages. */
export function describe(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return value.toString().slice(0, 40);
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof Set) return `a set of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const summary = (value as { summary?: unknown }).summary;
  return typeof summary === "string" ? summary : "an object";
}

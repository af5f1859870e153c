/** The one error for files that are not what they should be: damaged, truncated, unsupported, or of another kind. */

/**
 * A checkpoint, image or array file cannot be read. The message says which reader, what was found, where, and what was
 * expected there. Whatever the bytes are, the readers of this package end in success or in this error.
 */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  /** Offset in bytes within the file (or the pickle) where it went wrong, when there is such a place. */
  readonly position: number | undefined;

  constructor(message: string, position?: number) {
    super(position === undefined ? message : `${message} (at byte ${position})`);
    this.position = position;
  }
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

/** Small pictures of specs: in the tray, at the corners of the pad, in the matrix. */
import { useEffect, useState } from "preact/hooks";
import type { ImageSpec, Picture } from "../engine/protocol.js";
import type { Session } from "./session.js";

/** Pictures of `specs`, as they come; drawn again when `key` changes. The latest request of a channel wins. */
export function useThumbs(
  session: Session,
  channel: string,
  specs: readonly ImageSpec[],
  key: string,
  side = 96,
): readonly (Picture | null)[] {
  const [pictures, setPictures] = useState<readonly (Picture | null)[]>([]);
  useEffect(() => {
    if (specs.length === 0) return;
    let isOld = false;
    // After a pause: while a slider moves, the image comes first.
    const timer = setTimeout(async () => {
      try {
        await session.engine.latest(
          channel,
          "thumbs",
          { specs, side },
          {
            onPartial: ({ index, picture }) => {
              if (isOld) return;
              setPictures((before) => {
                const after = Array.from({ length: specs.length }, (_, at) => before[at] ?? null);
                after[index] = picture;
                return after;
              });
            },
          },
        );
      } catch (error) {
        session.fail(error);
      }
    }, 120);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [session, key]);
  return pictures;
}

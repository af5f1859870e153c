/** Explore: the image in the middle, what decides it beside it. */
import { useEffect, useState } from "preact/hooks";
import { useRoute } from "../app/route.js";
import { useStore } from "../app/store.js";
import { Image } from "./Image.js";
import { Blend } from "./panels/Blend.js";
import { Checkpoint } from "./panels/Checkpoint.js";
import { Directions } from "./panels/Directions.js";
import { Film } from "./panels/Film.js";
import { Layers } from "./panels/Layers.js";
import { Mixing } from "./panels/Mixing.js";
import { Project } from "./panels/Project.js";
import { Seed } from "./panels/Seed.js";
import { theSession } from "./session.js";

export function Explore() {
  const session = theSession();
  const { query } = useRoute();
  const [hasBegun, setHasBegun] = useState(session.store.value.model !== null);
  const [isOver, setIsOver] = useState(false);
  const { model } = useStore(session.store);

  useEffect(() => {
    if (hasBegun) void session.follow(query);
    else {
      setHasBegun(true);
      void session.begin(query);
    }
  }, [query]);

  const drop = (event: DragEvent): void => {
    setIsOver(false);
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    void session.open(file);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a place to drop files; the file input does the same by keyboard
    <div
      class={`explore ${isOver ? "is-over" : ""}`}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes("Files") !== true) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <h1 class="visually-hidden">Explore a network</h1>
      <Image session={session} />
      <div class="panel">
        {model !== null && (
          <>
            <Seed session={session} model={model} />
            <Mixing session={session} model={model} />
            <Blend session={session} model={model} />
            <Directions session={session} model={model} />
            <Film session={session} model={model} />
            <Project session={session} model={model} />
            <Layers session={session} model={model} />
          </>
        )}
        <Checkpoint session={session} />
      </div>
    </div>
  );
}

/** Learn: docs/reading.md with pictures that are alive. */

import { sections } from "virtual:reading";
import { useEffect, useRef, useState } from "preact/hooks";
import { useRoute } from "../app/route.js";
import { theSession } from "../explore/session.js";
import { Lesson } from "./Lesson.js";
import { lessons } from "./lessons.js";
import type { ReadingLink, ReadingSection } from "./reading.js";

export function Learn() {
  const { part } = useRoute();
  useEffect(() => {
    theSession()
      .prepare()
      .then(() => {
        document.body.dataset.state = "ready";
      })
      .catch((error: unknown) => theSession().fail(error));
  }, []);
  useEffect(() => {
    if (part !== "") document.getElementById(part)?.scrollIntoView();
  }, [part]);
  return (
    <div class="learn">
      <nav class="contents" aria-label="Sections">
        <ol>
          {sections.map(({ number, id, title }) => (
            <li key={id} value={number}>
              <a href={`#learn/${id}`}>{title}</a>
            </li>
          ))}
        </ol>
      </nav>
      <div class="lessons">
        <header class="intro">
          <h1>How StyleGAN works</h1>
          <p>
            The ideas of the two papers, one after the other: what each says, its equation, and a control that moves it.
            Every picture is made here and now, by the library that the equations are tested with.
          </p>
        </header>
        {sections.map((section) => (
          <Section key={section.id} section={section} />
        ))}
      </div>
    </div>
  );
}

function Section({ section }: { readonly section: ReadingSection }) {
  const { number, id, title, claim, equation, links } = section;
  const element = useRef<HTMLElement>(null);
  const [isNear, setNear] = useState(false);
  // Lessons begin to compute when they come near the screen.
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        setNear(true);
        watcher.disconnect();
      },
      { rootMargin: "200px" },
    );
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  return (
    <section class="lesson" id={id} ref={element} aria-labelledby={`${id}-title`} data-testid={`section-${number}`}>
      <h2 id={`${id}-title`}>
        <span class="number">{number}</span> {title}
      </h2>
      <p class="claim">{claim}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls sideways is reached by keyboard */}
      <pre class="equation" tabIndex={0}>
        {equation}
      </pre>
      {(lessons[number] ?? []).map((definition) => (
        <Lesson key={definition.lesson} definition={definition} isNear={isNear} />
      ))}
      <Sources links={links} />
    </section>
  );
}

let sources: Promise<Readonly<Record<string, string>>> | null = null;

function Sources({ links }: { readonly links: readonly ReadingLink[] }) {
  return (
    <div class="sources">
      {links.map((link) => (
        <Source key={link.key} link={link} />
      ))}
    </div>
  );
}

/** The lines that a link of the document means, read when somebody opens them. */
function Source({ link }: { readonly link: ReadingLink }) {
  const [text, setText] = useState<string | null>(null);
  const read = async (): Promise<void> => {
    sources ??= fetch(new URL("learn/sources.json", document.baseURI)).then((response) => response.json());
    try {
      setText((await sources)[link.key] ?? "These lines are not in the page.");
    } catch {
      sources = null;
      setText("The lines could not be read.");
    }
  };
  return (
    <details
      class="source"
      onToggle={(event) => {
        if (event.currentTarget.open && text === null) void read();
      }}
    >
      <summary>
        <span class="small">{link.kind === "code" ? "Lines" : "Test"}</span> {link.label}
      </summary>
      <p class="small">
        {link.file}, lines {link.from} to {link.to}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls sideways is reached by keyboard */}
      <pre tabIndex={0}>{text ?? "Reading"}</pre>
    </details>
  );
}

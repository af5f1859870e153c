/** The frame: a header, and one of three pages. Learn and Train are loaded when somebody goes there. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Explore } from "../explore/Explore.js";
import { type PageName, pages, useRoute } from "./route.js";
import { useTheme } from "./theme.js";

const titles: Readonly<Record<PageName, string>> = { explore: "Explore", learn: "Learn", train: "Train" };

const later: Readonly<Record<Exclude<PageName, "explore">, () => Promise<ComponentType>>> = {
  learn: async () => (await import("../learn/Learn.js")).Learn,
  train: async () => (await import("../train/Train.js")).Train,
};

function Later({ page }: { readonly page: Exclude<PageName, "explore"> }) {
  const [content, setContent] = useState<{ readonly page: string; readonly Page: ComponentType } | null>(null);
  useEffect(() => {
    void later[page]().then((Page) => setContent({ page, Page }));
  }, [page]);
  if (content === null || content.page !== page) return <p class="loading">Loading</p>;
  return <content.Page />;
}

export function App() {
  const { page } = useRoute();
  const [theme, toggleTheme] = useTheme();
  useEffect(() => {
    document.title = `${titles[page]} · StyleGAN`;
  }, [page]);
  return (
    <>
      <button type="button" class="skip-link" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the page
      </button>
      <header class="site">
        <a class="wordmark" href="#explore">
          stylegan
        </a>
        <nav aria-label="Pages">
          {pages.map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === page ? "page" : undefined}>
              {titles[name]}
            </a>
          ))}
        </nav>
        <button
          type="button"
          class="quiet"
          onClick={toggleTheme}
          aria-label={theme === "dark" ? "Light colours" : "Dark colours"}
        >
          {theme === "dark" ? "Light" : "Dark"}
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {page === "explore" ? <Explore /> : <Later page={page} />}
      </main>
    </>
  );
}

/** Where one is: #explore?seed=1, #learn/truncation, #train. A hash works on any static host and any sub-path. */
import { useEffect, useState } from "preact/hooks";

export const pages = ["explore", "learn", "train"] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  readonly page: PageName;
  /** What follows the page's name and a slash. */
  readonly part: string;
  readonly query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const page = pages.find((candidate) => candidate === name) ?? "explore";
  return { page, part: rest.join("/"), query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

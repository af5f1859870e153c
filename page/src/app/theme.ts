/** Light or dark: as the system says, until somebody chooses. */
import { useEffect, useState } from "preact/hooks";

export type Theme = "light" | "dark";

const KEY = "stylegan-theme";
const isTheme = (value: unknown): value is Theme => value === "light" || value === "dark";

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return isTheme(value) ? value : null;
  } catch {
    return null; // storage is off
  }
}

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = (): Theme => (systemIsDark.matches ? "dark" : "light");

export function applyTheme(): void {
  const theme = stored();
  if (theme === null) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(stored() ?? systemTheme());
  useEffect(() => {
    const follow = (): void => setTheme(stored() ?? systemTheme());
    systemIsDark.addEventListener("change", follow);
    return () => systemIsDark.removeEventListener("change", follow);
  }, []);
  const toggle = (): void => {
    const next = theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // It lasts as long as the page.
    }
    document.documentElement.dataset.theme = next;
    setTheme(next);
  };
  return [theme, toggle];
}

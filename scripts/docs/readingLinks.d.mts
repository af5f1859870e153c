/** Types of readingLinks.mjs, for the tests. */
export interface CodeLink {
  /** `symbol`, `Class.member`, or “title of a test”, without the quotes. */
  readonly label: string;
  readonly isTitle: boolean;
  /** As written, relative to the page. */
  readonly target: string;
  /** First and last line, counted from 1. */
  readonly first: number;
  readonly last: number;
}

export const pages: readonly string[];
export function codeLinks(page: string): CodeLink[];
export function locate(
  source: string,
  label: string,
  isTitle: boolean,
): { readonly first: number; readonly last: number } | null;

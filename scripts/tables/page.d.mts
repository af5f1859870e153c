/** Types of page.mjs, for the tests. */
export function partsOf(planPath: string): ReadonlyMap<string, string>;
export function partOf(
  page: string,
  name: string,
): { readonly before: string; readonly text: string; readonly after: string };

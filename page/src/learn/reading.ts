/** What docs/reading.md says, as page/reading.ts takes it apart. */

export interface ReadingLink {
  readonly kind: "code" | "test";
  readonly label: string;
  readonly file: string;
  /** First and last line. */
  readonly from: number;
  readonly to: number;
  /** Where its lines are in learn/sources.json. */
  readonly key: string;
}

export interface ReadingSection {
  readonly number: number;
  readonly id: string;
  readonly title: string;
  readonly claim: string;
  readonly equation: string;
  readonly links: readonly ReadingLink[];
}

/** No golden file is passed over: each is of one kind that a test takes all files of (tests/support/goldens.ts). */
import { expect, test } from "vitest";
import { FIXTURES, goldensUnder, kindsOf } from "../support/goldens.js";

test.each(goldensUnder(FIXTURES))("%s is of one kind", (path) => {
  expect(kindsOf(path)).toHaveLength(1);
});

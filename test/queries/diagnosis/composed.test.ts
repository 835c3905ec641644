/** A part of the composed situations; `bun scripts/composed-diagnoses.ts` plays all of them. */
import { describe, expect, test } from "bun:test";
import { play, situations } from "../../support/diagnosis/composed/play.ts";

const ALL = situations();
/** A prime: each cause, scope and noise is met. */
const EVERY = 13;

describe("composed situations", () => {
  test("there are at least 600", () => {
    expect(ALL.length).toBeGreaterThanOrEqual(600);
  });

  test.each(
    ALL.filter((_, index) => index % EVERY === 0).map((one) => [one.blocker, one.scope, one.noise, one] as const),
  )("%s, asked for %s, beside %s", async (_, __, ___, situation) => {
    expect((await play(situation)).faults).toEqual([]);
  });
});

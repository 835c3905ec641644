import { describe, expect, test } from "bun:test";
import { ALL_PERMISSIONS } from "../../src/model/verbs.ts";
import { type ActingCase, type ActingHarness, CASES, type Fate, openActingHarness } from "./acting-harness.ts";

const NAMED = CASES.map((one) => [one.permission, one] as const);

async function confirmed(the: ActingHarness, { permission, args, arrange }: ActingCase, fate: Fate) {
  arrange?.(the.harness.fake.workspace);
  const [tool = ""] = permission.split(".");
  const shown = await the.call(tool, args);
  expect(the.sent).toEqual([]);
  the.fate = fate;
  const { preview } = shown.structured;
  const answer = await the.call(tool, { ...args, confirm: preview.confirm });
  return { preview, answer };
}

test("every verb has its case", () => {
  expect(CASES.map(({ permission }) => permission).sort()).toEqual([...ALL_PERMISSIONS].sort());
});

describe("a request whose answer is lost", () => {
  test.each(NAMED)("%s: was carried out, which is seen by reading; it is sent once", async (_, one) => {
    await using the = await openActingHarness();
    const { preview, answer } = await confirmed(the, one, "lost_after");
    expect(answer.structured).toMatchObject({
      done: 1,
      of: 1,
      complete: true,
      results: [{ outcome: "done", reached: true, reason: "no answer" }],
    });
    expect(the.sent).toEqual(preview.requests);
  });

  test.each(NAMED)("%s: was not carried out, which stays unknown; it is sent once", async (_, one) => {
    await using the = await openActingHarness();
    const { preview, answer } = await confirmed(the, one, "lost_before");
    expect(answer.structured).toMatchObject({ done: 0, complete: false, results: [{ outcome: "unknown" }] });
    expect(answer.structured.results[0].reached).not.toBe(true);
    expect(answer.text).toContain("may still be carried out");
    expect(answer.structured.waited_seconds).toBeGreaterThanOrEqual(15);
    expect(the.sent).toEqual(preview.requests);
  });
});

test.each(NAMED)("%s: an answered request is done, with its effect", async (_, one) => {
  await using the = await openActingHarness();
  const { preview, answer } = await confirmed(the, one, "answered");
  expect(answer.structured).toMatchObject({ done: 1, complete: true, results: [{ outcome: "done", reached: true }] });
  const [note] = answer.structured.notes as readonly string[];
  expect(note).toBe("Nothing is recorded yet: 1 change not looked for in a record; Prefect itself was read.");
  expect(the.sent).toEqual(preview.requests);
  expect(the.notes.map(({ phase }) => phase)).toEqual(["preview", "attempt", "result"]);
});

test.each(NAMED)("%s: a request that never left is not sent later", async (_, one) => {
  await using the = await openActingHarness();
  const { answer } = await confirmed(the, one, "not_sent");
  expect(answer.structured).toMatchObject({ done: 0, complete: false, results: [{ outcome: "not_sent" }] });
  expect(the.sent).toHaveLength(1);
});

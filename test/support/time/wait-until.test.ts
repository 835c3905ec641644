import { expect, test } from "bun:test";
import { addWitness, answerOf, waitUntil } from "./wait-until.ts";

test("a wait returns the first wanted answer", async () => {
  const answers = [null, 0, "", false, 7, 8];
  expect(await waitUntil("a number", () => answers.shift())).toBe(7);
  expect(
    await waitUntil(
      "nothing",
      async () => answers.shift(),
      (answer) => answer === undefined,
    ),
  ).toBeUndefined();
});

test("a wait that is given up says what was awaited, what was last seen, for how long, and how everything is doing", async () => {
  const end = addWitness(() => "The server is asleep.");
  addWitness(() => Promise.reject(new Error("no server")))();
  const failure = waitUntil(
    "eight events",
    () => ({ events: 3 }),
    () => false,
    30,
  );
  await expect(failure).rejects.toThrow(
    /^Waited 0 s in vain for: eight events\nLast seen: \{\s+events: 3,\s+\}\nLoad average: [\d.]+ [\d.]+ [\d.]+\nThe server is asleep\.$/,
  );
  end();
  const unanswered = waitUntil("an answer", () => new Promise(() => undefined), Boolean, 30);
  await expect(unanswered).rejects.toThrow(/Last seen: nothing: the first question was not answered/);
  await expect(answerOf("the answer to ping", new Promise(() => undefined), 30)).rejects.toThrow(
    /^Waited 0 s in vain for: the answer to ping\nLast seen: nothing\nLoad average: [\d. ]+$/,
  );
});

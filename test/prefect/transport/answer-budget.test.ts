/** What answers of callers' Prefects may take together while they come in. */

import { expect, test } from "bun:test";
import { silentLogger } from "../../../src/lib/logger.ts";
import { createPrefectClient } from "../../../src/prefect/client.ts";
import { type AnswerBudget, createAnswerBudget } from "../../../src/prefect/transport/answer-budget.ts";
import { DEFAULT_CONNECTION } from "../../support/default-connection.ts";
import { failureOf } from "../../support/failure-of.ts";
import { facts } from "../../support/fake-prefect/client.ts";
import { eventually } from "../../support/time/eventually.ts";
import { fastClock } from "../../support/time/fast-clock.ts";

const MB = 1_000_000;

/** A Prefect whose version is `bytes` long; its last character waits until it is let go. */
function slowPrefect(bytes: number) {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    fetch: () => {
      asked += 1;
      const body = async function* () {
        yield `"${"0".repeat(bytes - 2)}`;
        await gate.promise;
        yield '"';
      };
      return new Response(body() as unknown as ReadableStream, { headers: { "content-type": "application/json" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/api`,
    letGo: () => gate.resolve(),
    get asked() {
      return asked;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function client(url: string, answers: AnswerBudget, isNamedByCaller = true) {
  const connection = { ...DEFAULT_CONNECTION, url, userAgent: "prefect-mcp-bun/0.1.0", isNamedByCaller };
  return createPrefectClient(connection, { clock: fastClock(50), logger: silentLogger, answers });
}

/** Counts what is taken. */
function counted(mostBytes: number): AnswerBudget & { readonly taken: number } {
  const budget = createAnswerBudget(mostBytes);
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take(bytes) {
      const isTaken = budget.take(bytes);
      if (isTaken) taken += bytes;
      return isTaken;
    },
    give(bytes) {
      budget.give(bytes);
      taken -= bytes;
    },
  };
}

test("beyond what all may take together a call fails at once, is told to come again, and asks once only", async () => {
  using slow = slowPrefect(2 * MB);
  using other = slowPrefect(2 * MB);
  const answers = counted(3 * MB);
  const reading = client(slow.url, answers).readVersion();
  await eventually(
    () => answers.taken,
    (taken) => taken >= 2 * MB - 2,
    5_000,
  );
  other.letGo();
  const error = await failureOf(client(other.url, answers).readVersion());
  expect({ ...facts(error), retryable: error.retryable, retryAfterMs: error.retryAfterMs }).toEqual({
    code: "unavailable",
    message: "Too much of what callers' Prefects answer is being read at once.",
    hint: "Ask again in a moment, for less at once or with fewer calls beside each other.",
    retryable: true,
    retryAfterMs: 1_000,
  });
  expect(other.asked).toBe(1);
  expect(await client(other.url, answers, false).readVersion()).toHaveLength(2 * MB - 2);
  slow.letGo();
  expect(await reading).toHaveLength(2 * MB - 2);
  expect(answers.taken).toBe(0);
  expect(await client(other.url, answers).readVersion()).toHaveLength(2 * MB - 2);
  expect(answers.taken).toBe(0);
});

test("one connection takes no more than one answer may have", async () => {
  using slow = slowPrefect(10 * MB);
  const answers = counted(64 * MB);
  const one = client(slow.url, answers);
  const both = [one.readVersion(), one.readVersion()];
  const error = await failureOf(Promise.all(both));
  expect([error.code, error.retryable]).toEqual(["unavailable", true]);
  slow.letGo();
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(answers.taken).toBe(0);
});

/** The budget that the answers of callers' Prefects share. */

import { expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { createPrefectClient } from "../../../src/prefect/client.ts";
import { type AnswerBudget, createAnswerBudget } from "../../../src/prefect/transport/answer-budget.ts";
import { DEFAULT_CONNECTION } from "../../support/default-connection.ts";
import { failureOf } from "../../support/failure-of.ts";
import { facts } from "../../support/fake-prefect/client.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

const MB = 1_000_000;

/** A Prefect whose version has `bytes` characters; it sends the last one only after `release`. */
function slowPrefect(bytes: number, isText = true) {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    fetch: () => {
      asked += 1;
      const body = async function* () {
        yield isText ? `"${"0".repeat(bytes - 2)}` : `${" ".repeat(bytes - 3)}"0`;
        await gate.promise;
        yield '"';
      };
      return new Response(body() as unknown as ReadableStream, { headers: { "content-type": "application/json" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/api`,
    release: () => gate.resolve(),
    get asked() {
      return asked;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function client(url: string, answers: AnswerBudget, isNamedByCaller = true) {
  const connection = { ...DEFAULT_CONNECTION, url, userAgent: "prefect-mcp-bun/0.1.0", isNamedByCaller };
  return createPrefectClient(connection, { clock: systemClock, logger: silentLogger, answers });
}

/** Counts the reserved bytes. */
function counted(maxBytes: number): AnswerBudget & { readonly reserved: number } {
  const budget = createAnswerBudget(maxBytes);
  let reserved = 0;
  return {
    get reserved() {
      return reserved;
    },
    reserve(bytes) {
      const isReserved = budget.reserve(bytes);
      if (isReserved) reserved += bytes;
      return isReserved;
    },
    release(bytes) {
      budget.release(bytes);
      reserved -= bytes;
    },
  };
}

test("when the shared budget is used up, a call fails at once as retryable and is not sent twice", async () => {
  using slow = slowPrefect(2 * MB);
  using other = slowPrefect(2 * MB);
  const answers = counted(3 * MB);
  const reading = client(slow.url, answers).readVersion();
  await waitUntil(
    "two megabytes are reserved",
    () => answers.reserved,
    (reserved) => reserved >= 2 * MB - 2,
  );
  other.release();
  const error = await failureOf(client(other.url, answers).readVersion());
  expect({ ...facts(error), retryable: error.retryable, retryAfterMs: error.retryAfterMs }).toEqual({
    code: "unavailable",
    message: "Too many large answers of callers' Prefects are being read at once.",
    hint: "Ask again in a moment, for less at once or with fewer parallel calls.",
    retryable: true,
    retryAfterMs: 1_000,
  });
  expect(other.asked).toBe(1);
  expect(await client(other.url, answers, false).readVersion()).toHaveLength(2 * MB - 2);
  slow.release();
  expect(await reading).toHaveLength(2 * MB - 2);
  expect(answers.reserved).toBe(0);
  expect(await client(other.url, answers).readVersion()).toHaveLength(2 * MB - 2);
  expect(answers.reserved).toBe(0);
});

test("the answers of one connection together are limited to the size of one answer", async () => {
  using slow = slowPrefect(10 * MB, false);
  const answers = counted(64 * MB);
  const one = client(slow.url, answers);
  const both = [one.readVersion(), one.readVersion()];
  const error = await failureOf(Promise.all(both));
  expect([error.code, error.retryable]).toEqual(["unavailable", true]);
  slow.release();
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(answers.reserved).toBe(0);
});

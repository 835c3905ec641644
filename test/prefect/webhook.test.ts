import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { Clock } from "../../src/lib/clock.ts";
import { MAX_ATTEMPTS, sendWebhook, signature } from "../../src/prefect/webhook.ts";
import { T0_US } from "../support/builders.ts";
import { failureOf } from "../support/failure-of.ts";

const MESSAGE = { id: "msg_1", body: '{"type":"incident.repeated"}' };

/** A receiver that answers with these statuses, one after the other; the waits between the attempts are listed, not waited for. */
function receiver(...answers: (number | ResponseInit)[]) {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const waits: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      received.push({ headers: request.headers.toJSON(), body: await request.text() });
      const answer = answers.shift() ?? 204;
      return new Response(null, typeof answer === "number" ? { status: answer } : answer);
    },
  });
  const clock: Clock = {
    nowUs: () => T0_US,
    steadyMs: () => 0,
    bootedUs: () => 0,
    // The limit of an attempt ends with the attempt.
    sleep: (ms, signal) => {
      if (ms === 10_000) return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
      waits.push(ms);
      return Promise.resolve();
    },
  };
  const stop = new AbortController();
  const options = { url: server.url, secret: "a long secret", clock, signal: stop.signal, random: () => 0.5 };
  return {
    received,
    waits,
    send: (check: () => Promise<unknown> = () => Promise.resolve()) => sendWebhook(MESSAGE, { ...options, check }),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

test("a message is signed over its id, its time and its body", async () => {
  await using set = receiver();
  await set.send();
  const [first] = set.received;
  const timestamp = String(T0_US / 1_000_000);
  const expected = createHmac("sha256", "a long secret").update(`msg_1.${timestamp}.${MESSAGE.body}`).digest("base64");
  expect(first?.body).toBe(MESSAGE.body);
  expect(first?.headers).toMatchObject({
    "content-type": "application/json",
    "webhook-id": "msg_1",
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${expected}`,
  });
});

test("a secret of Standard Webhooks holds its key in base64, as in the example of the specification", () => {
  const body = '{"test": 2432232314}';
  const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  expect(signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", { id, body }, "1614265330")).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("a receiver that fails for a while gets the same message again, later each time", async () => {
  await using set = receiver(503, 500, { status: 429, headers: { "retry-after": "30" } });
  await set.send();
  expect(set.received.map(({ headers }) => headers["webhook-id"])).toEqual(Array(4).fill("msg_1"));
  expect(set.waits).toEqual([1_000, 2_000, 30_000]);
});

test("the attempts end, and the error names the host and the last answer", async () => {
  await using set = receiver(...Array(9).fill(503));
  const error = await failureOf(set.send());
  expect(set.received).toHaveLength(MAX_ATTEMPTS);
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("HTTP 503") });
});

test("a refused message and a redirect are not tried again, and the redirect is not followed", async () => {
  for (const status of [400, 401, 404]) {
    await using set = receiver(status);
    expect(await failureOf(set.send())).toMatchObject({ message: expect.stringContaining(`HTTP ${status}`) });
    expect(set.received).toHaveLength(1);
  }
  await using other = receiver();
  await using set = receiver({ status: 307, headers: { location: "http://169.254.169.254/" } });
  await failureOf(set.send());
  expect([set.received.length, other.received.length]).toEqual([1, 0]);
});

test("the URL is checked before each attempt", async () => {
  await using set = receiver(503, 204);
  let checks = 0;
  const check = async () => {
    checks += 1;
    if (checks === 2) throw new Error("now private");
  };
  await set.send(check);
  expect([checks, set.received.length]).toEqual([3, 2]);
});

/**
 * Signed messages to a receiver that the user names, in the format of Standard Webhooks, so that any of its libraries verifies them:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { AppError } from "../errors.ts";
import { Backoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { asName, asReason, own, type Sentence, sentence } from "../lib/shown-text.ts";
import { SECOND_US } from "../lib/time.ts";
import { parseRetryAfterMs } from "./transport/retry.ts";

export interface WebhookMessage {
  /** The same in each attempt, so that the receiver can drop repeats. */
  readonly id: string;
  readonly body: string;
}

export interface WebhookOptions {
  readonly url: URL;
  readonly secret: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Throws AppError when the URL is not or no longer allowed; called before each attempt. */
  check(): Promise<unknown>;
  readonly random?: () => number;
}

/** Attempts for one message, and the waits between them: 1, 2, 4, 8 s, more or less a fifth. */
export const MAX_ATTEMPTS = 5;
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 60_000;
const ATTEMPT_MS = 10_000;

/** A refusal that another attempt would get again. */
class Refused extends Error {}

/** Delivers a message. Throws AppError `unavailable` when no attempt succeeded, or when the receiver refuses the message. */
export async function sendWebhook(message: WebhookMessage, options: WebhookOptions): Promise<void> {
  const { clock, signal, random } = options;
  const backoff = new Backoff({ firstMs: FIRST_WAIT_MS, maxMs: MAX_WAIT_MS, ...(random ? { random } : {}) });
  let why: Sentence = own("it was not tried");
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && !signal.aborted; attempt += 1) {
    let retryAfterMs: number | undefined;
    try {
      const answer = await post(message, options);
      if (answer.ok) return;
      why = sentence`HTTP ${answer.status}`;
      if (!isTemporary(answer.status)) throw new Refused();
      retryAfterMs = parseRetryAfterMs(answer.headers);
    } catch (error) {
      if (error instanceof Refused || error instanceof AppError) throw failure(options.url, why, error);
      why = asReason(error instanceof Error ? error.message.slice(0, 200) : "no answer");
    }
    if (attempt === MAX_ATTEMPTS) break;
    const waitMs = backoff.next();
    await clock.sleep(Math.min(MAX_WAIT_MS, Math.max(waitMs, retryAfterMs ?? 0)), signal);
  }
  throw failure(options.url, why, undefined);
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function failure(url: URL, why: Sentence, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError("unavailable", sentence`The webhook at ${asName(url.host)} did not take the message (${why}).`, {
    hint: "Check the URL given to --webhook and its receiver.",
    cause,
  });
}

async function post({ id, body }: WebhookMessage, options: WebhookOptions): Promise<Response> {
  const { url, secret, clock, signal } = options;
  await options.check();
  const timestamp = String(Math.floor(clock.nowUs() / SECOND_US));
  const late = new AbortController();
  const answered = new AbortController();
  void clock.sleep(ATTEMPT_MS, answered.signal).then(() => late.abort(new Error(`no answer in ${ATTEMPT_MS} ms`)));
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "prefect-mcp-bun",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(secret, { id, body }, timestamp),
      },
      body,
      // A redirect could lead to an address that is not allowed.
      redirect: "manual",
      signal: AbortSignal.any([signal, late.signal]),
    });
    await response.body?.cancel();
    return response;
  } finally {
    answered.abort();
  }
}

/** `v1,` and the HMAC-SHA256 of id, time and body in base64. A secret that begins with `whsec_` holds the key in base64. */
export function signature(secret: string, { id, body }: WebhookMessage, timestamp: string): string {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  const hasher = new Bun.CryptoHasher("sha256", key);
  return `v1,${hasher.update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

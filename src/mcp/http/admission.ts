/** Admits a request by its caller's rate and concurrency, then reads its body. */

import type { Clock } from "../../lib/clock.ts";
import { own } from "../../lib/shown-text.ts";
import { normalizeMessage } from "../incoming.ts";
import { withWatchableUris } from "../offer-subscriptions.ts";
import type { Admission, CallerLimits } from "./caller-limits.ts";
import { costOf, isCancellation } from "./requests/inspect-message.ts";
import { readJsonBody } from "./requests/json-body.ts";
import { refusal } from "./requests/refusals.ts";

export interface AdmissionRules {
  readonly limits: CallerLimits;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
}

/** `body`: normalized; undefined for requests without one. Call `release` once when the answer is complete. */
export type Admitted =
  | { readonly ok: true; readonly body: unknown; readonly release: () => void }
  | { readonly ok: false; readonly reason: "rate" | "body"; readonly response: Response };

/**
 * A body up to this length may be a cancellation. It is read even when its caller has too many running requests, because it may end
 * one of them.
 */
const SMALL_BYTES = 1_024;

export async function admitRequest(request: Request, callerId: string, rules: AdmissionRules): Promise<Admitted> {
  const { limits, maxBodyBytes, clock } = rules;
  const isPost = request.method === "POST";
  const first = limits.admit(callerId, clock.steadyMs());
  if (!first.isAdmitted && !(isPost && first.reason === "concurrency" && isSmall(request))) return refused(first);
  let release = first.isAdmitted ? first.release : () => {};
  let isAdmitted = false;
  try {
    const read = isPost ? await readJsonBody(request, maxBodyBytes, clock) : null;
    if (read && !read.ok) return { ok: false, reason: "body", response: refusal(read.refusal) };
    const body = withWatchableUris(normalizeMessage(read?.value));
    const cost = costOf(body);
    if (!first.isAdmitted || cost > 1) {
      release();
      // A cancellation ends a running request, so it must not count as one.
      const whole = limits.admit(callerId, clock.steadyMs(), cost, isCancellation(body) ? 0 : cost);
      if (!whole.isAdmitted) return refused(whole);
      release = whole.release;
    }
    isAdmitted = true;
    return { ok: true, body, release };
  } finally {
    if (!isAdmitted) release();
  }
}

function isSmall(request: Request): boolean {
  const length = request.headers.get("content-length");
  return length !== null && Number(length) <= SMALL_BYTES;
}

function refused({ reason, retryAfterSeconds }: Extract<Admission, { isAdmitted: false }>): Admitted {
  const message = own(reason === "rate" ? "Too many requests." : "Too many requests at the same time.");
  const headers = { "retry-after": String(retryAfterSeconds) };
  return { ok: false, reason: "rate", response: refusal({ status: 429, code: "rate_limited", message, headers }) };
}

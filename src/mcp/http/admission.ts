/** Whether a request is taken: its caller's rate and places, then its body. */
import type { Clock } from "../../lib/clock.ts";
import { tolerated } from "../incoming.ts";
import { honourable } from "../offer-subscriptions.ts";
import { readJsonBody } from "./body.ts";
import type { Admission, CallerLimits } from "./caller-limits.ts";
import { refusal, tooMany } from "./refusals.ts";
import { costOf, isCancellation } from "./request.ts";

export interface AdmissionRules {
  readonly limits: CallerLimits;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
}

/** `body`: as it is to be answered; undefined where there is none. Call `release` once when the answer is out. */
export type Admitted =
  | { readonly ok: true; readonly body: unknown; readonly release: () => void }
  | { readonly ok: false; readonly reason: "rate" | "body"; readonly response: Response };

/** A body of this length may take requests back; it is read also when its caller's places are taken. */
const SMALL_BYTES = 1_024;

export async function admitRequest(request: Request, callerId: string, rules: AdmissionRules): Promise<Admitted> {
  const { limits, maxBodyBytes, clock } = rules;
  const isPost = request.method === "POST";
  const first = limits.admit(callerId, clock.nowMs());
  if (!first.admitted && !(isPost && first.reason === "concurrency" && isSmall(request))) return refused(first);
  let release = first.admitted ? first.release : () => {};
  let isTaken = false;
  try {
    const read = isPost ? await readJsonBody(request, maxBodyBytes, clock) : null;
    if (read && !read.ok) return { ok: false, reason: "body", response: refusal(read.refusal) };
    const body = honourable(tolerated(read?.value));
    const cost = costOf(body);
    if (!first.admitted || cost > 1) {
      release();
      // Whoever takes a request back frees a place; it must not need one.
      const whole = limits.admit(callerId, clock.nowMs(), cost, isCancellation(body) ? 0 : cost);
      if (!whole.admitted) return refused(whole);
      release = whole.release;
    }
    isTaken = true;
    return { ok: true, body, release };
  } finally {
    if (!isTaken) release();
  }
}

function isSmall(request: Request): boolean {
  const length = request.headers.get("content-length");
  return length !== null && Number(length) <= SMALL_BYTES;
}

function refused(admission: Extract<Admission, { admitted: false }>): Admitted {
  return { ok: false, reason: "rate", response: tooMany(admission) };
}

/** How a node leaves its fleet so that no call fails: what it owns first, then those that still come to it, then what still runs. */
import type { Fleet } from "../../../fleet/fleet.ts";
import type { Clock } from "../../../lib/clock.ts";
import { addMs } from "../../../lib/time.ts";

/**
 * Requests are accepted for this long after the node owns nothing any more. Balancers ask `/readyz` every second and believe the second
 * 503 (see packaging/fleet), and other nodes send to an owner that they have read from the database for 2 s.
 */
const LINGER_MS = 3_500;
/** Time for the answers that still run then, those of other nodes that are passed on included. */
const ANSWERS_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 20;
/** All of it, and the end of records and replicas. The shipped files allow 30 s (Compose) and 60 s (Kubernetes). */
export const LEAVE_WITHIN_MS = 28_000;

export async function lingerInFleet(fleet: Fleet, clock: Clock): Promise<void> {
  await fleet.drain();
  if (fleet.nodes.some(({ incarnation }) => incarnation !== fleet.incarnation)) await clock.sleep(LINGER_MS);
}

/** Waits until nothing is being answered, for as long as that is of use. */
export async function untilAnswered(clock: Clock, isAnswering: () => boolean): Promise<void> {
  const untilMs = addMs(clock.steadyMs(), ANSWERS_WITHIN_MS);
  while (isAnswering() && clock.steadyMs() < untilMs) await clock.sleep(LOOK_EVERY_MS);
}

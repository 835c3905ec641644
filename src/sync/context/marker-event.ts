import type { ServerUs } from "../../lib/time.ts";

/**
 * State key of the marker event; see `verification/reset-detection.ts`. Records in use hold this value, so it stays
 * although the name in the code has changed: without the marker a reset of the server would go unnoticed.
 */
export const MARKER_EVENT_KEY = "canary.event";

/** A confirmed event: when the server no longer has it, its database was reset or restored. */
export interface MarkerEvent {
  readonly id: string;
  readonly occurredUs: ServerUs;
  /**
   * When the server received it. A sender may send an event again to a server that lost it, but then with a later
   * stamp.
   */
  readonly receivedUs: ServerUs;
}

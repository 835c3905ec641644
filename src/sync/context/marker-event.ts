/** State key of the event that tells whether the server's database is still the one that we know; see canary.ts. */
export const CANARY = "canary.event";

export interface CanaryEvent {
  readonly id: string;
  readonly occurredUs: number;
  /** When the server took it: senders repeat events to a server that lost them, but not with this stamp. */
  readonly receivedUs: number;
}

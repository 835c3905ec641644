/**
 * The times of the lease protocol, milliseconds of each node's steady clock. No moment is ever compared between two machines: a node
 * counts from when it sent its own renewal, the others count from when they saw that renewal.
 */
export interface LeaseTiming {
  /** A node renews its session this often, and sees by the answer which other sessions were renewed. */
  readonly renewMs: number;
  /** A renewal that is not answered after this time counts as lost. */
  readonly answerMs: number;
  /** A node owns its tenants until this long after it sent its last accepted renewal. */
  readonly holdMs: number;
  /**
   * A session may be ended when another node has seen it without a renewal for this long. It exceeds `holdMs` by more than what the
   * steady clock may miss of a suspend (2 s, see lib/clock.ts) and by what two clocks may drift apart.
   */
  readonly observeMs: number;
  /** A node that saw nothing for this long, because the database was away, starts to observe from the beginning. */
  readonly blindMs: number;
}

export const LEASE_TIMING: LeaseTiming = {
  renewMs: 1_000,
  answerMs: 2_000,
  holdMs: 4_500,
  observeMs: 6_700,
  blindMs: 3_000,
};

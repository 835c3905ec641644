import { EVENTS_PER_PAGE, ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";

/**
 * Sizes and intervals of the engine that are no settings: they follow from how Prefect works. A simulation makes pages
 * smaller to meet more page boundaries.
 */
export interface Tuning {
  /** Events per page: more is refused. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py */
  readonly eventPage: number;
  /** Rows per page of the other routes (`PREFECT_SERVER_API_DEFAULT_LIMIT`). */
  readonly rowPage: number;
  /** A batch is stored when it holds this many events, or when its first one is this old. */
  readonly batchEvents: number;
  readonly batchMs: number;
  /**
   * More events than this within `burstMs`: the server's queue of 256 per subscriber may have overflowed without a word.
   * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/stream.py
   */
  readonly burstEvents: number;
  readonly burstMs: number;
  /** Events streamed but not written yet (the disk is full) that are kept in memory. */
  readonly maxPendingEvents: number;
  readonly heartbeatMs: number;
  /** Waiting time after a failure: doubling from the first to the second. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Between two attempts of a socket at least. */
  readonly dialMs: number;
  /** A socket that Prefect refuses for good (credentials, filter) is tried again after this. */
  readonly rejectedDialMs: number;
  /** Followers ask this often for the leader's lock. */
  readonly leaderPollMs: number;
  /** Requests per minute for what nobody waits for, while nothing happens. */
  readonly idlePerMinute: number;
}

export const TUNING: Tuning = {
  eventPage: EVENTS_PER_PAGE,
  rowPage: ROWS_PER_PAGE,
  batchEvents: 200,
  batchMs: 250,
  burstEvents: 200,
  burstMs: 500,
  maxPendingEvents: 20_000,
  heartbeatMs: 2_000,
  retryFirstMs: 1_000,
  retryMaxMs: 8_000,
  dialMs: 5_000,
  rejectedDialMs: 60_000,
  leaderPollMs: 1_000,
  idlePerMinute: 0.9,
};

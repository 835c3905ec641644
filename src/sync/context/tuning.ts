import { EVENTS_PER_PAGE, ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";

/**
 * Sizes and intervals of the engine that are not settings, because they follow from how Prefect works. The simulation
 * uses smaller pages, so that page boundaries occur more often.
 */
export interface Tuning {
  /**
   * Events per page: more is refused. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py
   */
  readonly eventPage: number;
  /** Rows per page of the other routes (`PREFECT_SERVER_API_DEFAULT_LIMIT`). */
  readonly rowPage: number;
  /** A batch is stored when it holds this many events, or when its first one is this old. */
  readonly batchEvents: number;
  readonly batchMs: number;
  /** A walk also stores a batch of this size, as JSON text: 200 events of the largest size would be 300 MB. */
  readonly batchChars: number;
  /**
   * More events than this within `burstMs` mean that the server's queue of 256 per subscriber may have dropped some: it
   * does so without a notice.
   * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/stream.py
   */
  readonly burstEvents: number;
  readonly burstMs: number;
  /** Streamed events that are held in memory while they cannot be written (the disk is full), by number and by size. */
  readonly maxPendingEvents: number;
  readonly maxPendingChars: number;
  readonly heartbeatMs: number;
  /** Waiting time after a failure: doubling from the first to the second. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Least time between two attempts to open the websocket. */
  readonly dialMs: number;
  /** Time between attempts after Prefect has rejected credentials or filter. */
  readonly rejectedDialMs: number;
  /** How often a process that does not sync tries to take the leader lock. */
  readonly leaderPollMs: number;
  /** Requests per minute for work that no one is waiting for, while the workspace is idle. */
  readonly idlePerMinute: number;
}

export const TUNING: Tuning = {
  eventPage: EVENTS_PER_PAGE,
  rowPage: ROWS_PER_PAGE,
  batchEvents: 200,
  batchChars: 8 * 1024 * 1024,
  batchMs: 250,
  burstEvents: 200,
  burstMs: 500,
  maxPendingEvents: 20_000,
  maxPendingChars: 32 * 1024 * 1024,
  heartbeatMs: 2_000,
  retryFirstMs: 1_000,
  retryMaxMs: 8_000,
  dialMs: 5_000,
  rejectedDialMs: 60_000,
  leaderPollMs: 1_000,
  idlePerMinute: 0.9,
};

/** Settings of the sync engine. */
export interface SyncSettings {
  /** How far back history is fetched, at most the server's own retention. */
  readonly backfillUs: number;
  /** Time between catch-ups while the websocket is open and delivers no events. */
  readonly pollMs: number;
  /** Time between catch-ups while the websocket cannot be used: at most 20 s. */
  readonly pollWithoutStreamMs: number;
  /** How much of the range before it each catch-up reads again, for events that arrive late. */
  readonly overlapMs: number;
  /** Limit for requests made in the background; 0: 600 on Cloud, 6,000 elsewhere. */
  readonly requestsPerMinute: number;
  /** History older than this is deleted; 0: none. */
  readonly retentionUs: number;
  /** Limit for the record's files; 0: none. */
  readonly retentionBytes: number;
  /** Whether the websocket is used. */
  readonly stream: boolean;
}

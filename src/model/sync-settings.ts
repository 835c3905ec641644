/** What the sync engine may do and spend. Times in microseconds or milliseconds as named. */
export interface SyncSettings {
  /** How far back history is fetched, at most the server's own retention. */
  readonly backfillUs: number;
  /** Time between catch-ups while the socket is open and the workspace is quiet. */
  readonly pollMs: number;
  /** Time between catch-ups while websockets are refused: at most 20 s. */
  readonly pollWithoutStreamMs: number;
  /** How far each catch-up reaches behind the last one: covers flush lag and ordinary lateness. */
  readonly overlapMs: number;
  /** Requests per minute that background work may spend; 0 = 600 on Cloud, 6,000 elsewhere. */
  readonly requestsPerMinute: number;
  /** History older than this is dropped; 0 = kept for ever. */
  readonly retentionUs: number;
  /** The record's files may take this much disk; 0 = no limit. */
  readonly retentionBytes: number;
  /** Whether the websocket is used at all. */
  readonly stream: boolean;
}

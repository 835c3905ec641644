export interface ThrottledKey {
  readonly key: string;
  readonly total_denied: number;
  readonly peak_denied_per_minute: number;
}

export interface ThrottlingPeriod {
  readonly start: string;
  readonly end: string;
  /** Throttled minutes inside. */
  readonly duration_minutes: number;
  readonly keys_affected: readonly ThrottledKey[];
}

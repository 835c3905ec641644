/** Waiting times of a retry loop: doubled from `firstMs` up to `maxMs`, varied at random by ±`jitter` (0..1). */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly jitter?: number;
  readonly random?: () => number;
}

export class Backoff {
  private attempt = 0;
  private readonly options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.options = options;
  }

  /** The next waiting time in milliseconds, at most `maxMs`. */
  next(): number {
    const { firstMs, maxMs, jitter = 0.2, random = Math.random } = this.options;
    const plain = Math.min(maxMs, firstMs * 2 ** Math.min(this.attempt, 30));
    this.attempt += 1;
    return Math.min(maxMs, Math.round(plain * (1 - jitter + 2 * jitter * random())));
  }

  reset(): void {
    this.attempt = 0;
  }
}

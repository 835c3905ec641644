import type { Clock } from "../../lib/clock.ts";

/**
 * Requests per minute. Cloud's smallest plan allows 625 for all clients of an account together:
 * https://www.prefect.io/docs/v3/concepts/rate-limits A self-hosted server stores up to 1,000 events a second; a page holds
 * 50 of them, and recent events are read twice.
 */
const CLOUD_PER_MINUTE = 600;
const SELF_HOSTED_PER_MINUTE = 6_000;

/** Longest `Retry-After` that is applied. */
export const MAX_PAUSE_MS = 3_600_000;

/** `configured`: the setting, 0 where it is not set. */
export function requestsPerMinute(configured: number, isCloud: boolean): number {
  return configured || (isCloud ? CLOUD_PER_MINUTE : SELF_HOSTED_PER_MINUTE);
}

/** Positions in the shared memory. Times are microseconds of the clock that all threads share. */
const FULL_US = 0;
const PAUSED_UNTIL_US = 1;
const PER_MINUTE = 2;
const POSITIONS = 3;

const MINUTE_US = 60_000_000;

/**
 * The requests to one account by all workspaces and threads of this process. A bucket that holds the requests of a minute, in memory
 * that the threads share: no thread waits for another one, and one that is terminated leaves nothing locked.
 *
 * Stored is when the bucket will be full, which is later by the time of one request for each one that is taken (GCRA,
 * https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 */
export class AccountBudget {
  readonly memory: SharedArrayBuffer;
  private readonly cells: BigInt64Array;
  private readonly nowUs: () => number;

  /** `aheadMs`: by how much the clock of the thread that created the memory is ahead of this thread's. */
  constructor(clock: Pick<Clock, "steadyMs">, memory?: SharedArrayBuffer, aheadMs = 0) {
    this.memory = memory ?? new SharedArrayBuffer(POSITIONS * BigInt64Array.BYTES_PER_ELEMENT);
    this.cells = new BigInt64Array(this.memory);
    this.nowUs = () => Math.round((clock.steadyMs() + aheadMs) * 1000);
  }

  /** The limit of a workspace of the account. The lowest one counts for all. */
  limitTo(perMinute: number): void {
    this.change(PER_MINUTE, (before) => Math.round(before === 0 ? perMinute : Math.min(before, perMinute)));
  }

  /** Requests of a minute, which may be sent at once. */
  get capacity(): number {
    return Math.max(1, this.read(PER_MINUTE) || SELF_HOSTED_PER_MINUTE);
  }

  /** Milliseconds for which no request may be sent. */
  pausedMs(): number {
    return Math.max(0, Math.ceil((this.read(PAUSED_UNTIL_US) - this.nowUs()) / 1000));
  }

  /** Applies a `Retry-After`. */
  pause(ms: number): void {
    const untilUs = this.nowUs() + Math.min(ms, MAX_PAUSE_MS) * 1000;
    this.change(PAUSED_UNTIL_US, (before) => Math.max(before, Math.round(untilUs)));
  }

  /**
   * Takes one request when so many would be left besides it. Returns 0 when it was taken, otherwise the milliseconds until the next
   * try may succeed.
   */
  take(left: number): number {
    const nowUs = this.nowUs();
    const { capacity } = this;
    const eachUs = MINUTE_US / capacity;
    const latestUs = nowUs + (capacity - 1 - left) * eachUs;
    let waitUs = 0;
    this.change(FULL_US, (fullUs) => {
      const fromUs = Math.max(fullUs, nowUs);
      // A tolerance of 1 ms for rounding, as a wait is in whole milliseconds.
      waitUs = fromUs - latestUs <= 1_000 ? 0 : fromUs - latestUs;
      return waitUs === 0 ? Math.round(fromUs + eachUs) : fullUs;
    });
    return waitUs === 0 ? 0 : Math.max(1, Math.ceil(waitUs / 1000));
  }

  /** A request that a client waits for. It is not delayed, but the others are: by at most another minute's requests. */
  spend(): void {
    const nowUs = this.nowUs();
    const eachUs = MINUTE_US / this.capacity;
    this.change(FULL_US, (fullUs) => Math.round(Math.min(Math.max(fullUs, nowUs) + eachUs, nowUs + 2 * MINUTE_US)));
  }

  private read(position: number): number {
    return Number(Atomics.load(this.cells, position));
  }

  /** Another thread may have written between reading and writing; then it is computed again from what that one wrote. */
  private change(position: number, next: (before: number) => number): void {
    let before = Atomics.load(this.cells, position);
    for (;;) {
      const found = Atomics.compareExchange(this.cells, position, before, BigInt(next(Number(before))));
      if (found === before) return;
      before = found;
    }
  }
}

/** How one thread uses the budget. */
export interface AccountUse {
  readonly budget: AccountBudget;
  /** The requests are taken from the budget before they get here, as the sync engine does. */
  readonly isTakenBefore: boolean;
}

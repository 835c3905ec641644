import { uptime } from "node:os";
import { addUs, earliestUs, floorUs, type LocalUs, type SteadyMs } from "./time.ts";

/**
 * The only reader of the machine's clocks and the only user of timers. Code that depends on time takes a `Clock`, which tests replace.
 *
 * The wall clock is set by people, NTP and hypervisors, forwards and backwards. It is for moments that are stored or shown. Whatever
 * measures how long something takes or lasts uses the steady clock.
 */
export interface Clock {
  /** The wall clock: microseconds since 1970, UTC (integer, below 2^53). It follows when the machine's clock is set. */
  nowUs(): LocalUs;
  /**
   * The steady clock: milliseconds since an arbitrary moment. It never goes backwards, no setting changes it, and it counts the time
   * during which the machine was suspended. Each thread has its own, so its moments are never stored or sent.
   */
  steadyMs(): SteadyMs;
  /**
   * When the machine was started, by its wall clock, give or take a second. It changes by as much as the wall clock is set, and not by
   * a suspend. See `isSameBoot`.
   */
  bootedUs(): LocalUs;
  /** Resolves after `ms`, or at once when `signal` is aborted. It never rejects: the caller checks the signal. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What the functions of the runtime return; replaced in the tests of this file. */
export interface RawClocks {
  /** Wall clock, whole milliseconds. */
  wallMs(): number;
  /** Monotonic, with fractions. Whether it counts suspends depends on the system. */
  monotonicMs(): number;
  /** Since the machine was started, suspends included, whole seconds: Linux rounds up. */
  uptimeS(): number;
}

const RUNTIME: RawClocks = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  uptimeS: () => uptime(),
};

/** The wall clock may differ this much from the extrapolated one (NTP slews it) before it is read again. */
const DRIFT_MS = 2;
/** `bootedUs` varies by up to a second although no clock was set, because the uptime has whole seconds. */
export const BOOT_ERROR_US = 1_200_000;
/** How often the uptime is read, which takes some microseconds. */
const UPTIME_EVERY_MS = 1_000;
/** A difference of two whole seconds is wrong by up to this much. */
const UPTIME_ERROR_MS = 1_000;

/** Reads the clocks of the machine. `Date.now` has no microseconds, so they come from the monotonic clock since it was last read. */
export function createClock(raw: RawClocks = RUNTIME): Clock {
  /** Wall clock minus monotonic clock. */
  let offsetMs = Number.NaN;
  let suspendedMs = 0;
  let bootedUs = Number.NaN as LocalUs;
  /** When it was determined, and wall clock minus monotonic clock then. */
  let bootedAt = { monotonicMs: Number.NEGATIVE_INFINITY, differenceMs: Number.NaN };
  const readUptime = (monotonicMs: number) => ({
    monotonicMs,
    differenceMs: raw.wallMs() - monotonicMs,
    seconds: raw.uptimeS(),
  });
  let uptime = readUptime(raw.monotonicMs());

  /** Adds the time for which the machine was suspended while the monotonic clock stood still, never too much of it. */
  const countSuspends = (monotonicMs: number): void => {
    const isRecent = monotonicMs - uptime.monotonicMs < UPTIME_EVERY_MS;
    // After a suspend, the wall clock differs from what the monotonic clock says.
    if (isRecent && Math.abs(raw.wallMs() - monotonicMs - uptime.differenceMs) < UPTIME_EVERY_MS) return;
    const next = readUptime(monotonicMs);
    const stoodMs = (next.seconds - uptime.seconds) * 1000 - (monotonicMs - uptime.monotonicMs);
    if (stoodMs > 2 * UPTIME_ERROR_MS) suspendedMs += stoodMs - UPTIME_ERROR_MS;
    uptime = next;
  };

  const nowUs = (): LocalUs => {
    const beforeMs = raw.monotonicMs();
    const wallMs = raw.wallMs();
    const afterMs = raw.monotonicMs();
    // The thread may have been stopped between the readings, so the wall clock is only known to lie between two values.
    const isFollowed = wallMs + 1 + DRIFT_MS >= beforeMs + offsetMs && wallMs - DRIFT_MS <= afterMs + offsetMs;
    if (!isFollowed) offsetMs = wallMs - afterMs;
    return Math.round((afterMs + offsetMs) * 1000) as LocalUs;
  };

  return {
    nowUs,
    steadyMs: () => {
      const monotonicMs = raw.monotonicMs();
      countSuspends(monotonicMs);
      return (monotonicMs + suspendedMs) as SteadyMs;
    },
    bootedUs() {
      const monotonicMs = raw.monotonicMs();
      const differenceMs = raw.wallMs() - monotonicMs;
      const isRecent = monotonicMs - bootedAt.monotonicMs < UPTIME_EVERY_MS;
      // No clock was set since, and the machine was not suspended: this shows in the difference.
      if (isRecent && Math.abs(differenceMs - bootedAt.differenceMs) <= DRIFT_MS) return bootedUs;
      bootedAt = { monotonicMs, differenceMs };
      // Linux rounds the uptime up, so the latest value is the best one, as long as no clock was set.
      const us = nowUs() - raw.uptimeS() * 1_000_000;
      if (!(bootedUs - us > -BOOT_ERROR_US && bootedUs - us < BOOT_ERROR_US)) bootedUs = us;
      bootedUs = Math.max(bootedUs, us);
      return bootedUs;
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal?.addEventListener("abort", done, { once: true });
      }),
  };
}

/**
 * Marks this moment. The returned function gives it on the wall clock: when that was set back meanwhile, as it would show it now, so
 * that a reading that began before is not dated in the future. When it was set forward, the moment stays, which is too early.
 */
export function markMoment(clock: Clock): () => LocalUs {
  const atUs = clock.nowUs();
  const atMs = clock.steadyMs();
  return () => floorUs(earliestUs(atUs, addUs(clock.nowUs(), (atMs - clock.steadyMs()) * 1000)));
}

/** Whether the wall clock was not set between two moments, given what `bootedUs` was at them. */
export function isSameBoot(oneUs: LocalUs, otherUs: LocalUs): boolean {
  return Math.abs(oneUs - otherUs) <= BOOT_ERROR_US;
}

export const systemClock: Clock = createClock();

/**
 * Resolves after the event loop has handled what is waiting: answers to other callers, timers, sockets. Long work on one caller's data
 * awaits it between its parts, so that no other caller waits for the whole of it.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

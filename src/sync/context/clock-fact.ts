import { BOOT_ERROR_US, type Clock, isSameBoot } from "../../lib/clock.ts";
import { addUs, DAY_US, floorUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import { coverageEnd } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { type Fact, findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "./engine-context.ts";

/** A claim cannot reach further into the future, by the precision of the clocks. */
const CLIENT_AHEAD_US = 5 * SECOND_US;

/** Whether the local clock was not set since the process that syncs wrote last. */
export function isSameLocalClock(db: RecordDb, clock: Clock): boolean {
  const known = findFact(db, "clock");
  return known?.bootedUs !== undefined && isSameBoot(known.bootedUs, clock.bootedUs());
}

/**
 * By how much the local clock was set back since the process that syncs wrote last, microseconds, below 0; null when that is not known.
 * The wall clock's time of the machine's start is later after a new start, and earlier only after the clock was set back.
 */
export function setBackUs(db: RecordDb, clock: Clock): number | null {
  const byUs = clock.bootedUs() - (findFact(db, "clock")?.bootedUs ?? Number.NEGATIVE_INFINITY);
  return byUs < 0 ? floorUs(addUs(byUs, -BOOT_ERROR_US)) : null;
}

/**
 * Until when claims are true, given that the server clock is known for the first time in this process and now at `nowUs`. Claims beyond
 * it show that it was set back while no process synced: then all that it has passed since may have been passed for the second time.
 * `isSameClock`: whether the local clock was not set since then, so that it says how long ago the last catch-up was.
 */
export function trustedUntilUs(db: RecordDb, clock: Clock, nowUs: ServerUs, isSameClock: boolean): ServerUs {
  const endUs = coverageEnd(db, "event", "");
  if (endUs === null || endUs <= nowUs + CLIENT_AHEAD_US) return nowUs;
  const atUs = isSameClock ? findFact(db, "catchup")?.atUs : undefined;
  return addUs(nowUs, atUs === undefined || atUs > clock.nowUs() ? -DAY_US : -(clock.nowUs() - atUs));
}

type Clocks = Pick<EngineContext, "clock" | "clockWatch" | "serverClock">;

/**
 * What readers need to know of the clocks; null while the server clock is unknown. How the local clock was set until now is noticed first:
 * by this fact the next process knows whether the times in the record are of the same clock.
 */
export function clockFact({ clock, clockWatch, serverClock }: Clocks): Fact<"clock"> | null {
  clockWatch.check();
  const { skewMs, measuredMs } = serverClock;
  if (skewMs === null || measuredMs === null) return null;
  return {
    skewMs: Math.round(skewMs),
    measuredUs: floorUs(clock.nowUs() - (clock.steadyMs() - measuredMs) * 1000),
    bootedUs: floorUs(clock.bootedUs()),
  };
}

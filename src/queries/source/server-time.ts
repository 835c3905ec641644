/** The server clock, as far as this process and the record know it. */
import { isSameBoot } from "../../lib/clock.ts";
import { HOUR_US, type LocalUs, onServerClock, SECOND_US, type ServerUs } from "../../lib/time.ts";
import { certainSkewMs, isOffsetDoubtful, type ServerOffset, skewMsOf } from "../../prefect/transport/server-offset.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import type { QueryContext } from "./context.ts";

/** A skew that was measured longer ago is doubtful: the server clock may have been set since. */
const MAX_AGE_US = HOUR_US;
/** A moment may seem to lie this much in the future, because NTP slews the clock. */
export const SLEWED_US = SECOND_US;

/** Server clock minus local clock, microseconds. */
export interface Skew {
  /** Best estimate; 0 while unknown, and where the clocks may agree. */
  readonly skewUs: number;
  /** The part that is certain, for times that an answer states: these may be a little too early, but never lie in the future. */
  readonly statedUs: number;
  /** It was measured lately, and the local clock was not set since. */
  readonly isKnown: boolean;
  /** The local clock was set, or the machine started again, since the record was written: its moments may be wrong. */
  readonly isRecordDoubtful: boolean;
}

interface Measurement {
  readonly skewMs: number;
  readonly ageUs: number;
  readonly isDoubtful: boolean;
}

/** The skew of now. */
export function currentSkew(ctx: QueryContext): Skew {
  const measured = [ownMeasurement(ctx), recordedMeasurement(ctx)].filter((one) => one !== null);
  const [newest] = measured.sort((a, b) => Number(a.isDoubtful) - Number(b.isDoubtful) || a.ageUs - b.ageUs);
  const skew = skewOf(newest?.skewMs ?? recordedSkewMs(ctx.record()));
  const isKnown = newest !== undefined && !newest.isDoubtful && newest.ageUs <= MAX_AGE_US;
  return { ...skew, isKnown, isRecordDoubtful: !isKnown && isOtherBoot(ctx) };
}

/** By answers to this process: compared with the steady clock, which is not set. */
function ownMeasurement(ctx: QueryContext): Measurement | null {
  const offset = offsetOf(ctx);
  if (!offset) return null;
  const ageUs = (ctx.clock.steadyMs() - offset.observedMs) * 1000;
  return { skewMs: skewMsOf(offset, ctx.clock), ageUs, isDoubtful: isOffsetDoubtful(offset, ctx.clock) };
}

function offsetOf(ctx: QueryContext): ServerOffset | null {
  try {
    return ctx.api().serverOffset ?? null;
  } catch {
    // The settings name no Prefect; a question that needs one reports it.
    return null;
  }
}

/** By the process that syncs. It compares with the local clock, so it holds until that is set. */
function recordedMeasurement({ record, clock }: QueryContext): Measurement | null {
  const db = record();
  const fact = db ? findFact(db, "clock") : null;
  if (fact?.bootedUs === undefined || fact.measuredUs === undefined) return null;
  const ageUs = clock.nowUs() - fact.measuredUs;
  return ageUs < -SLEWED_US || !isSameBoot(fact.bootedUs, clock.bootedUs())
    ? null
    : { skewMs: fact.skewMs, ageUs, isDoubtful: false };
}

function isOtherBoot({ record, clock }: QueryContext): boolean {
  const db = record();
  const bootedUs = db ? findFact(db, "clock")?.bootedUs : undefined;
  return bootedUs !== undefined && !isSameBoot(bootedUs, clock.bootedUs());
}

function skewOf(skewMs: number): Pick<Skew, "skewUs" | "statedUs"> {
  const statedMs = certainSkewMs(skewMs);
  return { skewUs: statedMs === 0 ? 0 : skewMs * 1000, statedUs: statedMs * 1000 };
}

/** How long ago a reading of the record began, `readUs` on the local clock of then. Negative: later than now, as after a clock was set. */
export function readingAgeUs(ctx: QueryContext, db: RecordDb, readUs: LocalUs): number {
  const nowUs = onServerClock(ctx.clock.nowUs(), currentSkew(ctx).statedUs);
  return nowUs - onServerClock(readUs, statedSkewUs(db));
}

/** For moments of the local clock that are in the record: the skew that was recorded with them. */
export function clockSkewUs(db: RecordDb | null): number {
  return skewOf(recordedSkewMs(db)).skewUs;
}

/** The same for moments that an answer states. */
export function statedSkewUs(db: RecordDb | null): number {
  return skewOf(recordedSkewMs(db)).statedUs;
}

function recordedSkewMs(db: RecordDb | null): number {
  return db ? (findFact(db, "clock")?.skewMs ?? 0) : 0;
}

/** Now, server clock. */
export function serverNowUs(ctx: QueryContext): ServerUs {
  return onServerClock(ctx.clock.nowUs(), currentSkew(ctx).skewUs);
}

/** Measurements of an unchanged skew differ by less. */
const SAME_US = 3 * SECOND_US;

/**
 * Runs `work`, and once more when it asked Prefect and the answers show that the clocks were assumed wrong: its window, and what it calls
 * now, then belonged to another time.
 */
export async function withServerTime<T>(ctx: QueryContext, work: () => Promise<T>): Promise<T> {
  const assumed = currentSkew(ctx);
  const result = await work();
  const found = currentSkew(ctx);
  const isWrong = found.isKnown && Math.abs(found.skewUs - assumed.skewUs) > SAME_US;
  return isWrong ? await work() : result;
}

/** How far back Prefect can be asked for events: what it has deleted by age nobody can read any more. */
import { AppError } from "../../errors.ts";
import { DAY_US } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { gapsIn } from "../../model/freshness.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import {
  DEFAULT_RETENTION_US,
  LEAST_RETENTION_US,
  RETENTION_MARGIN_US,
  readEventRetention,
  retentionHorizonUs,
} from "../../prefect/event-retention.ts";
import { findFact } from "../../store/sync-state.ts";
import type { QueryContext } from "./context.ts";
import { clockSkewUs, type LiveValue } from "./freshness.ts";
import { type LiveReader, openLive } from "./live.ts";

export type LiveGaps = Pick<LiveValue<unknown>, "gaps" | "notes">;

export interface EventReach {
  /** What is worth asking Prefect for. */
  readonly readable: readonly TimeRange[];
  /** What stays uncovered whatever Prefect answers, and why. */
  readonly lost: LiveGaps;
}

/** Time for the settings, at most. */
const ASK_MS = 2_000;

/** Which of these ranges Prefect still holds as of `nowUs` (server's clock), of which perhaps a part, and which it has deleted. */
export async function reachOf(ctx: QueryContext, ranges: readonly TimeRange[], nowUs: number): Promise<EventReach> {
  const behind = (us: number) => ranges.filter((range) => range.fromUs < nowUs - us - RETENTION_MARGIN_US);
  if (heldRetentionUs(ctx) === undefined && behind(LEAST_RETENTION_US).length === 0)
    return { readable: ranges, lost: {} };
  const saidUs = await eventRetentionUs(ctx);
  const retentionUs = saidUs ?? DEFAULT_RETENTION_US;
  const floorUs = nowUs - retentionUs;
  const gaps = behind(retentionUs).map((range) => ({ ...range, toUs: Math.min(range.toUs, floorUs - 1) }));
  if (gaps.length === 0) return { readable: ranges, lost: {} };
  const days = `${Math.round(retentionUs / DAY_US)} days`;
  if (saidUs === null) {
    const notes = [`Prefect does not say how long it keeps events: some that are older than ${days} may be gone.`];
    return { readable: ranges, lost: { gaps, notes } };
  }
  const notes = [`Prefect keeps events for ${days}, and older ones were not recorded.`];
  return { readable: ranges.flatMap((range) => gapsIn(range, gaps)), lost: { gaps, notes } };
}

/** Oldest moment (server's clock) of which an answer of Prefect may be claimed to hold everything. */
export function claimableFromUs(ctx: QueryContext, live: LiveReader): number {
  const retentionUs = heldRetentionUs(ctx) ?? told.get(live.api) ?? DEFAULT_RETENTION_US;
  return retentionHorizonUs(live.startedUs + clockSkewUs(ctx.record()), retentionUs);
}

/** How long events are kept: as recorded, else as Prefect says when it is asked, once. Null when it does not say. */
export async function eventRetentionUs(ctx: QueryContext): Promise<number | null> {
  const held = heldRetentionUs(ctx);
  if (held !== undefined) return held;
  const live = openLive(ctx);
  const known = told.get(live.api);
  if (known !== undefined) return known;
  const deadlineMs = Math.max(1, Math.min(ASK_MS, live.remainingMs()));
  try {
    const retention = await readEventRetention(live.api, { ...live.options(), deadlineMs, retries: 0 });
    told.set(live.api, retention?.us ?? null);
    return retention?.us ?? null;
  } catch (error) {
    // What is wrong shows in the reading itself. A refusal is an answer too.
    if (error instanceof AppError && !error.retryable) told.set(live.api, null);
    return null;
  }
}

/** By client: what its server said, where nothing is recorded of it. */
const told = new WeakMap<PrefectApi, number | null>();

/** As the record knows it; undefined: nobody has asked yet. */
function heldRetentionUs(ctx: QueryContext): number | null | undefined {
  const db = ctx.record();
  return db ? findFact(db, "instance")?.retentionUs : undefined;
}

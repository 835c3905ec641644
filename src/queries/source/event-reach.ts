/** How far back Prefect can be asked for events, given that it deletes old ones. */

import { AppError } from "../../errors.ts";
import { counted, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, onServerClock, type ServerUs } from "../../lib/time.ts";
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
import type { LiveValue } from "./answer.ts";
import type { QueryContext } from "./context.ts";
import { type LiveReader, openLive } from "./live.ts";
import { currentSkew } from "./server-time.ts";

export type LiveGaps = Pick<LiveValue<unknown>, "gaps" | "notes">;

export interface EventReach {
  /** Ranges of which Prefect may still have events. */
  readonly readable: readonly TimeRange[];
  /** What Prefect has deleted, and a note that says so. */
  readonly lost: LiveGaps;
}

/** How long reading the server's settings may take. */
const ASK_MS = 2_000;

/** Divides ranges into what Prefect still has at `nowUs` (server clock) and what it has deleted by age. */
export async function reachOf(ctx: QueryContext, ranges: readonly TimeRange[], nowUs: ServerUs): Promise<EventReach> {
  const behind = (us: number) => ranges.filter((range) => range.fromUs < nowUs - us - RETENTION_MARGIN_US);
  if (recordedRetentionUs(ctx) === undefined && behind(LEAST_RETENTION_US).length === 0)
    return { readable: ranges, lost: {} };
  const statedUs = await eventRetentionUs(ctx);
  const retentionUs = statedUs ?? DEFAULT_RETENTION_US;
  const floorUs = addUs(nowUs, -retentionUs);
  const gaps = behind(retentionUs).map((range) => ({ ...range, toUs: earliestUs(range.toUs, addUs(floorUs, -1)) }));
  if (gaps.length === 0) return { readable: ranges, lost: {} };
  const days = counted(Math.round(retentionUs / DAY_US), "day");
  if (statedUs === null) {
    const notes = [
      sentence`Prefect does not say how long it keeps events: some that are older than ${days} may be deleted.`,
    ];
    return { readable: ranges, lost: { gaps, notes } };
  }
  const notes = [sentence`Prefect keeps events for ${days}, and older ones were not recorded.`];
  return { readable: ranges.flatMap((range) => gapsIn(range, gaps)), lost: { gaps, notes } };
}

/** Answers of Prefect are complete from this moment on (server clock): later events cannot have been deleted by age. */
export function claimableFromUs(ctx: QueryContext, live: LiveReader): ServerUs {
  const retentionUs = recordedRetentionUs(ctx) ?? retentions.get(live.api) ?? DEFAULT_RETENTION_US;
  return retentionHorizonUs(onServerClock(live.startedUs, currentSkew(ctx).skewUs), retentionUs);
}

/** How long Prefect keeps events: from the record, otherwise from its settings, which are read once. Null: unknown. */
export async function eventRetentionUs(ctx: QueryContext): Promise<number | null> {
  const recorded = recordedRetentionUs(ctx);
  if (recorded !== undefined) return recorded;
  const live = openLive(ctx);
  const known = retentions.get(live.api);
  if (known !== undefined) return known;
  const deadlineMs = Math.max(1, Math.min(ASK_MS, live.remainingMs()));
  try {
    const retention = await readEventRetention(live.api, { ...live.options(), deadlineMs, retries: 0 });
    retentions.set(live.api, retention?.us ?? null);
    return retention?.us ?? null;
  } catch (error) {
    // The request for events will fail in the same way, and report it. A refusal will not change, so it is remembered.
    if (error instanceof AppError && !error.retryable) retentions.set(live.api, null);
    return null;
  }
}

/** Retention by client, for servers without a record. Null: the server does not say. */
const retentions = new WeakMap<PrefectApi, number | null>();

/** Undefined: not recorded yet. */
function recordedRetentionUs(ctx: QueryContext): number | null | undefined {
  const db = ctx.record();
  return db ? findFact(db, "instance")?.retentionUs : undefined;
}

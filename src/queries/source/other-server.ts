/**
 * Whether another server answers at the URL than the one whose record this is. A process that syncs notices it and says so in the
 * record; without one, the server is asked here for something that it has returned before.
 */
import { AppError } from "../../errors.ts";
import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  addMs,
  DAY_US,
  earliestOf,
  formatIsoSeconds,
  latestOf,
  NEVER_MS,
  parseIsoUs,
  type SteadyMs,
} from "../../lib/time.ts";
import { occurredWithin } from "../../model/events/event-filter.ts";
import type { CallOptions, PrefectApi } from "../../prefect/api.ts";
import { LEAST_RETENTION_US, retentionHorizonUs } from "../../prefect/event-retention.ts";
import type { RecordDb } from "../../store/database.ts";
import { type ConfirmedEvent, findNewestConfirmedEvents } from "../../store/events/confirmed-events.ts";
import { findObjects } from "../../store/objects/objects.ts";
import { findFact, findStateJson } from "../../store/sync-state.ts";
import type { QueryContext } from "./context.ts";
import { serverNowUs } from "./server-time.ts";
import { isSyncerAlive } from "./sync-view.ts";

/** Time until the server is asked again, and longest time of one request. */
const ASK_EVERY_MS = 30_000;
const ASK_WITHIN_MS = 2_000;
/** Events and flows that are asked for. */
const ASKED = 8;

export const OTHER_SERVER_NOTE = own(
  "At this URL another server answers than the one that is recorded. The record is not used until that of the other server has begun.",
);

/** The record changed while a call ran. */
export const CHANGED_SERVER_NOTE = own(
  "While this was answered, the record of another server came into use at this URL: parts may be of the former one.",
);

/** For so long answers say that the record is that of a server that was not there before. */
const SAY_CHANGED_US = DAY_US;

/** States that the server at this URL was another one until lately; null otherwise. */
export function changedServerNote({ record, clock }: QueryContext): Sentence | null {
  const db = record();
  const changed = db ? findFact(db, "serverChanged") : null;
  if (changed === null) return null;
  const ageUs = clock.nowUs() - changed.sinceUs;
  if (ageUs < 0 || ageUs > SAY_CHANGED_US) return null;
  return sentence`Since ${formatIsoSeconds(changed.sinceUs)} another server or database answers at this URL than before; what was recorded of the former one is kept and not used here.`;
}

/** Whether another server was noticed since the record in use was `fileBefore` and none was. */
export function hasServerChanged(ctx: QueryContext, fileBefore: string | undefined): boolean {
  const db = ctx.record();
  if (db === null || fileBefore === undefined) return false;
  return db.file !== fileBefore || findFact(db, "otherServer") !== null;
}

interface LastCheck {
  atMs: SteadyMs;
  isOther: boolean;
}

/**
 * Reads the record, and asks Prefect where nothing syncs the record, at most every 30 s. False while Prefect does not answer. Never
 * throws. `mayAsk`: false for what promises to send no request.
 */
export async function isOtherServer(ctx: QueryContext, mayAsk = true): Promise<boolean> {
  const db = ctx.record();
  if (db === null) return false;
  if (findFact(db, "otherServer") !== null) return true;
  // Without this key nothing shows which server was recorded.
  if (isSyncerAlive(db, ctx.clock) || findStateJson(db, "server.proven") === null) return false;
  const last = db.perConnection<LastCheck>("other-server", () => ({ atMs: NEVER_MS, isOther: false }));
  const nowMs = ctx.clock.steadyMs();
  if (!mayAsk || nowMs < addMs(last.atMs, ASK_EVERY_MS)) return last.isOther;
  last.atMs = nowMs;
  try {
    const options = { deadlineMs: ASK_WITHIN_MS, retries: 0, ...(ctx.signal ? { signal: ctx.signal } : {}) };
    last.isOther = await asksInVain(ctx, db, options);
  } catch {
    // An unreachable Prefect, or one that refuses: the answer itself says so.
    last.atMs = NEVER_MS;
  }
  return last.isOther;
}

/** Whether the server has nothing of what is recorded. False where nothing can be asked for. Throws AppError. */
async function asksInVain(ctx: QueryContext, db: RecordDb, options: CallOptions): Promise<boolean> {
  const api = ctx.api();
  if (api.isCloud) return false;
  const events = markerEvents(ctx, db);
  if (events.length > 0 && (await hasEvents(api, events, options))) return false;
  const flows = findObjects(db, "flow")
    .toSorted((a, b) => a.firstUs - b.firstUs)
    .slice(0, ASKED);
  if (flows.length > 0) {
    const body = { flows: { id: { any_: flows.map(({ id }) => id) } }, limit: ASKED };
    return (await api.filterObjects("flow", body, options)).length === 0;
  }
  if (events.length > 0) return true;
  const recorded = findStateJson(db, "server.block-types") as Readonly<Record<string, string>> | null;
  if (recorded === null) return false;
  const found = await api.readBlockTypeIds(Object.keys(recorded), options).catch((error: unknown) => {
    if (error instanceof AppError && !error.retryable) return new Map<string, string>();
    throw error;
  });
  const common = [...found].filter(([slug]) => slug in recorded);
  return common.length > 0 && common.every(([slug, id]) => recorded[slug] !== id);
}

/** Confirmed events that the server cannot have deleted by age. */
function markerEvents(ctx: QueryContext, db: RecordDb): ConfirmedEvent[] {
  const nowUs = serverNowUs(ctx);
  const retentionUs = Math.min(findFact(db, "instance")?.retentionUs ?? LEAST_RETENTION_US, LEAST_RETENTION_US);
  return findNewestConfirmedEvents(
    db,
    { fromUs: Math.ceil(retentionHorizonUs(nowUs, retentionUs)), toUs: nowUs },
    ASKED,
  );
}

async function hasEvents(api: PrefectApi, events: readonly ConfirmedEvent[], options: CallOptions): Promise<boolean> {
  const stamps = events.map((event) => event.occurredUs);
  const filter = {
    occurred: occurredWithin({ fromUs: earliestOf(stamps), toUs: latestOf(stamps) }),
    id: { id: events.map((event) => event.id) },
  };
  const page = await api.filterEvents(filter, events.length, options);
  const received = new Map(events.map((event) => [event.id, event.receivedUs]));
  return page.events.some((event) => received.get(event.id) === parseIsoUs(event.received));
}

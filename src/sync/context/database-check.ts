/**
 * What has become of the database behind the API, judged by what the record has of it: the same, restored from a backup, or
 * another one (of another server, or after a reset).
 */

import { AppError } from "../../errors.ts";
import { largest, smallest } from "../../lib/lists.ts";
import { addUs, floorUs, formatIsoUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { ConfirmedEvent } from "../../store/events/confirmed-events.ts";
import { findObjects } from "../../store/objects/objects.ts";
import type { Priority } from "../server/request-budget.ts";
import { judgeByBlockTypes } from "./block-types.ts";
import type { EngineContext } from "./engine-context.ts";
import { OtherServerError } from "./loop.ts";
import { CLIENT_AHEAD_US, findAbsentEvents, newestEvents, newestMarkers, spreadMarkers } from "./marker-events.ts";

/** `unknown`: the record has nothing by which the server could be recognised. */
export type DatabaseState = "same" | "restored" | "other" | "unknown";

interface Judgement {
  readonly state: DatabaseState;
  /** The marker events that were asked for, and those that the server does not have. */
  readonly asked: readonly ConfirmedEvent[];
  readonly absent: ReadonlyMap<string, ConfirmedEvent>;
}

/** Marker events that decide whether the database is the same. */
const NEWEST = 8;
/** Flows and deployments that are asked for, of each. */
const OBJECTS = 20;
/** Kinds of these objects, and their keys in a filter. */
const OBJECT_KEYS = [
  ["flow", "flows"],
  ["deployment", "deployments"],
] as const;
/** A backup may be this much older than the last event in it: the server stores events in batches, seconds after it receives them. */
const BACKUP_MARGIN_US = MINUTE_US;

/**
 * Asks the server for what it has returned before. `lost`: marker events that a reading lacked. After a restored database, what can
 * no longer be relied on is doubted in the record. Throws OtherServerError when the server has nothing of all that, otherwise
 * AppError.
 */
export async function checkDatabase(
  ctx: EngineContext,
  lost: readonly ConfirmedEvent[],
  priority: Priority,
  signal: AbortSignal,
): Promise<Exclude<DatabaseState, "other">> {
  const { state, asked, absent } = await judgeDatabase(ctx, lost, priority, signal);
  if (state === "restored") doubtSinceBackup(ctx, asked, absent);
  else if (state === "other") return refuseServer(ctx);
  // The server received the newest events after the lost ones, so it deleted these alone: by age, after its retention was
  // shortened.
  else if (absent.size > 0) ctx.ingest.unconfirm([...absent.keys()]);
  return state;
}

/** The same without consequences for the record. Throws AppError. */
export async function judgeDatabase(
  ctx: EngineContext,
  lost: readonly ConfirmedEvent[],
  priority: Priority,
  signal: AbortSignal,
): Promise<Judgement> {
  const newest = newestMarkers(ctx, NEWEST);
  const absent = new Map<string, ConfirmedEvent>();
  const asked = new Map<string, ConfirmedEvent>();
  const ask = async (events: readonly ConfirmedEvent[]) => {
    const unasked = [...new Map(events.map((event) => [event.id, event])).values()].filter(({ id }) => !asked.has(id));
    for (const event of await findAbsentEvents(ctx, unasked, priority, signal)) absent.set(event.id, event);
    for (const event of unasked) asked.set(event.id, event);
  };
  const judge = (state: DatabaseState): Judgement => ({ state, asked: [...asked.values()], absent });
  await ask([...newest, ...lost]);
  if (newest.length > 0 && !newest.some((event) => absent.has(event.id))) return judge("same");
  await ask(spreadMarkers(ctx));
  if (absent.size < asked.size) {
    await ask(newestEvents(ctx, NEWEST));
    return judge("restored");
  }
  const hasObjects = await knowsObjects(ctx, priority, signal);
  if (hasObjects === true || (ctx.requests.api.isCloud && asked.size > 0))
    return judge(asked.size === 0 ? "same" : "restored");
  if (ctx.requests.api.isCloud) return judge("unknown");
  if (hasObjects === null && asked.size === 0) return judge(await judgeByBlockTypes(ctx, priority, signal));
  // A second reading, because the conclusion is a great one.
  const again = await findAbsentEvents(ctx, [...asked.values()], priority, signal);
  if (again.length < asked.size || (await knowsObjects(ctx, priority, signal)) === true) {
    throw new AppError("unavailable", "Prefect's answers about what it returned before contradict each other.", {
      hint: "It will be asked again. A proxy between here and Prefect may answer from a cache.",
    });
  }
  return judge("other");
}

/**
 * Whether the server has one of the flows and deployments that the record knows longest; null when none could be asked for. Flows
 * are hardly ever deleted, and no backup that is older than all of them is likely.
 */
export async function knowsObjects(
  ctx: EngineContext,
  priority: Priority,
  signal: AbortSignal,
): Promise<boolean | null> {
  let isAnyAsked = false;
  for (const [kind, key] of OBJECT_KEYS) {
    const known = findObjects(ctx.db, kind)
      .toSorted((a, b) => a.firstUs - b.firstUs)
      .slice(0, OBJECTS);
    if (known.length === 0) continue;
    const body: JsonObject = { [key]: { id: { any_: known.map(({ id }) => id) } }, limit: OBJECTS };
    const rows = await ctx.requests
      .call(priority, signal, (api, options) => api.filterObjects(kind, body, options))
      .catch((error: unknown) => {
        // An older Prefect has no such route, or the credential has no permission for it.
        if (error instanceof AppError && !error.retryable && error.code !== "internal") return null;
        throw error;
      });
    if (rows === null) continue;
    if (rows.length > 0) return true;
    isAnyAsked = true;
  }
  return isAnyAsked ? false : null;
}

/** Whether objects of this kind are asked for to recognise a server. */
export function isRecognisedBy(kind: string): boolean {
  return OBJECT_KEYS.some(([one]) => one === kind);
}

/** Another server answers. Readers see it before the record is changed. */
function refuseServer(ctx: EngineContext): never {
  ctx.ingest.putFact("otherServer", { sinceUs: floorUs(ctx.clock.nowUs()) });
  throw new OtherServerError();
}

/** The database is an earlier state of the same one: everything that it received later may be missing there. */
function doubtSinceBackup(
  ctx: EngineContext,
  asked: readonly ConfirmedEvent[],
  absent: ReadonlyMap<string, ConfirmedEvent>,
): void {
  const firstLostUs = smallest([...absent.values()].map((event) => event.receivedUs));
  const kept = asked.filter((event) => event.receivedUs < firstLostUs && !absent.has(event.id));
  const backupUs: ServerUs = largest([Number.MIN_SAFE_INTEGER, ...kept.map((event) => event.receivedUs)]);
  const sinceUs: ServerUs = Math.max(Number.MIN_SAFE_INTEGER, addUs(backupUs, -BACKUP_MARGIN_US));
  ctx.ingest.databaseRestored({
    sinceUs,
    lostIds: [...absent.keys()],
    keptIds: asked.filter(({ id }) => !absent.has(id)).map(({ id }) => id),
    doubt: {
      untilUs: addUs(floorUs(ctx.serverClock.estimateUs()), 2 * CLIENT_AHEAD_US),
      lostUntilUs: largest([...absent.values()].map((event) => event.receivedUs)),
    },
  });
  ctx.logger.warn("Prefect's database was restored from a backup; what may be lost there is read again", {
    since: kept.length === 0 ? null : formatIsoUs(sinceUs),
  });
  ctx.changes.publish("databaseRestored", {});
}

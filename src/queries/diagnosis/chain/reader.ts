/** Reads what a chain leads to: from the record, and with few requests where it is missing there. */
import { isJsonObject, isSameJson } from "../../../lib/exact-json.ts";
import { asName, asReason, joined, own, quoteJson, type Sentence, sentence } from "../../../lib/shown-text.ts";
import {
  addUs,
  DAY_US,
  formatIsoSeconds,
  type LocalUs,
  onLocalClock,
  onServerClock,
  parseIsoUs,
  type ServerUs,
} from "../../../lib/time.ts";
import {
  type PrefectEvent,
  RESOURCE_ID,
  RESOURCE_NAME,
  RESOURCE_ROLE,
  splitResourceId,
} from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { resourceId } from "../../../model/kinds.ts";
import type { SnapshotKind } from "../../../model/objects.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findEventById, findEvents } from "../../../store/events/events.ts";
import { findFullNames, findObject, findObjectChanges } from "../../../store/objects/objects.ts";
import { isWindowRecorded } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { statedSkewUs } from "../../source/server-time.ts";
import { factsOfRun } from "../facts/gather.ts";
import type { Gathering } from "../facts/gathering.ts";
import { RecordedRuns } from "../facts/recorded-run.ts";
import type { Facts, Lead } from "../findings/types.ts";
import { readSharedChange, type SharedKind } from "./changes-between.ts";
import type { ChainReader, ObjectState } from "./follow.ts";

/** Older changes are seldom the reason of what is wrong now. */
const LOOK_BACK_US = 14 * DAY_US;
const MAX_CHANGES = 50;
/** Fields whose change can be the reason of a problem. */
const FIELDS: Readonly<Record<Exclude<Lead["kind"], "flow_run" | "worker" | SharedKind>, readonly string[]>> = {
  work_pool: ["is_paused", "concurrency_limit", "base_job_template"],
  work_queue: ["is_paused", "concurrency_limit", "priority"],
  concurrency_limit: ["limit", "active", "slot_decay_per_second"],
  deployment: [
    "paused",
    "schedules",
    "global_concurrency_limit",
    "concurrency_options",
    "parameters",
    "job_variables",
    "version",
    "entrypoint",
    "path",
    "pull_steps",
    "work_pool_name",
    "work_queue_name",
    "tags",
    "enforce_parameter_schema",
  ],
};

/** Runs that are read from Prefect where there is no record: each takes several requests. */
const MAX_LIVE_RUNS = 3;

export function chainReader(ctx: QueryContext, around: Facts, gathering: Gathering): ChainReader {
  let liveRuns = 0;
  return {
    readRun: async (lead) => {
      if (ctx.record() === null && ++liveRuns > MAX_LIVE_RUNS) return null;
      return factsOfRun(ctx, lead.id, around, gathering);
    },
    readObject: async (lead) => {
      const db = ctx.record();
      if (!db) return null;
      const { kind, changedAfterUs: fromUs } = lead;
      if (kind === "worker") return readWorkers(db, lead);
      if (kind === "automation" && fromUs === undefined) return readAutomation(db, lead, around);
      if (kind === "variable" || kind === "block_document" || kind === "automation")
        return readSince(db, kind, lead, around);
      return readState(ctx, db, lead, around);
    },
  };
}

function readSince(db: RecordDb, kind: SharedKind, lead: Lead, around: Facts): ObjectState | null {
  const { nowUs, examined, failures } = around;
  const known = [...examined, ...failures.flatMap(({ newest }) => newest ?? [])].find(({ run }) => run.id === lead.id);
  const run = around.run?.run.id === lead.id ? around.run : (known ?? new RecordedRuns(db, nowUs).find(lead.id));
  if (run === null) return null;
  return readSharedChange(db, kind, { fromUs: lead.changedAfterUs ?? nowUs, toUs: lead.changedBeforeUs ?? nowUs }, run);
}

interface FieldChange {
  readonly atUs: ServerUs;
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
  /** Null: OSS servers do not record it. */
  readonly by: string | null;
}

function readState(ctx: QueryContext, db: RecordDb, lead: Lead, { nowUs }: Facts): ObjectState | null {
  const kind = lead.kind;
  if (kind !== "work_pool" && kind !== "work_queue" && kind !== "concurrency_limit" && kind !== "deployment")
    return null;
  const stored = findObject(db, kind, lead.id);
  const name = findFullNames(db, kind, [lead.id]).get(lead.id) ?? lead.name;
  const sinceUs = lead.changedAfterUs ?? addUs(nowUs, -LOOK_BACK_US);
  const range = { fromUs: sinceUs, toUs: lead.changedBeforeUs ?? Number.MAX_SAFE_INTEGER };
  const by = stored ? editorOf(stored.doc as unknown as Record<string, unknown>) : null;
  const changes = [...changesByEvents(db, kind, lead.id, range), ...changesByReadings(db, kind, lead.id, range, by)]
    .filter(({ field }) => (lead.fields ?? FIELDS[kind]).includes(field))
    .toSorted((a, b) => b.atUs - a.atUs);
  const newest = withoutRepeats(changes).slice(0, lead.changedAfterUs === undefined ? 1 : 3);
  const [first] = newest;
  return {
    name,
    state: stored ? stateOf(stored.doc as unknown as Record<string, unknown>, kind) : null,
    since: first ? formatIsoSeconds(first.atUs) : null,
    change: first ? sentence`${asName(name)} was changed: ${joined(newest.map(changeText), "; ")}` : null,
    isReason: first !== undefined && isReason(first),
    ...(first === undefined && lead.changedAfterUs !== undefined
      ? unreadBefore(ctx, db, stored?.firstUs ?? null, { fromUs: sinceUs, toUs: lead.changedBeforeUs ?? nowUs })
      : {}),
  };
}

/** That nothing changed is proven only where the object, or all events, are recorded since then. */
function unreadBefore(
  ctx: QueryContext,
  db: RecordDb,
  firstUs: LocalUs | null,
  window: TimeRange,
): Pick<ObjectState, "unread"> {
  const readSinceUs = firstUs === null ? null : onServerClock(firstUs, statedSkewUs(db));
  if (readSinceUs !== null && readSinceUs <= window.fromUs) return {};
  if (isWindowRecorded(ctx, db, "event", window))
    return {
      unread: sentence`no event of a change since the last good run; changes without an event are recorded since ${readSinceUs === null ? "never" : formatIsoSeconds(readSinceUs)}`,
    };
  return { unread: own("whether it changed since the last good run is not known: the record does not go back so far") };
}

/** Who edited it last, as far as Prefect says: a person on Prefect Cloud, else an automation or deployment. */
function editorOf({ updated_by }: Readonly<Record<string, unknown>>): string | null {
  return isJsonObject(updated_by) && typeof updated_by.display_value === "string" ? updated_by.display_value : null;
}

/** It holds runs back where it did not before. */
function isReason({ field, from, to }: FieldChange): boolean {
  if (field === "is_paused" || field === "paused") return to === true;
  const [old, now] = [limitOf(from), limitOf(to)];
  return /limit/.test(field) && now !== null && (old === null || now < old);
}

function stateOf(doc: Record<string, unknown>, kind: SnapshotKind): Sentence | null {
  if (doc.is_paused === true || doc.paused === true) return own("paused");
  if (kind === "concurrency_limit") return sentence`limit ${asName(String(doc.limit ?? "unknown"))}`;
  return typeof doc.status === "string" ? asName(doc.status) : null;
}

function changeText({ atUs, field, from, to, by }: FieldChange): Sentence {
  const who = by === null ? "" : sentence` by ${asName(by)}`;
  const when = sentence`at ${formatIsoSeconds(atUs)}${who}`;
  if (field === "is_paused" || field === "paused")
    return sentence`${to === true ? own("paused") : own("resumed")} ${when}`;
  const [old, now] = [limitOf(from), limitOf(to)];
  if (old === null && now !== null && /limit/.test(field)) return sentence`a limit of ${now} set ${when}`;
  if (old !== null && now !== null && /limit/.test(field))
    return sentence`${now < old ? own("its limit lowered") : own("its limit raised")} from ${old} to ${now} ${when}`;
  const part = firstDifference(field, from, to);
  return sentence`${asName(part.field)} ${quoteJson(part.from ?? null, 60)} → ${quoteJson(part.to ?? null, 60)} ${when}`;
}

/** The number of a limit, also of a deployment's limit, which is an object. */
function limitOf(value: unknown): number | null {
  const limit = typeof value === "object" && value !== null && "limit" in value ? value.limit : value;
  const number = limit === null || limit === undefined ? Number.NaN : Number(limit);
  return Number.isFinite(number) ? number : null;
}

/** A change is in both an event and the difference between two readings, which is later. */
function withoutRepeats(changes: readonly FieldChange[]): FieldChange[] {
  return changes.filter(
    (one, index) =>
      !changes.some(
        (other, at) => at > index && other.field === one.field && JSON.stringify(other.to) === JSON.stringify(one.to),
      ),
  );
}

/** The first field below two objects that differs: `job_variables.image` says more than two cut objects. */
function firstDifference(field: string, from: unknown, to: unknown): Pick<FieldChange, "field" | "from" | "to"> {
  if (!isJsonObject(from) || !isJsonObject(to)) return { field, from, to };
  const key = [...new Set([...Object.keys(from), ...Object.keys(to)])].find((one) => !isSameJson(from[one], to[one]));
  return key === undefined ? { field, from, to } : firstDifference(`${field}.${key}`, from[key], to[key]);
}

const UPDATED = /\.updated$/;
const PAUSED = /\.paused$/;

function changesByEvents(db: RecordDb, kind: SnapshotKind, id: string, range: TimeRange): FieldChange[] {
  const filter = { resource: { id: [resourceId(kind, id)] } };
  const { events } = findEvents(db, { ...range, order: "desc", limit: MAX_CHANGES, filter });
  return events.flatMap((event) => {
    const atUs = parseIsoUs(event.occurred) ?? 0;
    const by = event.related.find((one) => one[RESOURCE_ROLE] === "actor")?.[RESOURCE_NAME] ?? null;
    if (PAUSED.test(event.event)) return [{ atUs, field: "is_paused", from: false, to: true, by }];
    if (!UPDATED.test(event.event)) return [];
    const updates = (event.payload.updates ?? {}) as Readonly<Record<string, { from?: unknown; to?: unknown }>>;
    return Object.entries(updates).map(([field, { from, to }]) => ({ atUs, field, from, to, by }));
  });
}

/** Of deployments, limits and schedules, which have no events: between two readings of their lists. */
function changesByReadings(
  db: RecordDb,
  kind: SnapshotKind,
  id: string,
  { fromUs, toUs }: TimeRange,
  lastBy: string | null,
): FieldChange[] {
  const skewUs = statedSkewUs(db);
  const range = { fromUs: onLocalClock(fromUs, skewUs), toUs: Number.MAX_SAFE_INTEGER };
  const rows = findObjectChanges(db, { ...range, kind, id, limit: MAX_CHANGES });
  return rows
    .map((row, index) => ({
      row,
      by: editorOf({ updated_by: row.diff.updated_by?.to }) ?? (index === 0 ? lastBy : null),
    }))
    .filter(({ row }) => row.change === "updated" && onServerClock(row.sinceUs ?? row.atUs, skewUs) <= toUs)
    .flatMap(({ row, by }) =>
      Object.entries(row.diff).map(([field, { from, to }]) => ({
        atUs: onServerClock(row.atUs, skewUs),
        field,
        from,
        to,
        by,
      })),
    );
}

/** The automation with the event that made it act last. */
function readAutomation(db: RecordDb, lead: Lead, { nowUs }: Facts): ObjectState | null {
  const stored = findObject(db, "automation", lead.id);
  const filter = {
    event: { name: ["prefect.automation.triggered"] },
    resource: { id: [resourceId("automation", lead.id)] },
  };
  const { events } = findEvents(db, { fromUs: 0, toUs: nowUs, order: "desc", limit: 1, filter });
  const [triggered] = events;
  if (!stored && !triggered) return null;
  const event = triggered ? triggeringEvent(db, triggered) : null;
  const name = stored?.name ?? triggered?.resource[RESOURCE_NAME] ?? lead.name;
  return {
    name,
    state: stored ? own(stored.doc.enabled === false ? "disabled" : "enabled") : null,
    since: triggered?.occurred ?? null,
    change: sentence`automation ${asName(name)} acted${triggered ? firedBy(triggered, event) : ""}`,
    isReason: triggered !== undefined,
    ...(event ? subjectOf(event) : {}),
  };
}

/** A failed run, or another automation, that made it act is followed to its own cause. */
function subjectOf({ resource }: PrefectEvent): Pick<ObjectState, "subject"> {
  const { kind, key } = splitResourceId(resource[RESOURCE_ID] ?? "");
  const name = resource[RESOURCE_NAME] ?? key;
  if (kind === "prefect.automation") return { subject: { kind: "automation", id: key, name } };
  return kind === "prefect.flow-run" ? { subject: { kind: "flow_run", id: key, name } } : {};
}

function triggeringEvent(db: RecordDb, { related }: PrefectEvent): PrefectEvent | null {
  const found = related.find((one) => one[RESOURCE_ROLE] === "triggering-event");
  return findEventById(db, found?.[RESOURCE_ID]?.split(".").at(-1) ?? "");
}

/** Worker and Prefect version of both runs, as the events of workers name them. Null where they are unknown or the same. */
function readWorkers(db: RecordDb, { runs }: Lead): ObjectState | null {
  const [good, bad] = [runs?.good, runs?.bad].map((id) => (id === undefined ? null : workerOf(db, id)));
  if (!good || !bad || (good.name === bad.name && good.version === bad.version)) return null;
  const shown = ({ name, version }: RunWorker) =>
    sentence`${asName(name)}${version === null ? "" : sentence` with Prefect ${asName(version)}`}`;
  return {
    id: bad.id,
    name: bad.name,
    state: bad.version === null ? null : sentence`Prefect ${asName(bad.version)}`,
    since: null,
    change: sentence`worker ${shown(bad)} took it, where ${shown(good)} took the last good run`,
    isReason: false,
  };
}

interface RunWorker {
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/workers/base.py (`_event_resource`) */
function workerOf(db: RecordDb, runId: string): RunWorker | null {
  const filter = {
    event: { name: ["prefect.worker.submitted-flow-run", "prefect.worker.executed-flow-run"] },
    related: { id: [resourceId("flow_run", runId)] },
  };
  const { events } = findEvents(db, { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "desc", limit: 1, filter });
  const [event] = events;
  if (!event) return null;
  const { resource } = event;
  const id = resource[RESOURCE_ID] ?? "";
  return { id, name: resource[RESOURCE_NAME] ?? id, version: resource["prefect.version"] ?? null };
}

function firedBy(triggered: PrefectEvent, event: PrefectEvent | null): Sentence {
  const at = sentence` at ${asReason(triggered.occurred)}`;
  if (!event) return at;
  const of = event.resource[RESOURCE_NAME] ?? event.resource[RESOURCE_ID] ?? "unknown";
  return sentence`${at} on the event ${asName(event.event)} of ${asName(of)}`;
}

/** What changed in the workspace between two runs beside their deployment and pool: blocks, variables, and automations that name them. */
import { isSameJson } from "../../../lib/exact-json.ts";
import { asName, own, type Sentence, sentence } from "../../../lib/shown-text.ts";
import {
  formatIsoSeconds,
  latestUs,
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
import { KINDS } from "../../../model/kinds.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findEvents } from "../../../store/events/events.ts";
import { findObject, findObjectChanges } from "../../../store/objects/objects.ts";
import { statedSkewUs } from "../../source/server-time.ts";
import type { RunFacts } from "../findings/types.ts";
import { nameList } from "../findings/wording.ts";
import type { ObjectState } from "./follow.ts";

export type SharedKind = "variable" | "block_document" | "automation";

/** Blocks are no synced kind: only their events are recorded. */
const BLOCKS = "prefect.block-document";
const LABELS: Readonly<Record<SharedKind, Sentence>> = {
  variable: own("variable"),
  block_document: own("block"),
  automation: own("automation"),
};

const MAX_CHANGES = 50;
const CHANGE = /\.(created|updated|deleted)$/;

interface SharedChange {
  readonly id: string;
  readonly name: string;
  readonly change: "created" | "updated" | "deleted";
  readonly atUs: ServerUs;
  /** Of a change between two readings `atUs` is the latest time at which it can have happened. */
  readonly isExact: boolean;
  /** Names of what differs: values may be secrets. */
  readonly fields: readonly string[];
  /** Null: OSS servers do not record it. */
  readonly by: string | null;
  /** What the object says about itself, to find out whether the run has to do with it. */
  readonly text: string;
}

/**
 * The newest change of one kind, those first that the deployment or the error of the run names. Null where none is recorded.
 * Automations count only where they name the deployment, flow or pool of the run: others have nothing to do with it.
 */
export function readSharedChange(
  db: RecordDb,
  kind: SharedKind,
  range: { readonly fromUs: ServerUs; readonly toUs: ServerUs },
  run: RunFacts,
): ObjectState | null {
  const byEvents = changesByEvents(db, kind, range);
  const known = new Set(byEvents.map(({ id }) => id));
  const byReadings = kind === "block_document" ? [] : changesByReadings(db, kind, range);
  const all = [...byEvents, ...byReadings.filter(({ id }) => !known.has(id))];
  const owned = kind === "automation" ? all.filter((one) => namesRun(one, run)) : all;
  const mentions = mentionsOf(run);
  const rank = ({ name }: SharedChange) => (mentions.includes(name) ? 1 : 0);
  const [first, ...others] = owned.toSorted((a, b) => rank(b) - rank(a) || b.atUs - a.atUs);
  if (!first) return null;
  const rest = new Set(others.map(({ id }) => id).filter((id) => id !== first.id)).size;
  const more = rest === 0 ? "" : sentence` (and ${rest} more)`;
  return {
    id: first.id,
    name: first.name,
    state: null,
    since: formatIsoSeconds(first.atUs),
    change: sentence`${textOf(kind, first)}${more}`,
    isReason: false,
  };
}

function textOf(kind: SharedKind, { name, change, atUs, isExact, fields, by }: SharedChange): Sentence {
  const what = fields.length === 0 ? "" : sentence` (${nameList(fields)})`;
  const when = sentence`${isExact ? "at" : "by"} ${formatIsoSeconds(atUs)}${by === null ? "" : sentence` by ${asName(by)}`}`;
  return sentence`${LABELS[kind]} ${asName(name)} was ${own(change)}${what} ${when}`;
}

/** https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/events/schemas/lifecycle.py */
function changesByEvents(
  db: RecordDb,
  kind: SharedKind,
  { fromUs, toUs }: { readonly fromUs: ServerUs; readonly toUs: ServerUs },
): SharedChange[] {
  const resource = kind === "block_document" ? BLOCKS : KINDS[kind].resource;
  const name = ["created", "updated", "deleted"].map((action) => `${resource}.${action}`);
  const { events } = findEvents(db, { fromUs, toUs, order: "desc", limit: MAX_CHANGES, filter: { event: { name } } });
  return events.flatMap((event) => {
    const change = CHANGE.exec(event.event)?.[1] as SharedChange["change"] | undefined;
    const id = splitResourceId(event.resource[RESOURCE_ID] ?? "").key;
    // Anonymous blocks have no name: they are made for one deployment or result.
    const shown = event.resource[RESOURCE_NAME];
    if (change === undefined || (kind === "block_document" && (shown === undefined || /^anonymous-/.test(shown))))
      return [];
    return [
      {
        id,
        name: shown ?? id,
        change,
        atUs: parseIsoUs(event.occurred) ?? toUs,
        isExact: true,
        fields: change === "updated" ? changedFields(db, event) : [],
        by: event.related.find((one) => one[RESOURCE_ROLE] === "actor")?.[RESOURCE_NAME] ?? null,
        text: JSON.stringify(event.payload),
      },
    ];
  });
}

/** The event has the object as it became, the one before it as it was. Empty where that is not recorded. */
function changedFields(db: RecordDb, event: PrefectEvent): string[] {
  const toUs = latestUs(0, (parseIsoUs(event.occurred) ?? 0) - 1);
  const filter = { resource: { id: [event.resource[RESOURCE_ID] ?? ""] } };
  const { events } = findEvents(db, { fromUs: 0, toUs, order: "desc", limit: 1, filter });
  const before = events[0]?.payload;
  if (before === undefined) return [];
  const partsOf = (payload: PrefectEvent["payload"]) => ({
    ...payload,
    ...(payload.data as Readonly<Record<string, unknown>> | undefined),
  });
  const [old, now] = [partsOf(before), partsOf(event.payload)] as readonly Readonly<Record<string, unknown>>[];
  const keys = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])];
  return keys.filter((key) => !NO_EDIT.has(key) && !isSameJson(old?.[key], now?.[key]));
}

const NO_EDIT: ReadonlySet<string> = new Set(["data", "created", "updated", "block_schema"]);

function changesByReadings(
  db: RecordDb,
  kind: "variable" | "automation",
  { fromUs, toUs }: { readonly fromUs: ServerUs; readonly toUs: ServerUs },
): SharedChange[] {
  const skewUs = statedSkewUs(db);
  const range = { fromUs: onLocalClock(fromUs, skewUs), toUs: Number.MAX_SAFE_INTEGER };
  return findObjectChanges(db, { ...range, kind, limit: MAX_CHANGES })
    .filter(({ sinceUs, atUs }) => (sinceUs ?? atUs) <= onLocalClock(toUs, skewUs))
    .map(({ id, name, change, diff, atUs }) => ({
      id,
      name,
      change,
      atUs: onServerClock(atUs, skewUs),
      isExact: false,
      fields: Object.keys(diff).filter((field) => !NO_EDIT.has(field)),
      by: null,
      text: JSON.stringify(findObject(db, kind, id)?.doc ?? {}),
    }));
}

function namesRun({ id, text }: SharedChange, { run }: RunFacts): boolean {
  const ids = [run.deployment_id, run.flow_id, run.work_pool_id].flatMap((one) => one ?? []);
  return run.created_by?.id === id || ids.some((one) => text.includes(one));
}

/** Where names of blocks and variables are: in the deployment and in the error of the run. */
function mentionsOf({ deployment, run, error }: RunFacts): string {
  return `${JSON.stringify(deployment ?? {})} ${JSON.stringify(run.job_variables ?? {})} ${run.state?.message ?? ""} ${error?.message ?? ""}`;
}

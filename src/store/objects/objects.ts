/**
 * The objects that are read as lists (`SnapshotKind`) as REST returned them last, and the differences between readings: a history
 * that Prefect does not keep.
 */
import { isJsonObject, isSameJson, parseJson } from "../../lib/exact-json.ts";
import {
  earliestUs,
  type LocalUs,
  latestUs,
  MINUTE_US,
  onLocalClock,
  onServerClock,
  type ServerUs,
} from "../../lib/time.ts";
import { factsOf, KINDS, nameOf } from "../../model/kinds.ts";
import { charsField } from "../../model/objects/long-fields.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { RecordDb } from "../database.ts";
import { timeUs } from "../runs/run-columns.ts";
import type { NewObjectChangeRow, NewObjectRow, ObjectChangeRow, ObjectRow } from "../schema/object.ts";
import { findFact, putFact } from "../sync-state.ts";
import { insertStatement } from "../write-row.ts";
import { forgetNameOrder } from "./name-order.ts";

/** A stored object. Times in microseconds, local clock. */
export interface StoredObject<K extends SnapshotKind = SnapshotKind> {
  readonly kind: K;
  readonly id: string;
  readonly name: string;
  /** Id of the flow of a deployment, or of the pool of a queue or worker. */
  readonly parentId: string | null;
  readonly doc: SnapshotObjects[K];
  readonly firstUs: LocalUs;
  readonly readUs: LocalUs;
  readonly deletedUs: LocalUs | null;
}

/**
 * A difference between two readings. It happened after `sinceUs` (null: unknown) and not after `atUs`; microseconds,
 * local clock.
 */
export interface ObjectChange {
  readonly atUs: LocalUs;
  readonly sinceUs: LocalUs | null;
  readonly kind: SnapshotKind;
  readonly id: string;
  readonly name: string;
  readonly change: "created" | "updated" | "deleted";
  readonly diff: Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;
}

const insertObject = insertStatement<NewObjectRow>("object");
const insertChange = insertStatement<NewObjectChangeRow>("object_change");

/**
 * Stores objects from REST. `readUs`: start of the request, microseconds, local clock. `isWhole`: `rows` is the whole
 * list (a snapshot), so objects missing in it were deleted, and the fact `read:<kind>` is set. Differences go to
 * `object_change`. Objects that were read later already are skipped. Call it inside a transaction. Returns the ids of
 * the objects that changed.
 */
export function upsertObjects<K extends SnapshotKind>(
  db: RecordDb,
  kind: K,
  rows: readonly SnapshotObjects[K][],
  readUs: LocalUs,
  isWhole: boolean,
): string[] {
  const lastRead = findFact(db, `read:${kind}`)?.readUs ?? null;
  if (isOlderReading(lastRead ?? lastNewest(db, kind), readUs)) return [];
  const changed: string[] = [];
  for (const doc of rows) if (upsertObject(db, kind, doc, readUs, lastRead)) changed.push(doc.id);
  if (!isWhole) return changed;
  const present = new Set(rows.map((row) => row.id));
  for (const held of findObjects(db, kind)) {
    if (present.has(held.id) || isOlderReading(held.readUs, readUs)) continue;
    markObjectDeleted(db, kind, held.id, readUs);
    changed.push(held.id);
  }
  putFact<`read:${SnapshotKind}`>(db, `read:${kind}`, { readUs, count: rows.length }, readUs);
  if (lastNewest(db, kind) !== null) putFact(db, `newest:${kind}`, null, readUs);
  return changed;
}

/**
 * Stores the first page of a list in the order of `updated`, newest first, when the list continues after it. Every object that was
 * updated later than the last one of the page is on it, so others that seem to be so recent were deleted. Older ones are no longer
 * held. Replaces the fact `read:<kind>` by `newest:<kind>`. Otherwise as `upsertObjects`.
 */
export function upsertNewestObjects<K extends SnapshotKind>(
  db: RecordDb,
  kind: K,
  rows: readonly SnapshotObjects[K][],
  readUs: LocalUs,
): string[] {
  const lastWhole = findFact(db, `read:${kind}`)?.readUs ?? null;
  const sinceUs = timeUs(rows.at(-1)?.updated);
  if (sinceUs === null || isOlderReading(lastWhole ?? lastNewest(db, kind), readUs)) return [];
  // Without a whole list before, an object that is new to the record may be old.
  const changed = rows.filter((doc) => upsertObject(db, kind, doc, readUs, null)).map((doc) => doc.id);
  const present = new Set(rows.map((row) => row.id));
  for (const held of findObjects(db, kind)) {
    if (present.has(held.id) || isOlderReading(held.readUs, readUs)) continue;
    if ((timeUs(held.doc.updated) ?? 0) > sinceUs) markObjectDeleted(db, kind, held.id, readUs);
    else db.prepare<unknown, [string, string]>("DELETE FROM object WHERE kind = ? AND id = ?").run(kind, held.id);
    changed.push(held.id);
  }
  putFact<`newest:${SnapshotKind}`>(db, `newest:${kind}`, { readUs, count: rows.length, sinceUs }, readUs);
  if (lastWhole !== null) putFact(db, `read:${kind}`, null, readUs);
  return changed;
}

function lastNewest(db: RecordDb, kind: SnapshotKind): LocalUs | null {
  return findFact(db, `newest:${kind}`)?.readUs ?? null;
}

/** No reading takes this long. A stored time that is so much later was taken from a clock that has been set back since. */
const MAX_READING_US = 10 * MINUTE_US;

/** True when a later reading is stored already. */
function isOlderReading(heldUs: LocalUs | null, readUs: LocalUs): boolean {
  return heldUs !== null && heldUs > readUs && heldUs - readUs < MAX_READING_US;
}

function upsertObject<K extends SnapshotKind>(
  db: RecordDb,
  kind: K,
  doc: SnapshotObjects[K],
  readUs: LocalUs,
  lastRead: LocalUs | null,
): boolean {
  const held = readRow(db, kind, doc.id);
  const json = JSON.stringify(doc);
  if (held !== null) {
    if (isOlderReading(held.read_us, readUs)) return false;
    if (held.doc === json && held.deleted_us === null) return false;
    if (held.name !== nameOf(kind, doc) || held.deleted_us !== null) forgetNameOrder(db, kind, readUs);
    db.prepare<unknown, [string, string | null, string, number, string, string]>(
      "UPDATE object SET name = ?, parent_id = ?, doc = ?, read_us = ?, deleted_us = NULL WHERE kind = ? AND id = ?",
    ).run(nameOf(kind, doc), parentOf(kind, doc), json, readUs, kind, doc.id);
    const diff = diffDocs(kind, parseJson(held.doc) as object, doc);
    if (held.deleted_us !== null)
      addChange(db, { ...at(readUs, held.deleted_us, kind, doc), change: "created", diff: {} });
    else if (Object.keys(diff).length > 0) {
      addChange(db, {
        ...at(readUs, latestUs(held.read_us, lastRead ?? held.read_us), kind, doc),
        change: "updated",
        diff,
      });
    } else return false;
    return true;
  }
  forgetNameOrder(db, kind, readUs);
  insertObject(db, {
    kind,
    id: doc.id,
    name: nameOf(kind, doc),
    parent_id: parentOf(kind, doc),
    doc: json,
    first_us: readUs,
    read_us: readUs,
  });
  // At the first reading of a kind every object is new to the record, which does not mean that it was created now.
  // `created` is on the server clock; it is at most the skew away from the local one, and `at` cuts it at the reading.
  const createdUs = timeUs(doc.created);
  const sinceUs = createdUs === null ? lastRead : onLocalClock(createdUs, 0);
  if (lastRead !== null && sinceUs !== null)
    addChange(db, { ...at(readUs, sinceUs, kind, doc), change: "created", diff: {} });
  return true;
}

/** Marks an object as deleted: REST did not have it at `atUs` (microseconds, local clock), or its `deleted` event arrived. */
export function markObjectDeleted(db: RecordDb, kind: SnapshotKind, id: string, atUs: LocalUs): void {
  const held = readRow(db, kind, id);
  if (held === null || held.deleted_us !== null || isOlderReading(held.read_us, atUs)) return;
  db.prepare<unknown, [number, string, string]>("UPDATE object SET deleted_us = ? WHERE kind = ? AND id = ?").run(
    atUs,
    kind,
    id,
  );
  const sinceUs = latestUs(held.read_us, findFact(db, `read:${kind}`)?.readUs ?? held.read_us);
  addChange(db, { atUs, sinceUs, kind, id, name: held.name, change: "deleted", diff: {} });
}

function at(atUs: LocalUs, sinceUs: LocalUs, kind: SnapshotKind, doc: { readonly id: string }) {
  return { atUs, sinceUs: earliestUs(sinceUs, atUs), kind, id: doc.id, name: nameOf(kind, doc) };
}

function addChange(db: RecordDb, change: ObjectChange): void {
  const { atUs, sinceUs, kind, id, name, diff } = change;
  insertChange(db, {
    at_us: atUs,
    since_us: sinceUs,
    kind,
    id,
    name,
    change: change.change,
    diff: JSON.stringify(diff),
  });
}

function parentOf<K extends SnapshotKind>(kind: K, doc: SnapshotObjects[K]): string | null {
  const owner = KINDS[kind].parent;
  const parent = owner === null ? null : (doc as unknown as Readonly<Record<string, unknown>>)[owner.field];
  return typeof parent === "string" ? parent : null;
}

/** Fields that change without an edit of the object. */
const VOLATILE: ReadonlySet<string> = new Set([
  "updated",
  "last_polled",
  "active_slots",
  "last_heartbeat_time",
  "denied_slots",
]);

/** Top-level fields that differ between two documents of one object, without volatile and long fields. */
export function diffDocs(kind: SnapshotKind, before: object, after: object): ObjectChange["diff"] {
  const { longFields, isStatusAnEvent } = factsOf(kind);
  const long = new Set(longFields.flatMap((field) => [field, charsField(field)]));
  const diff: Record<string, { from?: unknown; to?: unknown }> = {};
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  for (const field of new Set([...from.keys(), ...to.keys()])) {
    if (VOLATILE.has(field) || long.has(field) || (field === "status" && isStatusAnEvent)) continue;
    const [old, now] = [withoutVolatile(from.get(field)), withoutVolatile(to.get(field))];
    if (!isSameJson(old, now)) diff[field] = { from: old, to: now };
  }
  return diff;
}

/** The value without fields that change without an edit, at every depth. */
export function withoutVolatile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVolatile);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !VOLATILE.has(key))
      .map(([key, member]) => [key, withoutVolatile(member)]),
  );
}

function readRow(db: RecordDb, kind: SnapshotKind, id: string): ObjectRow | null {
  return db
    .prepare<ObjectRow, [string, string]>("SELECT * FROM object WHERE kind = ? AND id = ?")
    .get(kind, id.toLowerCase());
}

function toStored<K extends SnapshotKind>(kind: K, row: ObjectRow): StoredObject<K> {
  return {
    kind,
    id: row.id,
    name: row.name,
    parentId: row.parent_id,
    doc: parseJson(row.doc) as SnapshotObjects[K],
    firstUs: row.first_us,
    readUs: row.read_us,
    deletedUs: row.deleted_us,
  };
}

/** One object by id, also a deleted one; null when it was never recorded. */
export function findObject<K extends SnapshotKind>(db: RecordDb, kind: K, id: string): StoredObject<K> | null {
  const row = readRow(db, kind, id);
  return row === null ? null : toStored(kind, row);
}

/**
 * All objects of a kind that Prefect has not deleted, sorted by name. `parentId`: only those of this flow or pool. For Prefect's
 * filters see `filters/find.ts`.
 */
export function findObjects<K extends SnapshotKind>(
  db: RecordDb,
  kind: K,
  options: { readonly parentId?: string } = {},
): StoredObject<K>[] {
  const parent = options.parentId === undefined ? "" : " AND parent_id = ?";
  const rows = db
    .prepare<ObjectRow, string[]>(
      `SELECT * FROM object WHERE kind = ? AND deleted_us IS NULL${parent} ORDER BY name, id`,
    )
    .all(...(options.parentId === undefined ? [kind] : [kind, options.parentId]));
  return rows.map((row) => toStored(kind, row));
}

/** Names of objects by id, also of deleted ones. */
export function findObjectNames(db: RecordDb, kind: SnapshotKind, ids: Iterable<string>): Map<string, string> {
  const rows = db
    .prepare<{ id: string; name: string }, [string, string]>(
      "SELECT id, name FROM object WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",
    )
    .all(kind, JSON.stringify([...new Set(ids)]));
  return new Map(rows.map((row) => [row.id, row.name]));
}

/** `flow/deployment` or `pool/queue`, by id: the names of these are unique within their parent only. Other names as they are. */
export function findFullNames(db: RecordDb, kind: SnapshotKind, ids: Iterable<string>): Map<string, string> {
  const rows = db
    .prepare<{ id: string; name: string }, [string, string, string]>(
      `SELECT o.id, iif(p.name IS NULL, o.name, p.name || '/' || o.name) AS name
       FROM object o LEFT JOIN object p ON p.id = o.parent_id AND p.kind = ?
       WHERE o.kind = ? AND o.id IN (SELECT value FROM json_each(?))`,
    )
    .all(KINDS[kind].parent?.kind ?? "", kind, JSON.stringify([...new Set(ids)]));
  return new Map(rows.map((row) => [row.id, row.name]));
}

/**
 * When the oldest flow was created (microseconds, server clock). No flow run was created earlier, because each has a flow and is
 * deleted with it; but runs may be expected earlier, and task runs may have no flow run. Null until the list of flows was read whole; the time of that reading if there are no flows.
 */
export function findOldestFlowUs(db: RecordDb): ServerUs | null {
  const read = findFact(db, "read:flow");
  if (read === null) return null;
  const known = db.perConnection("oldest-flow", () => ({ readUs: -1, us: 0 }));
  if (known.readUs !== read.readUs) {
    const row = db
      .prepare<{ created: string | null }, []>(
        `SELECT doc ->> '$.created' AS created FROM object WHERE kind = 'flow' AND deleted_us IS NULL
         ORDER BY replace(doc ->> '$.created', 'Z', '') LIMIT 1`,
      )
      .get();
    known.us = row === null ? onServerClock(read.readUs, 0) : (timeUs(row.created) ?? 0);
    known.readUs = read.readUs;
  }
  return known.us;
}

/** Names of the objects of a kind, sorted, by the id of their owner: deployments by flow, queues by pool. */
export function findNamesByParent(db: RecordDb, kind: SnapshotKind): Map<string, string[]> {
  const rows = db
    .prepare<{ parent_id: string; name: string }, [string]>(
      "SELECT parent_id, name FROM object WHERE kind = ? AND deleted_us IS NULL AND parent_id IS NOT NULL ORDER BY name, id",
    )
    .all(kind);
  const names = new Map<string, string[]>();
  for (const { parent_id, name } of rows) {
    const list = names.get(parent_id);
    if (list) list.push(name);
    else names.set(parent_id, [name]);
  }
  return names;
}

/** Changes that were read in the closed range (microseconds, local clock), newest first. */
export function findObjectChanges(
  db: RecordDb,
  query: {
    readonly fromUs: LocalUs;
    readonly toUs: LocalUs;
    readonly kind?: SnapshotKind;
    readonly id?: string;
    readonly limit: number;
  },
): ObjectChange[] {
  const rows = db
    .prepare<ObjectChangeRow, [number, number, string | null, string | null, string | null, string | null, number]>(
      `SELECT * FROM object_change WHERE at_us BETWEEN ? AND ? AND (? IS NULL OR kind = ?) AND (? IS NULL OR id = ?)
       ORDER BY at_us DESC, seq DESC LIMIT ?`,
    )
    .all(
      query.fromUs,
      query.toUs,
      query.kind ?? null,
      query.kind ?? null,
      query.id ?? null,
      query.id ?? null,
      query.limit,
    );
  return rows.map((row) => ({
    atUs: row.at_us,
    sinceUs: row.since_us,
    kind: row.kind,
    id: row.id,
    name: row.name,
    change: row.change,
    diff: parseJson(row.diff) as ObjectChange["diff"],
  }));
}

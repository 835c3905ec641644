/** The objects of a kind as they were at a moment: what was read last, with the differences of later readings taken back. */
import { parseJson } from "../../lib/exact-json.ts";
import { type LocalUs, latestOf } from "../../lib/time.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { RecordDb } from "../database.ts";
import { withoutVolatile } from "../objects/objects.ts";
import { timeUs } from "../runs/run-columns.ts";
import type { ObjectChangeRow, ObjectRow } from "../schema/object.ts";
import { findFact, findStateJson, RETENTION_FLOOR_KEY } from "../sync-state.ts";

export interface ObjectsAt<K extends SnapshotKind> {
  readonly objects: readonly SnapshotObjects[K][];
  /** Names of objects that changed between the readings before and after the moment; they are shown as in the one before. */
  readonly uncertain: readonly string[];
  /** Names of objects that existed, but of which nothing is known from then. */
  readonly unknown: readonly string[];
}

/**
 * Since when the history of a kind is recorded (local clock); null: it never was read. Lists of all kinds are read in one round, so that
 * of a kind without any object begins with the others.
 */
export function historyBeginUs(db: RecordDb, kind: SnapshotKind): LocalUs | null {
  if (findFact(db, `read:${kind}`) === null) return null;
  const first = (where: string, ...params: string[]) =>
    db.prepare<{ us: LocalUs | null }, string[]>(`SELECT min(first_us) AS us FROM object ${where}`).get(...params)?.us;
  const beginUs = first("WHERE kind = ?", kind) ?? first("") ?? findFact(db, `read:${kind}`)?.readUs ?? null;
  if (beginUs === null) return null;
  // Changes from before it were dropped.
  const floor = findStateJson(db, RETENTION_FLOOR_KEY) as { readonly us?: number } | null;
  return latestOf([beginUs, floor?.us ?? beginUs]);
}

/** Without fields that change without an edit (`withoutVolatile`): their past values are not kept. */
export function findObjectsAt<K extends SnapshotKind>(db: RecordDb, kind: K, atUs: LocalUs): ObjectsAt<K> {
  const rows = db.prepare<ObjectRow, [string]>("SELECT * FROM object WHERE kind = ?").all(kind);
  const later = db
    .prepare<ObjectChangeRow, [string, number]>(
      "SELECT * FROM object_change WHERE kind = ? AND at_us > ? ORDER BY at_us DESC, seq DESC",
    )
    .all(kind, atUs);
  const changes = Map.groupBy(later, (change) => change.id);
  const objects: SnapshotObjects[K][] = [];
  const uncertain: string[] = [];
  const unknown: string[] = [];
  for (const row of rows) {
    const version = versionAt(row, changes.get(row.id) ?? [], atUs);
    if (version === null) continue;
    if (version.doc === null) unknown.push(row.name);
    else objects.push(withoutVolatile(version.doc) as SnapshotObjects[K]);
    if (version.isUncertain) uncertain.push(row.name);
  }
  return { objects, uncertain, unknown };
}

interface Version {
  /** Null: the object existed, and its fields are unknown. */
  readonly doc: object | null;
  readonly isUncertain: boolean;
}

/** `later`: its changes that were read after the moment, newest first. Null: the object did not exist. */
function versionAt(row: ObjectRow, later: readonly ObjectChangeRow[], atUs: LocalUs): Version | null {
  const now = parseJson(row.doc) as Fields;
  let doc: Fields | null = now;
  let exists = row.deleted_us === null || row.deleted_us > atUs;
  let isUncertain = false;
  for (const change of later) {
    isUncertain ||= change.since_us === null || change.since_us < atUs;
    if (change.change === "deleted") exists = true;
    else if (change.change === "updated") doc = doc === null ? null : withoutChange(doc, change);
    else if (change.at_us !== row.first_us) {
      // It was deleted before, and what it was then is not kept.
      exists = false;
      doc = null;
    }
  }
  if (row.first_us > atUs) {
    // Read for the first time later: it existed if it was created before.
    const createdUs = timeUs(typeof now.created === "string" ? now.created : null);
    if (createdUs === null || createdUs > atUs) return null;
    isUncertain = true;
  }
  return exists ? { doc, isUncertain } : null;
}

type Fields = Readonly<Record<string, unknown>>;

function withoutChange(doc: Fields, change: ObjectChangeRow): Fields {
  const before = { ...doc };
  const diff = parseJson(change.diff) as Readonly<Record<string, { readonly from?: unknown }>>;
  for (const [field, { from }] of Object.entries(diff)) {
    if (from === undefined) delete before[field];
    else before[field] = from;
  }
  return before;
}

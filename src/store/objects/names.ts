/** Objects and runs of the record by their name or by the beginning of their id. */
import { KINDS, type Kind, RUN_KINDS, type RunKind } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../database.ts";
import { idText } from "../runs/run-columns.ts";

/** A run or object that a name or the beginning of an id matches. */
export interface NamedRow {
  readonly id: string;
  readonly name: string;
  /** Name of the flow of a deployment, or of the pool of a queue. */
  readonly parent: string | null;
  /** Start or expected start of a run, microseconds; null for objects. */
  readonly beginUs: number | null;
  readonly isDeleted: boolean;
}

/** At most this many rows are read, so this number of results means "at least". */
export const MAX_NAMED = 20;

interface RunRow {
  readonly id: Uint8Array;
  readonly name: string;
  readonly begin_us: number | null;
  readonly deleted_us: number | null;
}

const BEGIN = { flow_run: "begin_us", task_run: "coalesce(start_us, expected_us)" } as const satisfies Record<
  RunKind,
  string
>;

function runs(db: RecordDb, table: RunKind, where: string, ...params: (string | Uint8Array)[]): NamedRow[] {
  const sql = `SELECT id, name, ${BEGIN[table]} AS begin_us, deleted_us FROM ${table} WHERE ${where}
    ORDER BY deleted_us IS NOT NULL, ${BEGIN[table]} DESC LIMIT ${MAX_NAMED}`;
  return db
    .prepare<RunRow, (string | Uint8Array)[]>(sql)
    .all(...params)
    .map((row) => ({
      id: idText(row.id),
      name: row.name,
      parent: null,
      beginUs: row.begin_us,
      isDeleted: row.deleted_us !== null,
    }));
}

interface ObjectRow {
  readonly id: string;
  readonly name: string;
  readonly parent: string | null;
  readonly deleted_us: number | null;
}

function objects(db: RecordDb, kind: SnapshotKind, where: string, ...params: string[]): NamedRow[] {
  const sql = `SELECT o.id, o.name, p.name AS parent, o.deleted_us FROM object o
    LEFT JOIN object p ON p.id = o.parent_id AND p.kind = '${KINDS[kind].parent?.kind ?? ""}'
    WHERE o.kind = ? AND ${where} ORDER BY o.deleted_us IS NOT NULL, p.name, o.name LIMIT ${MAX_NAMED}`;
  return db
    .prepare<ObjectRow, string[]>(sql)
    .all(kind, ...params)
    .map((row) => ({
      id: row.id,
      name: row.name,
      parent: row.parent,
      beginUs: null,
      isDeleted: row.deleted_us !== null,
    }));
}

const isRun = (kind: Kind): kind is RunKind => (RUN_KINDS as readonly Kind[]).includes(kind);

/** Rows whose id begins with these hexadecimal digits; dashes are ignored. */
export function findByIdPrefix(db: RecordDb, kind: Kind, prefix: string): NamedRow[] {
  const hex = prefix.replaceAll("-", "").toLowerCase();
  if (isRun(kind)) {
    const bound = (digit: string) => Uint8Array.fromHex(hex.padEnd(32, digit));
    return runs(db, kind, "id BETWEEN ? AND ?", bound("0"), bound("f"));
  }
  return objects(db, kind, "replace(o.id, '-', '') LIKE ?", `${hex}%`);
}

/**
 * Rows with exactly this name; if there are none, objects with this name in another case. `parent`: name of their flow
 * or pool.
 */
export function findByName(db: RecordDb, kind: Kind, name: string, parent?: string): NamedRow[] {
  // Names of runs are indexed as they are: ignoring case would mean a scan of a large table.
  if (isRun(kind)) return runs(db, kind, "name = ?", name);
  const inParent = parent === undefined ? "" : " AND p.name = ?";
  const given = parent === undefined ? [name] : [name, parent];
  const exact = objects(db, kind, `o.name = ?${inParent}`, ...given);
  return exact.length > 0
    ? exact
    : objects(
        db,
        kind,
        `lower(o.name) = lower(?)${inParent.replace("p.name = ?", "lower(p.name) = lower(?)")}`,
        ...given,
      );
}

/** Names for suggestions: up to 2,000 objects of the kind, or the 500 newest runs. */
export function findKnownNames(db: RecordDb, kind: Kind): Pick<NamedRow, "name" | "parent">[] {
  if (isRun(kind)) {
    const begin = kind === "flow_run" ? "begin_us" : "expected_us";
    const sql = `SELECT name, NULL AS parent FROM ${kind} WHERE deleted_us IS NULL ORDER BY ${begin} DESC LIMIT 500`;
    return db.prepare<Pick<NamedRow, "name" | "parent">, []>(sql).all();
  }
  return db
    .prepare<Pick<NamedRow, "name" | "parent">, [string, string]>(
      `SELECT o.name, p.name AS parent FROM object o LEFT JOIN object p ON p.id = o.parent_id AND p.kind = ?
       WHERE o.kind = ? AND o.deleted_us IS NULL ORDER BY o.name LIMIT 2000`,
    )
    .all(KINDS[kind].parent?.kind ?? "", kind);
}

/** Tags of objects, or of the runs that begin last. */
export function findKnownTags(db: RecordDb, kind: Kind): string[] {
  const rows = isRun(kind)
    ? db
        .prepare<{ tag: string }, []>(
          `SELECT DISTINCT tag.value AS tag FROM
           (SELECT tags FROM ${kind} WHERE deleted_us IS NULL ORDER BY ${kind === "flow_run" ? "begin_us" : "expected_us"} DESC LIMIT 2000) run,
           json_each(run.tags) tag`,
        )
        .all()
    : db
        .prepare<{ tag: string }, [string]>(
          `SELECT DISTINCT tag.value AS tag FROM object, json_each(object.doc, '$.tags') tag
           WHERE kind = ? AND deleted_us IS NULL LIMIT 2000`,
        )
        .all(kind);
  return rows.map(({ tag }) => tag);
}

/** Objects whose parent (the flow of a deployment) has this name. */
export function findByParentName(db: RecordDb, kind: SnapshotKind, parent: string): NamedRow[] {
  const exact = objects(db, kind, "p.name = ?", parent);
  return exact.length > 0 ? exact : objects(db, kind, "lower(p.name) = lower(?)", parent);
}

/** Whether a run is in a state of exactly this name. */
export function hasStateName(db: RecordDb, table: RunKind, name: string): boolean {
  return db.prepare(`SELECT 1 FROM ${table} WHERE state_name = ? LIMIT 1`).get(name) !== null;
}

/** Newest name of a resource in events, for example of a run that was deleted before it was read; null when no event has it. */
export function findResourceName(db: RecordDb, resourceId: string): { readonly name: string | null } | null {
  return db
    .prepare<{ name: string | null }, [string]>("SELECT name FROM resource WHERE resource_id = ?")
    .get(resourceId);
}

/** Names of resources in events that contain the text, case of ASCII letters ignored. Reads all names. */
export function findResourceNamesWith(db: RecordDb, text: string, limit: number): string[] {
  return db
    .prepare<{ name: string }, [string, number]>(
      "SELECT DISTINCT name FROM resource WHERE instr(lower(name), ?) > 0 ORDER BY length(name), name LIMIT ?",
    )
    .all(text.toLowerCase(), limit)
    .map((row) => row.name);
}

/** Ids of the resources whose newest name in events is exactly this one. */
export function findResourceIdsByName(db: RecordDb, name: string, limit: number): string[] {
  return db
    .prepare<{ resource_id: string }, [string, number]>("SELECT resource_id FROM resource WHERE name = ? LIMIT ?")
    .all(name, limit)
    .map((row) => row.resource_id);
}

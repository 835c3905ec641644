import type { RecordDb, SQLQueryBindings } from "../database.ts";
import { type EventRow, mergeStreams, NARROW_COLUMNS, type Order, type RowStream } from "./event-rows.ts";

/**
 * One range of an index, in the order of keys: the events of a name, of a primary resource, or the postings of a
 * related resource, optionally of the event names in `names` alone (a JSON list of numbers).
 */
export type Branch =
  | { readonly by: "name"; readonly nameId: number }
  | { readonly by: "primary"; readonly resId: number }
  | { readonly by: "related"; readonly resId: number; readonly names: string | null };

/** SQLite allows 500 selects in one statement (SQLITE_MAX_COMPOUND_SELECT); padding to the next size may add half as many. */
const LARGEST_UNION = 256;
/** Unions are padded to these sizes with branches that find nothing, so that few different statements are prepared. */
const SIZES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, LARGEST_UNION];

const KINDS = ["name", "primary", "related", "named"] as const;
type Kind = (typeof KINDS)[number];
const SELECT: Record<Kind, string> = {
  name: "SELECT t FROM event INDEXED BY event_name_t WHERE name_id = ? AND t BETWEEN ? AND ?",
  primary: "SELECT t FROM event INDEXED BY event_res_t WHERE res_id = ? AND t BETWEEN ? AND ?",
  related: "SELECT t FROM related WHERE res_id = ? AND t BETWEEN ? AND ?",
  named: "SELECT t FROM related WHERE res_id = ? AND t BETWEEN ? AND ? AND name_id IN (SELECT value FROM json_each(?))",
};
const NOTHING: Record<Kind, Branch> = {
  name: { by: "name", nameId: -1 },
  primary: { by: "primary", resId: -1 },
  related: { by: "related", resId: -1, names: null },
  named: { by: "related", resId: -1, names: "[]" },
};

function kindOf(branch: Branch): Kind {
  return branch.by === "related" && branch.names !== null ? "named" : branch.by;
}

/** All events between two keys. */
export function scanStream(db: RecordDb, order: Order, lo: number, hi: number): RowStream {
  const direction = order === "desc" ? "DESC" : "ASC";
  const read = db.prepare<EventRow, [number, number, number]>(
    `SELECT t, ${NARROW_COLUMNS} FROM event WHERE t BETWEEN ? AND ? ORDER BY t ${direction} LIMIT ?`,
  );
  return keysetStream(order, lo, hi, (from, to, limit) => read.all(from, to, limit));
}

/** Events of any of the branches, once each, merged by key inside SQLite as far as they are read. */
export function branchStream(
  db: RecordDb,
  branches: readonly Branch[],
  order: Order,
  lo: number,
  hi: number,
): RowStream {
  const groups: Branch[][] = [];
  for (let at = 0; at < branches.length; at += LARGEST_UNION) groups.push(branches.slice(at, at + LARGEST_UNION));
  const streams = groups.map((group) => unionStream(db, group, order, lo, hi));
  return streams.length === 0 ? { next: () => ({ rows: [], frontier: null }) } : mergeStreams(streams, order);
}

/**
 * Estimate of the number of rows that the branches read, at most `cap` per union. Rows in two branches count twice, and
 * postings count whatever their event name.
 */
export function countBranches(db: RecordDb, branches: readonly Branch[], lo: number, hi: number, cap: number): number {
  let sum = 0;
  for (let at = 0; at < branches.length && sum < cap; at += LARGEST_UNION) {
    const plain = branches
      .slice(at, at + LARGEST_UNION)
      .map((branch) => (branch.by === "related" ? { ...branch, names: null } : branch));
    const { text, bind } = union(plain);
    const count = db.prepare<{ n: number }, SQLQueryBindings[]>(`SELECT count(*) AS n FROM (${text} LIMIT ?)`);
    sum += count.get(...bind(lo, hi), cap)?.n ?? 0;
  }
  return sum;
}

function unionStream(db: RecordDb, branches: readonly Branch[], order: Order, lo: number, hi: number): RowStream {
  const direction = order === "desc" ? "DESC" : "ASC";
  const { text, bind } = union(branches);
  const read = db.prepare<EventRow & { readonly shift: number | null }, SQLQueryBindings[]>(
    `SELECT k.t AS t, ${NARROW_COLUMNS} FROM (${text} ORDER BY 1 ${direction} LIMIT ?) k LEFT JOIN event e ON e.t = k.t ORDER BY k.t ${direction}`,
  );
  return keysetStream(order, lo, hi, (from, to, limit) => read.all(...bind(from, to), limit));
}

function union(branches: readonly Branch[]): { text: string; bind: (lo: number, hi: number) => SQLQueryBindings[] } {
  const sorted = KINDS.flatMap((kind) =>
    padded(
      branches.filter((branch) => kindOf(branch) === kind),
      kind,
    ),
  );
  return {
    text: sorted.map((branch) => SELECT[kindOf(branch)]).join(" UNION ALL "),
    bind: (lo, hi) =>
      sorted.flatMap((branch): SQLQueryBindings[] => {
        if (branch.by === "name") return [branch.nameId, lo, hi];
        return branch.by === "related" && branch.names !== null
          ? [branch.resId, lo, hi, branch.names]
          : [branch.resId, lo, hi];
      }),
  };
}

function padded(branches: readonly Branch[], kind: Kind): Branch[] {
  if (branches.length === 0) return [];
  const size = SIZES.find((one) => one >= branches.length) ?? branches.length;
  return [...branches, ...Array<Branch>(size - branches.length).fill(NOTHING[kind])];
}

/**
 * Reads keys page by page. Keys found twice (by two branches) and keys without a row (deleted by another program) are
 * left out.
 */
function keysetStream(
  order: Order,
  lo: number,
  hi: number,
  read: (lo: number, hi: number, limit: number) => readonly (EventRow | { readonly t: number; readonly shift: null })[],
): RowStream {
  let from = lo;
  let to = hi;
  return {
    next(want) {
      const found = from > to ? [] : read(from, to, want);
      const last = found.at(-1);
      const rows: EventRow[] = [];
      for (const row of found) {
        if (row.shift !== null && row.t !== rows.at(-1)?.t) rows.push(row as EventRow);
      }
      if (!last || found.length < want) return { rows, frontier: null };
      if (order === "desc") to = last.t - 1;
      else from = last.t + 1;
      return { rows, frontier: last.t };
    },
  };
}

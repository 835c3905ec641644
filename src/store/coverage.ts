import { addUs, earliestUs, type LocalUs, latestUs, MINUTE_US, type ServerUs } from "../lib/time.ts";
import type { TimeRange } from "../model/freshness.ts";
import { type RecordDb, whileUnchanged } from "./database.ts";
import type { CoverageRow, CoverageSource, NewCoverageRow } from "./schema/ledger.ts";
import { insertStatement } from "./write-row.ts";

export type { CoverageSource } from "./schema/ledger.ts";

/**
 * A claim of the coverage ledger: at `verifiedUs` (local clock, start of the request that proved it) the record held every row
 * of the closed range [fromUs, toUs] (`occurred`, server clock) that Prefect returned over REST. `serverCount` and
 * `recordCount`: number of rows on both sides at that time, null where they were not counted.
 */
export interface CoveredRange extends TimeRange {
  readonly source: CoverageSource;
  readonly verifiedUs: LocalUs;
  readonly serverCount: number | null;
  readonly recordCount: number | null;
}

/** Adjacent claims are joined once both end at least this long before the newest claim: the recent past keeps its detail. */
const SETTLED_US = 10 * MINUTE_US;
/** Claims are joined only if they were verified within this time: the joined claim gets the older `verifiedUs`. */
const SAME_AGE_US = 60 * MINUTE_US;

/** A claim with the key of its row. */
interface StoredClaim extends CoveredRange {
  readonly seq: number;
}

const insertClaim = insertStatement<NewCoverageRow>("coverage");

/**
 * Adds a claim; call it in the transaction that stores the rows. Where claims overlap, the one verified later remains, and the
 * remainder of the other loses its counts. `kind`: event, flow_run, task_run or log; `scope`: "" or a flow run id. An empty
 * range is ignored.
 */
export function addCoverage(db: RecordDb, kind: string, scope: string, range: CoveredRange): void {
  if (range.toUs < range.fromUs) return;
  const old = rowsTouching(db, kind, scope, { fromUs: addUs(range.fromUs, -1), toUs: addUs(range.toUs, 1) });
  const newer = old.filter((row) => row.verifiedUs > range.verifiedUs);
  const older = old.filter((row) => row.verifiedUs <= range.verifiedUs);
  const added = cut(range, newer);
  const remaining = older.flatMap((row) => cut(row, [range]));
  const ranges = [...newer, ...remaining, ...added].sort((a, b) => a.fromUs - b.fromUs);
  // Age is measured from the newest claim: ranges use the server clock, which may differ from the local clock by hours.
  const endUs = coverageEnd(db, kind, scope) ?? Number.NEGATIVE_INFINITY;
  const newestUs = latestUs(range.toUs, endUs);
  replaceRows(db, kind, scope, old, join(ranges, newestUs));
  if (newestUs > endUs) joinSettled(db, kind, scope, newestUs);
}

/** End of the newest claim, or null when there is none. Claims never overlap, so the one that begins last also ends last. */
export function coverageEnd(db: RecordDb, kind: string, scope: string): ServerUs | null {
  const last = db.prepare<{ toUs: ServerUs }, [string, string]>(
    "SELECT to_us AS toUs FROM coverage WHERE kind = ? AND scope = ? ORDER BY from_us DESC LIMIT 1",
  );
  return last.get(kind, scope)?.toUs ?? null;
}

/** Joins claims that were too recent for it when they were added. */
function joinSettled(db: RecordDb, kind: string, scope: string, newestUs: ServerUs): void {
  const rows = rowsTouching(db, kind, scope, {
    fromUs: addUs(newestUs, -3 * SAME_AGE_US),
    toUs: addUs(newestUs, -SETTLED_US),
  });
  const joined = join(rows, newestUs);
  if (joined.length < rows.length) replaceRows(db, kind, scope, rows, joined);
}

/** Removes all claims over `range`, for example before its rows are deleted. */
export function removeCoverage(db: RecordDb, kind: string, scope: string, range: TimeRange): void {
  if (range.toUs < range.fromUs) return;
  const old = rowsTouching(db, kind, scope, range);
  replaceRows(
    db,
    kind,
    scope,
    old,
    old.flatMap((row) => cut(row, [range])),
  );
}

/** Removes all claims, of every kind and scope, whose reading began after this moment. */
export function removeCoverageVerifiedAfter(db: RecordDb, verifiedUs: LocalUs): void {
  db.prepare<unknown, [number]>("DELETE FROM coverage WHERE verified_us > ?").run(verifiedUs);
}

/** Removes all claims of these kinds, in all scopes. */
export function removeAllCoverage(db: RecordDb, kinds: readonly string[]): void {
  const remove = db.prepare<unknown, [string]>("DELETE FROM coverage WHERE kind = ?");
  for (const kind of kinds) remove.run(kind);
}

/** Claims in ascending order, never overlapping. `within`: only claims that overlap it, cut to it. */
export function coveredRanges(db: RecordDb, kind: string, scope: string, within?: TimeRange): readonly CoveredRange[] {
  if (!within)
    return whileUnchanged(db, `coverage:${kind}:${scope}`, () => claims(rowsTouching(db, kind, scope, ALWAYS)));
  const outside = [
    { fromUs: ALWAYS.fromUs, toUs: addUs(within.fromUs, -1) },
    { fromUs: addUs(within.toUs, 1), toUs: ALWAYS.toUs },
  ];
  return claims(rowsTouching(db, kind, scope, within)).flatMap((row) => cut(row, outside));
}

const ALWAYS: TimeRange = { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER };

function claims(rows: readonly StoredClaim[]): CoveredRange[] {
  return rows.map(({ seq: _, ...claim }) => claim);
}

/** Scopes of a kind that have a claim, such as the ids of the runs whose logs are recorded. */
export function coveredScopes(db: RecordDb, kind: string): string[] {
  const rows = db.prepare<{ scope: string }, [string]>("SELECT DISTINCT scope FROM coverage WHERE kind = ?").all(kind);
  return rows.map((row) => row.scope);
}

/** Claims that overlap `range`. Claims never overlap each other, so at most one of them begins before it. */
function rowsTouching(db: RecordDb, kind: string, scope: string, range: TimeRange): StoredClaim[] {
  return db
    .prepare<CoverageRow, [string, string, number, number, string, string, number, number]>(
      `SELECT * FROM (SELECT * FROM coverage WHERE kind = ? AND scope = ? AND from_us < ? ORDER BY from_us DESC LIMIT 1)
       WHERE to_us >= ?
       UNION ALL
       SELECT * FROM (SELECT * FROM coverage WHERE kind = ? AND scope = ? AND from_us BETWEEN ? AND ? ORDER BY from_us)`,
    )
    .all(kind, scope, range.fromUs, range.fromUs, kind, scope, range.fromUs, range.toUs)
    .map((row) => ({
      seq: row.seq,
      fromUs: row.from_us,
      toUs: row.to_us,
      source: row.source,
      verifiedUs: row.verified_us,
      serverCount: row.server_count,
      recordCount: row.record_count,
    }));
}

function replaceRows(
  db: RecordDb,
  kind: string,
  scope: string,
  old: readonly StoredClaim[],
  next: readonly CoveredRange[],
): void {
  const same = new Set<CoveredRange>(next);
  const remove = db.prepare<unknown, [number]>("DELETE FROM coverage WHERE seq = ?");
  for (const row of old) if (!same.has(row)) remove.run(row.seq);
  const before = new Set<CoveredRange>(old);
  for (const range of next) {
    if (before.has(range)) continue;
    insertClaim(db, {
      kind,
      scope,
      from_us: range.fromUs,
      to_us: range.toUs,
      source: range.source,
      verified_us: range.verifiedUs,
      server_count: range.serverCount,
      record_count: range.recordCount,
    });
  }
}

/** The parts of `range` outside `holes`. Parts have no counts; an uncut range keeps its own. */
function cut<R extends CoveredRange>(range: R, holes: readonly TimeRange[]): CoveredRange[] {
  let left: CoveredRange[] = [range];
  for (const hole of holes) {
    left = left.flatMap((part) => {
      if (hole.toUs < part.fromUs || hole.fromUs > part.toUs) return [part];
      const bare = { ...part, serverCount: null, recordCount: null };
      const parts: CoveredRange[] = [];
      if (part.fromUs < hole.fromUs) parts.push({ ...bare, toUs: addUs(hole.fromUs, -1) });
      if (part.toUs > hole.toUs) parts.push({ ...bare, fromUs: addUs(hole.toUs, 1) });
      return parts;
    });
  }
  return left;
}

function join(ranges: readonly CoveredRange[], newestUs: ServerUs): CoveredRange[] {
  const joined: CoveredRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last && canJoin(last, range, newestUs)) joined[joined.length - 1] = joinTwo(last, range);
    else joined.push(range);
  }
  return joined;
}

function canJoin(a: CoveredRange, b: CoveredRange, newestUs: ServerUs): boolean {
  const settled = b.toUs <= newestUs - SETTLED_US;
  const sameAge = Math.abs(a.verifiedUs - b.verifiedUs) <= SAME_AGE_US;
  return a.toUs + 1 >= b.fromUs && a.source === b.source && settled && sameAge;
}

function joinTwo(a: CoveredRange, b: CoveredRange): CoveredRange {
  const sum = (x: number | null, y: number | null) => (x === null || y === null ? null : x + y);
  return {
    fromUs: a.fromUs,
    toUs: b.toUs,
    source: a.source,
    verifiedUs: earliestUs(a.verifiedUs, b.verifiedUs),
    serverCount: sum(a.serverCount, b.serverCount),
    recordCount: sum(a.recordCount, b.recordCount),
  };
}

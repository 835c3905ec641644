/** Lists that a search reads from Prefect, because the record has none of them yet. */
import { type AppError, toAppError } from "../../errors.ts";
import { onServerClock, type ServerUs } from "../../lib/time.ts";
import { factsOf, LIVE_SEARCH_KINDS, type ListedKind, listBody } from "../../model/kinds.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import { readWholeList } from "../../prefect/paging/list-pages.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import type { QueryContext } from "../source/context.ts";
import { type LiveReader, openLive } from "../source/live.ts";
import { isOffline } from "../source/run-window.ts";
import { saveObjects } from "../source/save-objects.ts";
import { currentSkew } from "../source/server-time.ts";

export interface LiveList {
  readonly kind: ListedKind;
  readonly rows: readonly SnapshotObjects[ListedKind][];
  /** False: `rows` are those of the list that were updated last. */
  readonly isWhole: boolean;
}

export interface LiveLists {
  readonly lists: readonly LiveList[];
  /** Kinds that could not be read, and why. */
  readonly failed: readonly { readonly kind: SnapshotKind; readonly cause: AppError }[];
  /** When the reading began, server clock. Null: nothing was read. */
  readonly asOfUs: ServerUs | null;
}

/** `fresh`: recorded lists are read, too, and also while Prefect is known to be unreachable. Saves what it reads. */
export async function readLiveLists(
  ctx: QueryContext,
  db: RecordDb | null,
  wants: (kind: SnapshotKind) => boolean,
  fresh: boolean,
): Promise<LiveLists> {
  const isUnread = (kind: SnapshotKind) => db === null || !isRead(db, kind);
  const kinds =
    fresh || !isOffline(ctx, db) ? LIVE_SEARCH_KINDS.filter((kind) => wants(kind) && (fresh || isUnread(kind))) : [];
  const lists: LiveList[] = [];
  const failed: { kind: SnapshotKind; cause: AppError }[] = [];
  if (kinds.length === 0) return { lists, failed, asOfUs: null };
  const live = openLive(ctx);
  const read = async (kind: ListedKind) => {
    try {
      lists.push(await readList(ctx, live, kind));
    } catch (error) {
      failed.push({ kind, cause: toAppError(error) });
    }
  };
  await Promise.all(kinds.map(read));
  const asOfUs = lists.length === 0 ? null : onServerClock(live.startedUs, currentSkew(ctx).statedUs);
  return { lists, failed, asOfUs };
}

/** Whether the record has read the list, or the part of it that it holds. */
function isRead(db: RecordDb, kind: SnapshotKind): boolean {
  return findFact(db, `read:${kind}`) !== null || findFact(db, `newest:${kind}`) !== null;
}

async function readList(ctx: QueryContext, live: LiveReader, kind: ListedKind): Promise<LiveList> {
  const read = (page: { readonly limit: number; readonly offset: number }) =>
    live.api.filterObjects(kind, { ...listBody(kind), ...page }, live.options());
  const list = factsOf(kind).holds === "all" ? await readWholeList(read) : await readNewest(read);
  saveObjects(ctx, kind, list.rows, live.startedUs, list.isWhole);
  return { kind, ...list };
}

async function readNewest<T>(
  read: (page: { readonly limit: number; readonly offset: number }) => Promise<readonly T[]>,
): Promise<{ rows: readonly T[]; isWhole: boolean }> {
  const rows = await read({ limit: ROWS_PER_PAGE, offset: 0 });
  return { rows, isWhole: rows.length < ROWS_PER_PAGE };
}

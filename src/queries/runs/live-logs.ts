/** Log lines of runs from Prefect: pages of 200, several at once, up to 20,000 lines. */
import type { Log } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { LiveReader } from "../source/live.ts";

const MAX_LINES = 20_000;
/** Most pages requested at once. The first ones are requested one by one, because most runs have no more. */
const AT_ONCE = 4;

export interface LiveLogs {
  /** Ascending by time; lines of the same time in the order in which they came. */
  readonly logs: readonly Log[];
  /** Every line was read. */
  readonly isWhole: boolean;
  /** The lines are the newest ones, because not all were read. */
  readonly isNewest: boolean;
}

/**
 * Reads the lines of these runs. When there are too many, or time is over, only the newest `wanted` lines. The order of lines of
 * the same time may differ between pages, so repeated lines are recognised by their id.
 */
export async function readLiveLogs(live: LiveReader, flowRunIds: readonly string[], wanted: number): Promise<LiveLogs> {
  const byId = new Map<string, Log>();
  let offset = 0;
  for (let round = 0; offset < MAX_LINES && live.remainingMs() > 1_000; round++) {
    const count = Math.min(AT_ONCE, Math.max(1, round));
    const offsets = Array.from({ length: count }, (_, index) => offset + index * ROWS_PER_PAGE);
    const pages = await Promise.all(offsets.map((at) => readPage(live, flowRunIds, "TIMESTAMP_ASC", at)));
    for (const log of pages.flat()) byId.set(log.id, log);
    offset += count * ROWS_PER_PAGE;
    if (pages.some((page) => page.length < ROWS_PER_PAGE))
      return { logs: [...byId.values()], isWhole: true, isNewest: false };
  }
  const newest = new Map<string, Log>();
  for (let at = 0; at < wanted; at += ROWS_PER_PAGE) {
    const page = await readPage(live, flowRunIds, "TIMESTAMP_DESC", at);
    for (const log of page) newest.set(log.id, log);
  }
  return { logs: [...newest.values()].reverse(), isWhole: false, isNewest: true };
}

function readPage(live: LiveReader, ids: readonly string[], sort: string, offset: number): Promise<readonly Log[]> {
  const logs = { flow_run_id: { any_: [...ids] } };
  return live.api.filterLogs({ logs, sort, limit: ROWS_PER_PAGE, offset }, live.options());
}

/** Log lines of runs from Prefect: pages of 200, several at once, up to 20,000 lines. */
import { append } from "../../lib/lists.ts";
import { formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import type { Log } from "../../model/objects.ts";
import { type RowWalkStep, walkRows } from "../../prefect/paging/row-walk.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { LiveReader } from "../source/live.ts";

const MAX_LINES = 20_000;
/** Most pages requested at once. The first ones are requested one by one, because most runs have no more. */
const AT_ONCE = 4;
/** A reading that has less time left is not continued. */
const LEAST_MS = 1_000;
const FAR_FUTURE_US = Number.MAX_SAFE_INTEGER;

export interface LiveLogs {
  /** Ascending by time; lines of the same time in the order in which they came. */
  readonly logs: readonly Log[];
  /** Every line was read. Otherwise they are the newest ones. */
  readonly isWhole: boolean;
}

/** Reads the lines of these runs. When there are too many, or time is over, only the newest `wanted` lines. */
export async function readLiveLogs(live: LiveReader, flowRunIds: readonly string[], wanted: number): Promise<LiveLogs> {
  const byId = new Map<string, Log>();
  let count = 0;
  for (let round = 0; count < MAX_LINES && live.remainingMs() > LEAST_MS; round++) {
    const atOnce = Math.min(AT_ONCE, Math.max(1, round));
    const offsets = Array.from({ length: atOnce }, (_, index) => count + index * ROWS_PER_PAGE);
    const pages = await Promise.all(offsets.map((offset) => readPage(live, flowRunIds, "TIMESTAMP_ASC", { offset })));
    for (const log of pages.flat()) byId.set(log.id, log);
    count += pages.flat().length;
    if (pages.every((page) => page.length === ROWS_PER_PAGE)) continue;
    // Lines of one time may have had another order at each request. The pages then repeat some lines and leave out others.
    if (byId.size === count) return { logs: [...byId.values()], isWhole: true };
    const walked = await collect(walkLines(live, flowRunIds, "asc"), () => live.remainingMs() <= LEAST_MS);
    if (walked.isWhole) return walked;
    break;
  }
  let left = wanted;
  const newest = await collect(walkLines(live, flowRunIds, "desc"), (step) => {
    left -= step.rows.length;
    return left <= 0;
  });
  return { logs: newest.logs.toReversed(), isWhole: newest.isWhole };
}

async function collect(
  steps: AsyncIterable<RowWalkStep<Log>>,
  isEnough: (step: RowWalkStep<Log>) => boolean,
): Promise<LiveLogs> {
  const logs: Log[] = [];
  for await (const step of steps) {
    append(logs, step.rows);
    if (isEnough(step)) return { logs, isWhole: false };
  }
  return { logs, isWhole: true };
}

function walkLines(live: LiveReader, flowRunIds: readonly string[], order: "asc" | "desc") {
  return walkRows<Log>({
    range: { fromUs: 0, toUs: FAR_FUTURE_US },
    order,
    pageSize: ROWS_PER_PAGE,
    read: ({ fromUs, toUs }, offset) => {
      const timestamp = {
        ...(fromUs > 0 ? { after_: formatIsoUs(fromUs) } : {}),
        ...(toUs < FAR_FUTURE_US ? { before_: formatIsoUs(toUs) } : {}),
      };
      return readPage(live, flowRunIds, order === "asc" ? "TIMESTAMP_ASC" : "TIMESTAMP_DESC", { offset, timestamp });
    },
    at: (line) => parseIsoUs(line.timestamp) ?? null,
    id: (line) => line.id,
  });
}

function readPage(
  live: LiveReader,
  ids: readonly string[],
  sort: string,
  { offset, timestamp = {} }: { readonly offset: number; readonly timestamp?: Readonly<Record<string, string>> },
): Promise<readonly Log[]> {
  const isBounded = Object.keys(timestamp).length > 0;
  const logs = { flow_run_id: { any_: [...ids] }, ...(isBounded ? { timestamp } : {}) };
  return live.api.filterLogs({ logs, sort, limit: ROWS_PER_PAGE, offset }, live.options());
}

/** The server clock, as far as the record has measured it. */
import { onServerClock, type ServerUs } from "../../lib/time.ts";
import { certainSkewMs } from "../../prefect/transport/server-offset.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import type { QueryContext } from "./context.ts";

/** Server clock minus local clock, microseconds: the best estimate. 0 while unknown, and where the clocks may agree. */
export function clockSkewUs(db: RecordDb | null): number {
  const skewMs = measuredSkewMs(db);
  return certainSkewMs(skewMs) === 0 ? 0 : skewMs * 1000;
}

/** The same for times that an answer states. These may be a little too early, but never lie in the future. */
export function statedSkewUs(db: RecordDb | null): number {
  return certainSkewMs(measuredSkewMs(db)) * 1000;
}

function measuredSkewMs(db: RecordDb | null): number {
  return db ? (findFact(db, "clock")?.skewMs ?? 0) : 0;
}

/** Now, server clock. */
export function serverNowUs(ctx: QueryContext): ServerUs {
  return onServerClock(ctx.clock.nowUs(), clockSkewUs(ctx.record()));
}

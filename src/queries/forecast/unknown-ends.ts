/** Runs in progress of which it is not known when they end, so that no run can be predicted to get their slots. */
import { durationText } from "../../lib/duration-text.ts";
import { asName, type Sentence, sentence } from "../../lib/shown-text.ts";
import { addUs, MINUTE_US, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { resourceId } from "../../model/kinds.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEvents } from "../../store/events/events.ts";
import type { ForecastRun } from "../../store/runs/expected-runs.ts";

/** Flow runs send a heartbeat every 180 s by default: two missed ones and two minutes, as `diagnose` judges. */
const HEARTBEAT_STOPPED_US = 8 * MINUTE_US;
const LOOK_BACK_US = 7 * 24 * 60 * MINUTE_US;
/** Runs in progress whose heartbeats are looked up. */
const MAX_RUNS = 200;

/** Last heartbeats, by id, of running runs that have sent some, and nothing else since, for too long. */
export function findSilentRuns(
  db: RecordDb,
  running: readonly ForecastRun[],
  nowUs: ServerUs,
): ReadonlyMap<string, ServerUs> {
  const silent = new Map<string, ServerUs>();
  const old = running.filter(({ startUs }) => startUs !== null && nowUs - startUs > HEARTBEAT_STOPPED_US);
  for (const { id } of old.slice(0, MAX_RUNS)) {
    const range = { fromUs: addUs(nowUs, -LOOK_BACK_US), toUs: nowUs };
    const newest = (event?: string) => {
      const filter = { resource: { id: [resourceId("flow_run", id)] }, ...(event ? { event: { name: [event] } } : {}) };
      const { events } = findEvents(db, { ...range, order: "desc", limit: 1, filter });
      return parseIsoUs(events[0]?.occurred ?? "") ?? null;
    };
    const beatUs = newest("prefect.flow-run.heartbeat");
    if (beatUs !== null && nowUs - (newest() ?? beatUs) > HEARTBEAT_STOPPED_US) silent.set(id, beatUs);
  }
  return silent;
}

/** Why the end of a run in progress is not known; null: its usual duration says when. */
export function whyEndIsUnknown(
  run: ForecastRun,
  usualUs: number | null,
  silentSinceUs: ServerUs | undefined,
  nowUs: ServerUs,
): Sentence | null {
  const ranUs = nowUs - (run.startUs ?? nowUs);
  if (silentSinceUs !== undefined)
    return sentence`${asName(run.name)}, which has run ${durationText(ranUs)}, the last ${durationText(nowUs - silentSinceUs)} of them without a heartbeat`;
  if (usualUs === null && run.startUs !== null)
    return sentence`${asName(run.name)}, which has run ${durationText(ranUs)}; how long runs of its deployment take is not known`;
  return null;
}

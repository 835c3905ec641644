/** Details of runs that are under way, for wider questions: only they show what a run waits for and whether its process exists. */
import { counted, own, sentence } from "../../../lib/shown-text.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/server-time.ts";
import type { NamedRun, RunFacts } from "../findings/types.ts";
import type { Gathering } from "./gathering.ts";
import { RecordedRuns } from "./recorded-run.ts";

const MAX_RUNS = 100;

/**
 * From the record alone: Prefect would have to be asked several times for each run. Without a current record only the state of each is
 * known. `runs`: the earliest scheduled first.
 */
export function examineRuns(ctx: QueryContext, runs: readonly NamedRun[], gathering: Gathering): RunFacts[] {
  if (runs.length === 0) return [];
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "event")) {
    gathering.unchecked.push(own("whether running runs still send heartbeats, and what their tasks wait for"));
    return runs.map(withoutDetails);
  }
  if (runs.length > MAX_RUNS) {
    gathering.unchecked.push(
      sentence`heartbeats and tasks of all but ${MAX_RUNS} of ${counted(runs.length, "run")} in progress`,
    );
  }
  const recorded = new RecordedRuns(db, serverNowUs(ctx));
  return runs.map((one, index) => (index < MAX_RUNS ? recorded.detailsOf(one) : withoutDetails(one)));
}

function withoutDetails(one: NamedRun): RunFacts {
  return {
    ...one,
    deletedUs: null,
    deployment: null,
    pool: null,
    tasks: [],
    logs: [],
    events: [],
    error: null,
    children: [],
    parent: null,
    history: [],
    historyLimits: [],
    input: null,
  };
}

/** The last events of running runs: only they show whether the process of a run still exists. */

import { own, sentence } from "../../../lib/shown-text.ts";
import { resourceId } from "../../../model/kinds.ts";
import { findEvents } from "../../../store/events/events.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/server-time.ts";
import type { NamedRun, RunningRun } from "../findings/types.ts";
import type { Gathering } from "./gathering.ts";

const MAX_RUNS = 100;
const LAST_EVENTS = 20;

/** From the record alone: Prefect would have to be asked once for each run. `active`: the earliest scheduled first. */
export function readRunning(ctx: QueryContext, active: readonly NamedRun[], gathering: Gathering): RunningRun[] {
  const running = active.filter((one) => one.run.state_type === "RUNNING");
  if (running.length === 0) return [];
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "event")) {
    gathering.unchecked.push(own("whether running runs still send heartbeats"));
    return [];
  }
  if (running.length > MAX_RUNS) {
    gathering.unchecked.push(sentence`heartbeats of all but ${MAX_RUNS} of ${running.length} running runs`);
  }
  const toUs = serverNowUs(ctx);
  return running.slice(0, MAX_RUNS).map(({ run, flowName, deploymentName }) => {
    const filter = {
      any_resource: { id: [resourceId("flow_run", run.id)] },
      event: { exclude_prefix: ["prefect.task-run.", "prefect.asset."] },
    };
    const { events } = findEvents(db, { fromUs: 0, toUs, order: "desc", limit: LAST_EVENTS, filter });
    return { run, flowName, deploymentName, events: events.toReversed() };
  });
}

/** What the runs under way last told of themselves: without it a dead process looks like one that works. */

import { findEvents } from "../../../store/events/events.ts";
import type { QueryContext } from "../../source/context.ts";
import { isRecordCurrent, serverNowUs } from "../../source/freshness.ts";
import type { NamedRun, RunningRun } from "../findings/types.ts";
import type { Gathering } from "./gathering.ts";

const MOST_RUNS = 100;
const LAST_EVENTS = 20;

/** Of RUNNING runs, from the record alone: Prefect would be asked once for each. `active`: longest due first. */
export function readRunning(ctx: QueryContext, active: readonly NamedRun[], gathering: Gathering): RunningRun[] {
  const running = active.filter((one) => one.run.state_type === "RUNNING");
  if (running.length === 0) return [];
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "event")) {
    gathering.unchecked.push("whether the runs under way still give signs of life");
    return [];
  }
  if (running.length > MOST_RUNS) {
    gathering.unchecked.push(`signs of life of all but ${MOST_RUNS} of ${running.length} runs under way`);
  }
  const toUs = serverNowUs(ctx);
  return running.slice(0, MOST_RUNS).map(({ run, flowName, deploymentName }) => {
    const filter = {
      any_resource: { id: [`prefect.flow-run.${run.id}`] },
      event: { exclude_prefix: ["prefect.task-run.", "prefect.asset."] },
    };
    const { events } = findEvents(db, { fromUs: 0, toUs, order: "desc", limit: LAST_EVENTS, filter });
    return { run, flowName, deploymentName, events: events.toReversed() };
  });
}

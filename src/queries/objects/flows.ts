/** Flows with the names of their deployments and their last runs, as far as these are recorded. */
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { Flow } from "../../model/objects.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import type { ObjectSort } from "../../store/filters/sorts.ts";
import { findNamesByParent } from "../../store/objects/objects.ts";
import { findStartedRuns } from "../../store/runs/runs-of-owner.ts";
import { lineOfRow, type RunLine } from "../runs/recent-runs.ts";
import { isRecordCurrent } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { hasLists } from "../source/run-window.ts";
import { listObjects } from "./objects.ts";

export interface FlowsQuestion {
  readonly set: FilterSet;
  readonly sort: ObjectSort;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
}

export interface FlowItem {
  readonly flow: Flow;
  /** Its deployments as `flow/deployment`. Null: not recorded. */
  readonly deployments: readonly string[] | null;
  readonly lastRun: RunLine | null;
}

export interface FlowsPage {
  readonly items: readonly FlowItem[];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

export async function listFlows(ctx: QueryContext, question: FlowsQuestion): Promise<FlowsPage> {
  const { rows, hasMore, freshness } = await listObjects(ctx, { kind: "flow", ...question });
  const db = ctx.record();
  const deployments = db !== null && hasLists(ctx, db, ["deployment"]) ? findNamesByParent(db, "deployment") : null;
  const areRunsKnown = db !== null && isRecordCurrent(ctx, db, "flow_run");
  const items = rows.map((flow) => ({
    flow,
    deployments:
      deployments === null ? null : (deployments.get(flow.id) ?? []).map((name) => fullName(flow.name, name)),
    lastRun: areRunsKnown ? (findStartedRuns(db, "flow_id", flow.id, 1).map(lineOfRow)[0] ?? null) : null,
  }));
  const lacks = items.length === 0 ? [] : lacksNotes(deployments !== null, areRunsKnown);
  return { items, hasMore, freshness: withNotes(freshness, lacks) };
}

/** What of a flow is read from the record alone, and is missing from it. */
function lacksNotes(areDeploymentsKnown: boolean, areRunsKnown: boolean): Sentence[] {
  return [
    ...(areDeploymentsKnown
      ? []
      : [
          sentence`Deployments of the flows are not shown, because their list is not recorded; get_deployments lists them.`,
        ]),
    ...(areRunsKnown
      ? []
      : [sentence`Last runs are not shown, because flow runs are not recorded up to now; get_flow_runs lists them.`]),
  ];
}

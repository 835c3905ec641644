import { z } from "zod";
import { sentence } from "../../lib/shown-text.ts";
import { DAY_US } from "../../lib/time.ts";
import { withNotes } from "../../model/freshness.ts";
import { listDeployments, readDeploymentDetail } from "../../queries/objects/deployments.ts";
import { joinFreshness } from "../../queries/source/answer.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byDeploymentName, byField, byName } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { filterArg, flagArg, listArgs, momentArg, textArg, textsArg } from "../definition/shared-schemas.ts";
import { withMoment } from "../definition/with-moment.ts";
import {
  BRIEF_DEPLOYMENT_FIELDS,
  briefDeployment,
  deploymentDetail,
  deploymentRow,
  FULL_DEPLOYMENT_FIELDS,
  fullDeployment,
  scheduleTexts,
} from "./deployment-items.ts";

const RUNS_NOT_RECORDED = sentence`Last and next runs are not shown, because flow runs are not recorded up to now; get_flow_runs or get_deployments with deployment shows them.`;
const RUNS_NOT_READ = sentence`Last and next runs are not shown, because fresh reads deployments only; get_flow_runs or get_deployments with deployment shows them.`;

export const getDeploymentsTool = withMoment(
  listTool({
    kind: "deployment",
    title: "Deployments",
    description:
      "Deployments by name: flow, schedules in words, paused, status, pool, limit, last and next run. Give deployment for one with recent runs, parameters and the limits of itself, its pool, queue and tags with the holders. detail full: all of Prefect's fields.",
    input: z.strictObject({
      filter: filterArg.describe("Prefect DeploymentFilter"),
      sort: textArg,
      deployment: textArg.describe("flow/name, name, id, UI link"),
      flow: textArg,
      work_pool: textArg,
      name: textArg.describe("substring of deployment or flow"),
      paused: flagArg,
      tags: textsArg,
      at: momentArg,
      ...listArgs(MAX_LIMIT),
    }),
    aliases: {
      id: "deployment",
      deployment_id: "deployment",
      deployment_name: "deployment",
      flow_name: "flow",
      work_pool_name: "work_pool",
      is_paused: "paused",
      tag: "tags",
    },
    criteria: {
      deployment: byName("deployment"),
      flow: byName("flow", "id", "flows"),
      work_pool: byName("work_pool", "id", "work_pools"),
      name: byDeploymentName,
      paused: byField("paused", "eq_"),
      tags: byField("tags", "all_"),
    },
    single: "deployment",
    isSingleInLines: true,
    sorts: OBJECT_SORTS,
    brief: BRIEF_DEPLOYMENT_FIELDS,
    full: FULL_DEPLOYMENT_FIELDS,
    toRow: deploymentRow,
    order: [
      "flow/deployment",
      "name",
      "flow",
      "paused",
      "status",
      "schedules",
      "work_pool",
      "last_run_state",
      "last_run_start",
      "next_run",
    ],
    hint: sentence`Narrow by name, flow, tags or paused.`,
    none: sentence`No deployment matches.`,
    async query(ctx, { set, sort = "NAME_ASC", limit, position, fresh, isSingle }) {
      const page = await listDeployments(ctx, { set, sort, limit, offset: offsetOf(position), fresh });
      const [only] = isSingle ? page.items : [];
      const detail = only ? await readDeploymentDetail(ctx, only, fresh) : null;
      const lacksRuns = detail === null && page.items.some(({ areRunsKnown }) => !areRunsKnown);
      const notes = lacksRuns ? [fresh === true ? RUNS_NOT_READ : RUNS_NOT_RECORDED] : [];
      const freshness = withNotes(joinFreshness([page.freshness, ...(detail?.freshness ?? [])]), notes);
      const rows = await Promise.all(
        page.items.map(async (item) => ({ item, detail, schedules: await scheduleTexts(item.deployment) })),
      );
      return { hasMore: page.hasMore, freshness, rows };
    },
    toItem({ item, detail, schedules }, { isFull, hasFields }) {
      const whole = isFull && !hasFields ? fullDeployment(item) : null;
      return {
        ...(isFull && hasFields ? item.deployment : {}),
        // The recent runs of the detail include the last one.
        ...(whole ?? briefDeployment(detail === null ? item : { ...item, lastRun: null }, schedules)),
        ...(detail === null ? {} : deploymentDetail(item.deployment, detail)),
      };
    },
  }),
  { needs: ["deployment"], parts: ["flow"], runsBackUs: 30 * DAY_US },
);

import { z } from "zod";
import { joined, own, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, formatIsoSeconds, type ServerUs } from "../../lib/time.ts";
import { type Failure, INCIDENT_STATES } from "../../queries/incidents/group-incidents.ts";
import { listIncidents } from "../../queries/incidents/incidents.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { badCursor, decodeCursor, encodeCursor, type Question } from "../answer/cursor.ts";
import { isoRange } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, offsetOf, questionOf } from "../definition/list-arguments.ts";
import { flagArg, limitArg, listOutput, textArg, timeArg, tokenBudget } from "../definition/shared-schemas.ts";

import { incidentItem, incidentLines } from "./incident-items.ts";

const input = z.strictObject({
  state: z.array(z.enum(INCIDENT_STATES)).optional(),
  deployment: textArg,
  flow: textArg,
  work_pool: textArg,
  since: textArg.describe("occurred since, default 7d"),
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
  fresh: flagArg,
});
type Input = z.infer<typeof input>;

const DEFAULT_SINCE_US = 7 * DAY_US;

export const getIncidentsTool = defineTool({
  name: "get_incidents",
  title: "Incidents",
  description:
    "Failures grouped by error over deployments, from first to last occurrence, last occurred first: new (once), ongoing, recovered, returned, closed (deleted); counts, deployments, runs, and what changed before the first failure.",
  input,
  output: listOutput("incidents", { counts: z.looseObject({}).optional() }),
  takesAll: true,
  aliases: {
    states: "state",
    deployment_id: "deployment",
    flow_id: "flow",
    work_pool_name: "work_pool",
    occurred_after: "since",
  },
  async run({ query: ctx, share }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, "get_incidents", args);
    const [sinceUs = timeArg("since", args.since, nowUs) ?? addUs(nowUs, -DEFAULT_SINCE_US), offset = 0] = readPosition(
      question,
      args.cursor,
    );
    const page = await listIncidents(ctx, {
      sinceUs,
      nowUs,
      states: args.state ?? [],
      concerns: await concernsOf(ctx, args),
      limit: args.limit ?? DEFAULT_LIMIT,
      offset,
      fresh: args.fresh,
    });
    const counts = INCIDENT_STATES.flatMap((state) => {
      const count = page.counts[state];
      return count === undefined ? [] : [sentence`${state} ${count}`];
    });
    return listAnswer({
      key: "incidents",
      noun: [own("incident"), own("incidents")],
      title: sentence` since ${formatIsoSeconds(sinceUs)}, last occurred first`,
      items: await Promise.all(page.items.map(incidentItem)),
      hasMore: page.hasMore,
      cursorAfter: (index) => encodeCursor(question, [sinceUs, offset + index + 1]),
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args, share),
      extra: { window: isoRange({ fromUs: sinceUs, toUs: nowUs }), counts: { ...page.counts } },
      facts: counts.length > 0 ? [sentence`states: ${joined(counts, ", ")}`] : [],
      rowLines: incidentLines,
      hint: sentence`Narrow by state, deployment or since.`,
      none: isNarrowed(args) ? sentence`No incident matches.` : sentence`No run failed.`,
    });
  },
});

/** Start of the window and offset of a later page; empty for the first one. */
function readPosition(question: Question, cursor: string | undefined): [ServerUs?, number?] {
  if (cursor === undefined) return [];
  const [sinceUs, ...rest] = decodeCursor(question, cursor);
  if (typeof sinceUs !== "number") throw badCursor("is damaged");
  return [sinceUs, offsetOf(rest)];
}

/** Whether a failure is of the deployment, the flow and the work pool that the arguments name. */
async function concernsOf(ctx: QueryContext, args: Input): Promise<(failure: Failure) => boolean> {
  const [deployment, flow, pool] = await Promise.all([
    args.deployment === undefined ? null : resolveName(ctx, "deployment", args.deployment),
    args.flow === undefined ? null : resolveName(ctx, "flow", args.flow),
    args.work_pool === undefined ? null : resolveName(ctx, "work_pool", args.work_pool),
  ]);
  return (failure) =>
    (deployment === null || failure.deploymentId === deployment.id) &&
    (flow === null || failure.flowId === flow.id) &&
    (pool === null || failure.workPoolName === pool.name);
}

function isNarrowed(args: { readonly [name: string]: unknown }): boolean {
  return ["state", "deployment", "flow", "work_pool"].some((name) => args[name] !== undefined);
}

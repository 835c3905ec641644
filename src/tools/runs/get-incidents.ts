import { z } from "zod";
import { asName, asPlace, counted, joined, type Line, lineOf, oneLine, own, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { truncate } from "../../lib/truncate.ts";
import { KINDS } from "../../model/kinds.ts";
import type { FirstBad } from "../../queries/incidents/first-bad.ts";
import { type Failure, INCIDENT_STATES } from "../../queries/incidents/group-incidents.ts";
import { listIncidents, type NamedIncident, type NamedOwner } from "../../queries/incidents/incidents.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { badCursor, decodeCursor, encodeCursor } from "../answer/cursor.ts";
import { fieldChanges } from "../answer/field-changes.ts";
import { isoRange } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, offsetOf, questionOf } from "../definition/list-arguments.ts";
import {
  flagArg,
  limitArg,
  listOutput,
  textArg,
  timeArg,
  tokenBudget,
  workspaceArg,
} from "../definition/shared-schemas.ts";

const input = z.strictObject({
  state: z.array(z.enum(INCIDENT_STATES)).optional(),
  deployment: textArg,
  flow: textArg,
  work_pool: textArg,
  since: textArg.describe("occurred since, default 7d"),
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
  fresh: flagArg,
  workspace_id: workspaceArg,
});
type Input = z.infer<typeof input>;

const DEFAULT_SINCE_US = 7 * DAY_US;
const TITLE_CHARS = 300;
/** Of each list in an incident; the rest is counted. */
const MAX_OWNERS = 5;
const MAX_RUNS = 3;

export const getIncidentsTool = defineTool({
  name: "get_incidents",
  title: "Incidents",
  description:
    "Failures grouped by error over deployments, from first to last occurrence, last occurred first: new (once), ongoing, recovered, returned; counts, deployments, runs, and what changed before the first failure.",
  input,
  output: listOutput("incidents", { counts: z.looseObject({}).optional() }),
  aliases: {
    states: "state",
    deployment_id: "deployment",
    flow_id: "flow",
    work_pool_name: "work_pool",
    occurred_after: "since",
  },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf("get_incidents", args);
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
      items: await Promise.all(page.items.map(toItem)),
      hasMore: page.hasMore,
      cursorAfter: (index) => encodeCursor(question, [sinceUs, offset + index + 1]),
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: { window: isoRange({ fromUs: sinceUs, toUs: nowUs }), counts: { ...page.counts } },
      facts: counts.length > 0 ? [sentence`states: ${joined(counts, ", ")}`] : [],
      rowLines: incidentLines,
      hint: sentence`Narrow by state, deployment or since.`,
      none: sentence`No run failed.`,
    });
  },
});

/** Start of the window and offset of a later page; empty for the first one. */
function readPosition(question: unknown, cursor: string | undefined): [ServerUs?, number?] {
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

async function toItem({ incident, title, deployments, flows, firstBad }: NamedIncident): Promise<Item> {
  const { id, fingerprint, state, firstUs, lastUs, recoveredUs, recoveries, failures, parents } = incident;
  const runs = new Map(failures.map(({ runId, run }) => [runId, run.name]));
  const shownRuns = [...runs].slice(0, MAX_RUNS).map(([runId, name]) => ({ id: runId, name }));
  return {
    id,
    fingerprint: truncate(fingerprint, TITLE_CHARS),
    title: truncate(title, TITLE_CHARS),
    state,
    count: failures.length,
    first: formatIsoUs(firstUs),
    last: formatIsoUs(lastUs),
    ...(recoveredUs === null ? {} : { recovered: formatIsoUs(recoveredUs) }),
    ...(recoveries === 0 ? {} : { recoveries }),
    ...ownerFields("deployments", deployments),
    ...(flows.length === 0 ? {} : ownerFields("flows", flows)),
    flow_runs: shownRuns,
    ...(runs.size > MAX_RUNS ? { more_flow_runs: runs.size - MAX_RUNS } : {}),
    ...(parents.length === 0 ? {} : { failed_parents: parents.length }),
    ...(firstBad === null ? {} : { first_bad: await firstBadItem(firstBad) }),
  };
}

function ownerFields(key: "deployments" | "flows", owners: readonly NamedOwner[]): Item {
  const more = owners.length - MAX_OWNERS;
  const shown = owners.slice(0, MAX_OWNERS).map(({ id, name }) => ({ id, ...(name === null ? {} : { name }) }));
  return { [key]: shown, ...(more > 0 ? { [`more_${key}`]: more } : {}) };
}

async function firstBadItem({ run, lastGood, runDiff, changes }: FirstBad): Promise<FirstBadItem> {
  const ofRuns = await fieldChanges(runDiff);
  const ofObjects = await Promise.all(
    changes.map(async ({ atUs, kind, name, change, diff }) => {
      const fields = await fieldChanges(diff);
      return `${KINDS[kind].label} ${name} ${change} by ${formatIsoSeconds(atUs)}${fields.length > 0 ? `: ${fields.join("; ")}` : ""}`;
    }),
  );
  return { flow_run: run, last_good: lastGood, changes: [...ofRuns, ...ofObjects] };
}

interface FirstBadItem {
  /** Names. */
  readonly flow_run: string;
  readonly last_good: string | null;
  readonly changes: readonly string[];
}

type Named = { readonly id: string; readonly name?: string };

/** The item as lines: what it is, how often, of what, and what changed before. */
function incidentLines(item: Item): Line[] {
  const text = (member: string) => asName(String(item[member]));
  const time = (member: string) => asPlace(String(item[member]));
  const times = sentence`${counted(Number(item.count), "failure")}, first ${time("first")}, last ${time("last")}`;
  const recovered = item.recovered === undefined ? "" : sentence`, recovered ${time("recovered")}`;
  const recoveries =
    item.recoveries === undefined ? "" : sentence`, had recovered ${counted(Number(item.recoveries), "time")} before`;
  const parents =
    item.failed_parents === undefined
      ? ""
      : sentence`, with ${counted(Number(item.failed_parents), "parent run")} that failed because of it`;
  return [
    lineOf`${text("state")} ${oneLine(String(item.title))} (incident ${text("id")})`,
    sentence`  ${times}${recovered}${recoveries}${parents}`,
    lineOf`  fingerprint: ${oneLine(String(item.fingerprint))}`,
    ...namedLine(item, "deployments"),
    ...namedLine(item, "flows"),
    ...namedLine(item, "flow_runs"),
    ...firstBadLines(item.first_bad as FirstBadItem | undefined),
  ];
}

function namedLine(item: Item, member: "deployments" | "flows" | "flow_runs"): Line[] {
  const named = (item[member] ?? []) as readonly Named[];
  if (named.length === 0) return [];
  const more = item[`more_${member}`];
  const names = named.map(({ id, name }) =>
    name === undefined ? asName(id) : sentence`${asName(name)} ${asName(id)}`,
  );
  const rest = more === undefined ? "" : sentence` and ${Number(more)} more`;
  const heading = member === "flow_runs" ? own("flow runs") : sentence`${member}`;
  return [sentence`  ${heading}: ${joined(names, ", ")}${rest}`];
}

function firstBadLines(firstBad: FirstBadItem | undefined): Line[] {
  if (firstBad === undefined) return [];
  const { flow_run, last_good, changes } = firstBad;
  const before =
    last_good === null ? own("no completed run before it is recorded") : sentence`after ${asName(last_good)} completed`;
  const what = changes.length === 0 ? own("no recorded change") : oneLine(changes.join("; "));
  return [
    lineOf`  first bad run: ${asName(flow_run)}, ${before}; ${last_good === null ? own("so no change is known") : what}`,
  ];
}

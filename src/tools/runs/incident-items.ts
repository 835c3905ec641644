/** Incidents as `get_incidents` shows them and `watch` sends them. */
import { asName, asPlace, counted, joined, type Line, lineOf, oneLine, own, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs } from "../../lib/time.ts";
import { truncate } from "../../lib/truncate.ts";
import { KINDS } from "../../model/kinds.ts";
import type { FirstBad } from "../../queries/incidents/first-bad.ts";
import type { NamedIncident, NamedOwner } from "../../queries/incidents/incidents.ts";
import { fieldChanges } from "../answer/field-changes.ts";
import type { Item } from "../answer/table.ts";

const TITLE_CHARS = 300;
/** Of each list in an incident; the rest is counted. */
const MAX_OWNERS = 5;
const MAX_RUNS = 3;
const DELETED = own("what failed was deleted in Prefect");

export async function incidentItem({ incident, title, deployments, flows, firstBad }: NamedIncident): Promise<Item> {
  const { id, fingerprint, state, firstUs, lastUs, recoveredUs, closedUs, recoveries, failures, parents } = incident;
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
    ...(closedUs === null ? {} : { closed: formatIsoUs(closedUs), closed_because: DELETED }),
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
export function incidentLines(item: Item): Line[] {
  const text = (member: string) => asName(String(item[member]));
  const time = (member: string) => asPlace(String(item[member]));
  const times = sentence`${counted(Number(item.count), "failure")}, first ${time("first")}, last ${time("last")}`;
  const recovered = item.recovered === undefined ? "" : sentence`, recovered ${time("recovered")}`;
  const closed = item.closed === undefined ? "" : sentence`, closed ${time("closed")}: ${DELETED}`;
  const recoveries =
    item.recoveries === undefined ? "" : sentence`, had recovered ${counted(Number(item.recoveries), "time")} before`;
  const parents =
    item.failed_parents === undefined
      ? ""
      : sentence`, with ${counted(Number(item.failed_parents), "parent run")} that failed because of it`;
  return [
    lineOf`${text("state")} ${oneLine(String(item.title))} (incident ${text("id")})`,
    sentence`  ${times}${recovered}${closed}${recoveries}${parents}`,
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

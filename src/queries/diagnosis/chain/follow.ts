/**
 * Follows each finding to what a person can act on: a holder to its own state and first cause, a child to its cause, a pool, queue,
 * limit or deployment to its latest change, an automation to the event that made it act. Generic, by object and state.
 */
import { durationText } from "../../../lib/duration-text.ts";
import {
  asName,
  asReason,
  joined,
  own,
  type Sentence,
  sentence,
  shortened,
  splitSentence,
  withNamed,
  withoutPeriod,
} from "../../../lib/shown-text.ts";
import { parseIsoUs, SECOND_US } from "../../../lib/time.ts";
import { isTerminal } from "../../../model/state.ts";
import type { Facts, Finding, Lead, Link, RunFacts } from "../findings/types.ts";

/** Links of a chain. What is further away is left to the next question. */
const MAX_DEPTH = 4;
const MAX_CHANGES = 3;
/**
 * Findings that are followed, far more than one page has: a finding whose chain is not followed names no leaf, and stays beside its own
 * root. A chain is read from the record, so their number costs no requests.
 */
const MAX_FOLLOWED = 500;

/** Times the usual duration: `running_long` judges what runs much longer still. */
const LONGER = 2;

/** What is known of an object: its state, and its latest change that matters. */
export interface ObjectState {
  /** Where the lead does not name it. */
  readonly id?: string;
  readonly name: string;
  readonly state: Sentence | null;
  readonly since: string | null;
  /** What changed, when, and who did it; null where no change is recorded. */
  readonly change: Sentence | null;
  /** The change by itself explains the finding: a limit was lowered, a pool was paused. */
  readonly isReason: boolean;
  /** The run that made it act: the chain goes on there. */
  readonly subject?: Lead;
  /** Why no change is known, where not all of the time was looked at. */
  readonly unread?: Sentence;
}

export interface ChainReader {
  /** Facts as for a question about the run; null where it cannot be read. */
  readRun(lead: Lead): Promise<Facts | null>;
  readObject(lead: Lead): Promise<ObjectState | null>;
}

interface Followed {
  readonly links: readonly Link[];
  /** Names the leaf; null where nothing more is known than the finding says. */
  readonly because: Sentence | null;
  /** What changed since the last good run: no proven cause. */
  readonly changed: Sentence | null;
  /** A holder, or a child, that has no problem of its own: its state, and how long it runs against what is usual. */
  readonly progress: Sentence | null;
  /** What acts on the leaf. */
  readonly fix: Sentence | null;
  /** The findings that the chain passes: they are no problems of their own. */
  readonly passed: readonly string[];
}

const NOTHING: Followed = { links: [], because: null, changed: null, progress: null, fix: null, passed: [] };

/** `judge`: the findings of all causes for facts, ranked. */
export async function followFindings(
  findings: readonly Finding[],
  reader: ChainReader,
  judge: (facts: Facts) => readonly Finding[],
): Promise<Finding[]> {
  const followed = await Promise.all(
    findings.map((finding, index) =>
      index < MAX_FOLLOWED && finding.leads
        ? followLeads(finding, { reader, judge, seen: new Set<string>(), depth: 0 })
        : NOTHING,
    ),
  );
  const pairs = findings.map((finding, index) => ({ finding, followed: followed[index] ?? NOTHING }));
  return oneForEachRoot(pairs.filter((one) => !one.finding.isOfLead || one.followed.because !== null));
}

interface Walk {
  readonly reader: ChainReader;
  readonly judge: (facts: Facts) => readonly Finding[];
  /** Objects on the way: a circle ends there. */
  readonly seen: Set<string>;
  readonly depth: number;
}

/** The first lead with a cause gives the cause and the fix. The links of all leads are listed, and the first change among them is kept. */
async function followLeads(finding: Finding, walk: Walk): Promise<Followed> {
  const parts = await Promise.all((finding.leads ?? []).map((lead) => followLead(finding, lead, walk)));
  const main = parts.find((part) => part.because !== null) ?? NOTHING;
  const links = [...main.links, ...parts.filter((part) => part !== main).flatMap((part) => part.links)];
  const passed = parts.flatMap((part) => part.passed);
  const changes = parts.flatMap((part) => (part.changed === null ? [] : [withoutPeriod(part.changed)]));
  const changed = changes.length === 0 ? null : joined(changes.slice(0, MAX_CHANGES), "; ");
  const progress = main.because === null ? (parts.find((part) => part.progress !== null)?.progress ?? null) : null;
  return { ...main, links: links.slice(0, MAX_DEPTH + 1), changed, passed, progress: main.progress ?? progress };
}

function followLead(finding: Finding, lead: Lead, walk: Walk): Promise<Followed> | Followed {
  const key = `${lead.kind}:${lead.id}`;
  if (walk.depth >= MAX_DEPTH || walk.seen.has(key)) return NOTHING;
  walk.seen.add(key);
  return lead.kind === "flow_run" ? followRun(finding, lead, walk) : followObject(finding, lead, walk);
}

async function followRun(finding: Finding, lead: Lead, walk: Walk): Promise<Followed> {
  const facts = await walk.reader.readRun(lead);
  const run = facts?.run ?? null;
  const { kind, id } = lead;
  if (!facts || !run) {
    const why = own("its details are not recorded, so the chain ends here");
    return { ...NOTHING, links: [{ kind, id, name: lead.name, state: null, since: null, why }] };
  }
  const link = { kind, id, name: run.run.name, state: asName(run.run.state_name ?? "unknown"), since: sinceOf(run) };
  const { cause, further } = await firstCause(walk.judge(facts), { ...walk, depth: walk.depth + 1 });
  if (isTerminal(run.run.state_type ?? null) && finding.release) {
    const how = cause ? sentence`: ${firstSentence(cause.summary)}` : "";
    const why = sentence`it ended as ${link.state}${link.since ? sentence` at ${asReason(link.since)}` : ""} without giving its slot back${how}`;
    return {
      ...NOTHING,
      links: [{ ...link, why }],
      because: sentence`${asName(link.name)} ended without giving its slot back${how}`,
      fix: finding.release,
    };
  }
  if (!cause) {
    const why = progressOf(run, facts);
    const progress = sentence`${asName(link.name)} is ${link.state}: ${why}.`;
    return { ...NOTHING, links: [{ ...link, why }], progress };
  }
  const why = firstSentence(cause.summary);
  return {
    ...NOTHING,
    progress: further.progress,
    links: [{ ...link, why }, ...further.links],
    because: further.because === null ? why : sentence`${why}, because ${further.because}`,
    fix: further.fix ?? cause.fix,
    passed: [keyOf(cause), ...further.passed],
  };
}

/** The first problem of a run, and what keeps it up. */
async function firstCause(
  found: readonly Finding[],
  walk: Walk,
): Promise<{ readonly cause: Finding | null; readonly further: Followed }> {
  for (const cause of found.filter((one) => one.severity === "problem")) {
    const further = await followLeads(cause, walk);
    if (!cause.isOfLead || further.because !== null) return { cause, further };
  }
  return { cause: null, further: NOTHING };
}

function sinceOf({ run }: RunFacts): string | null {
  return run.state?.timestamp ?? run.end_time ?? run.start_time ?? null;
}

/** A run without a problem of its own: how long it runs, ran or waits, against what is usual. */
function progressOf({ run, history }: RunFacts, { nowUs }: Facts): Sentence {
  const startUs = parseIsoUs(run.start_time ?? "");
  const times = history.filter((one) => one.state_type === "COMPLETED").map((one) => Number(one.total_run_time ?? 0));
  const sorted = times.sort((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length / 2)];
  const usually =
    usual === undefined
      ? own("no earlier run of it is known to have completed")
      : sentence`its runs usually take ${durationText(usual * SECOND_US)}`;
  if (startUs === undefined) {
    const sinceUs = parseIsoUs(run.state?.timestamp ?? run.expected_start_time ?? "");
    const waited = sinceUs === undefined || sinceUs > nowUs ? "" : sentence` for ${durationText(nowUs - sinceUs)}`;
    return sentence`it has been ${asName(run.state_name ?? "unknown")}${waited}, and nothing is known to hold it back`;
  }
  const endUs = parseIsoUs(run.end_time ?? "");
  if (isTerminal(run.state_type ?? null) && endUs !== undefined)
    return sentence`it ran for ${durationText(Math.max(0, endUs - startUs))} until ${asReason(run.end_time ?? "")}; ${usually}`;
  const isLonger = usual !== undefined && nowUs - startUs > LONGER * usual * SECOND_US;
  return sentence`it has run for ${durationText(nowUs - startUs)}${isLonger ? ", longer than usual" : ""}; ${usually}`;
}

async function followObject(finding: Finding, lead: Lead, walk: Walk): Promise<Followed> {
  const found = await walk.reader.readObject(lead);
  if (!found) return NOTHING;
  const { kind } = lead;
  const id = found.id ?? lead.id;
  const { name, state, since, change, isReason } = found;
  const isComparison = lead.changedAfterUs !== undefined;
  const why =
    change ??
    found.unread ??
    (lead.changedAfterUs === undefined ? own("no recorded change") : own("no recorded change since the last good run"));
  // Of what changed since, only the deployment says that nothing did.
  const isTold = change !== null || (isComparison ? kind === "deployment" : state !== null);
  const links = isTold ? [{ kind, id, name, state, since, why }] : [];
  const because = isReason && !isComparison ? change : null;
  const further = found.subject
    ? await followLead(finding, found.subject, { ...walk, depth: walk.depth + 1 })
    : NOTHING;
  return {
    ...NOTHING,
    links: [...links, ...further.links],
    because: because !== null && further.because !== null ? sentence`${because}, because ${further.because}` : because,
    changed: isComparison ? change : null,
  };
}

/** Puts the leaf into the first sentence, and acts on it. */
function withChain(asFound: Finding, { links, because, changed, progress, fix }: Followed): Finding {
  if (links.length === 0) return asFound;
  const finding = { ...asFound, summary: withNames(asFound.summary, links) };
  if (changed !== null) {
    const summary = sentence`${finding.summary} Since the last good run ${withoutPeriod(changed)}.`;
    return { ...finding, summary, because: links };
  }
  const { head, rest } = splitSentence(finding.summary);
  const found =
    because === null ? finding.summary : sentence`${head}, because ${shortened(withoutPeriod(because), 400)}.${rest}`;
  const summary = progress === null ? found : sentence`${found} ${progress}`;
  const chained = { ...finding, summary, fix: fix ?? finding.fix, because: links };
  // A holder that has ended proves that the slot will not come back by itself. The finding explains the holder, too.
  const isProven = fix !== null && fix === asFound.release;
  return isProven ? { ...chained, certainty: 1, runsExplained: finding.runsExplained + 1 } : chained;
}

/** A state's message names an automation by its id alone. */
function withNames(summary: Sentence, links: readonly Link[]): Sentence {
  return withNamed(summary, new Map(links.map(({ id, name }) => [id, name])));
}

interface Pair {
  readonly finding: Finding;
  readonly followed: Followed;
}

/**
 * One problem, one root. Where a chain passes another finding, that is left out. Where several chains pass the same one, it stays,
 * with the number of those that it keeps up, and they are left out.
 */
function oneForEachRoot(pairs: readonly Pair[]): Finding[] {
  const users = new Map<string, Pair[]>();
  for (const pair of pairs)
    for (const key of new Set(pair.followed.passed)) users.set(key, [...(users.get(key) ?? []), pair]);
  const roots = new Map(pairs.map((pair) => [keyOf(pair.finding), pair]));
  const leftOut = new Set<Pair>();
  const keptUp = new Map<Pair, Pair[]>();
  for (const [key, dependents] of users) {
    const root = roots.get(key);
    const others = dependents.filter((one) => one !== root);
    if (!root || others.length === 0) continue;
    if (others.length === 1) leftOut.add(root);
    else {
      for (const one of others) leftOut.add(one);
      keptUp.set(root, others);
    }
  }
  return pairs
    .filter((pair) => !leftOut.has(pair))
    .map((pair) => {
      const finding = withChain(pair.finding, pair.followed);
      const others = keptUp.get(pair);
      if (!others) return finding;
      const also = others.map((one) => firstSentence(one.finding.summary));
      const summary = sentence`${firstSentence(finding.summary)}. It keeps up: ${joined(also.slice(0, 3), "; ")}${also.length > 3 ? sentence`; and ${also.length - 3} more` : ""}.`;
      const runs = others.reduce((sum, one) => sum + one.finding.runsExplained, finding.runsExplained);
      return {
        ...finding,
        summary,
        runsExplained: runs,
        evidence: { ...finding.evidence, keeps_up: also.slice(0, 5) },
      };
    });
}

/** The code of a finding with the object that it is about. */
function keyOf({ code, evidence }: Finding): string {
  const about = ["flow_run", "work_queue", "limit", "work_pool", "deployment", "automation"].flatMap((kind) => {
    const object = evidence[kind] as { readonly id?: unknown } | undefined;
    return typeof object?.id === "string" ? [object.id] : [];
  });
  return `${code}|${about[0] ?? JSON.stringify(evidence).slice(0, 200)}`;
}

function firstSentence(text: Sentence): Sentence {
  return splitSentence(text).head;
}

/** One question, one verdict: collects facts, lets the causes judge them, and ranks the findings. */
import { asName, asReason, counted, type Sentence, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestOf, latestUs, type ServerUs } from "../../lib/time.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { withNotes } from "../../model/freshness.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { Automation } from "../../model/objects.ts";
import { isFailed, isTerminal } from "../../model/state.ts";
import { resolveName } from "../names/names.ts";
import { adjustForFuture, joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";

import { serverNowUs } from "../source/server-time.ts";
import { flowRunDeleted } from "./causes/ended/flow-run-deleted.ts";
import { CAUSES } from "./causes/index.ts";
import { followFindings } from "./chain/follow.ts";
import { chainReader } from "./chain/reader.ts";
import { endUs } from "./facts/ended-runs.ts";
import { gatherFacts } from "./facts/gather.ts";
import { type Gathering, startGathering } from "./facts/gathering.ts";
import type { SubjectKind } from "./findings/scopes.ts";
import type { CauseModule, Facts, Finding, Subject } from "./findings/types.ts";
import { deploymentOfRun } from "./findings/wording.ts";
import { rankFindings } from "./rank.ts";

export interface DiagnoseQuestion {
  readonly subject: { readonly kind: Exclude<SubjectKind, "workspace">; readonly text: string } | null;
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
}

export type Verdict = "problem" | "nothing_wrong" | "unknown";

export interface Diagnosis {
  readonly subject: Subject;
  /** Of a flow run: `flow/deployment`, or its flow, where known. */
  readonly owner: string | null;
  readonly window: TimeRange;
  /** How far back runs before the window were judged, where a deployment has few runs in it; else null. */
  readonly reachUs: ServerUs | null;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly ruledOut: readonly Sentence[];
  readonly unchecked: readonly Sentence[];
  /** One sentence on the state of the subject. */
  readonly state: Sentence;
  readonly freshness: Freshness;
}

/** Throws AppError: `not_found` or `invalid_input` for the name, `unavailable` when the subject could not be read. */
export async function diagnose(ctx: QueryContext, question: DiagnoseQuestion): Promise<Diagnosis> {
  const nowUs = serverNowUs(ctx);
  const toUs = question.untilUs ?? latestUs(nowUs, question.sinceUs ?? nowUs);
  const window = { fromUs: question.sinceUs ?? addUs(toUs, -DEFAULT_WINDOW_US), toUs };
  const isGiven = question.sinceUs !== undefined || question.untilUs !== undefined;
  const subject = await resolveSubject(ctx, question);
  const gathering = startGathering(ctx);
  const facts = await gatherFacts(ctx, subject, { ...window, isGiven }, gathering);
  const findings = rankFindings(await followFindings(judge(facts), chainReader(ctx, facts, gathering), judge));
  return {
    subject: facts.run === null ? subject : { ...subject, name: facts.run.run.name },
    owner: facts.run === null ? null : (deploymentOfRun(facts.run) ?? facts.run.flowName),
    window,
    reachUs: reachOf(facts),
    verdict: verdictOf(facts, findings),
    findings,
    ruledOut: ruledOut(facts, findings),
    unchecked: [...facts.unchecked, ...facts.unread],
    state: stateOf(facts),
    freshness: adjustForFuture(freshnessOf(ctx, gathering, nowUs), window, nowUs),
  };
}

function reachOf({ ended }: Facts): ServerUs | null {
  const ends = ended.earlier.map(endUs).filter((us) => us > 0);
  return ends.length > 0 ? earliestOf(ends) : null;
}

/** The window when the question gives none. */
const DEFAULT_WINDOW_US = DAY_US;

async function resolveSubject(ctx: QueryContext, { subject }: DiagnoseQuestion): Promise<Subject> {
  if (!subject) return { kind: "workspace", id: null, name: null };
  const { id, name, parent } = await resolveName(ctx, subject.kind, subject.text);
  return { kind: subject.kind, id, name: fullName(parent, name) };
}

/** The findings of all causes, ranked. Pure. */
export function judge(facts: Facts): Finding[] {
  return rankFindings(applicableCauses(facts).flatMap((cause) => [...cause.judge(facts)]));
}

/** For a run that was deleted before it ended, only its deletion is judged. */
function applicableCauses({ subject, run }: Facts): readonly CauseModule[] {
  const isDeletedUnfinished = run !== null && run.deletedUs !== null && !isTerminal(run.run.state_type ?? null);
  return isDeletedUnfinished ? [flowRunDeleted] : CAUSES.filter((cause) => cause.scopes[subject.kind] === true);
}

function verdictOf(facts: Facts, findings: readonly Finding[]): Verdict {
  if (findings.some((finding) => finding.severity === "problem")) return "problem";
  if (isUnexplained(facts, findings)) return "unknown";
  const hasNoFacts =
    facts.unchecked.length > 0 &&
    facts.run === null &&
    facts.ended.total === 0 &&
    (facts.automation === null || (facts.isPast && facts.automation.replay === null)) &&
    (facts.isPast || (facts.deployments.length === 0 && facts.pools.length === 0));
  return hasNoFacts ? "unknown" : "nothing_wrong";
}

/** A run has failed or is late, and no cause explains it. */
function isUnexplained(facts: Facts, findings: readonly Finding[]): boolean {
  if (findings.length > 0 && facts.subject.kind === "flow_run") return false;
  const late = facts.waiting.filter(
    (one) => one.run.state_name === "Late" || one.run.state_name === "AwaitingConcurrencySlot",
  );
  return late.length > 0 || isFailed(facts.run?.run.state_type);
}

function ruledOut(facts: Facts, findings: readonly Finding[]): Sentence[] {
  const found = new Set(findings.map((finding) => finding.code));
  return applicableCauses(facts)
    .filter((cause) => !found.has(cause.code) && cause.judge(facts).length === 0)
    .flatMap((cause) => cause.ruledOut?.(facts) ?? []);
}

function stateOf(facts: Facts): Sentence {
  const { run } = facts;
  if (run) {
    const state = run.run.state_name ?? run.run.state_type ?? "";
    const ended = isTerminal(run.run.state_type ?? null) ? run.run.end_time : run.run.state?.timestamp;
    return sentence`${asName(run.run.name)} is ${state === "" ? "without state" : asName(state)}${ended ? sentence` since ${asReason(ended)}` : ""}${run.deletedUs === null ? "" : ", and was deleted in Prefect"}`;
  }
  if (facts.automation) return stateOfAutomation(facts.automation.automation, facts.isPast);
  const { total, failed, failedTotal } = facts.ended;
  const [last] = failed.toSorted((a, b) => endUs(b) - endUs(a));
  const lastFailed = last
    ? sentence`; the last to fail was ${asName(last.run.name)} at ${asReason(last.run.end_time ?? "")}`
    : "";
  const ended = sentence`${counted(total, "run")} ended (${failedTotal} failed or crashed${lastFailed})`;
  return facts.isPast
    ? ended
    : sentence`${ended}, ${facts.active.length} in progress, ${facts.waiting.length} waiting to start`;
}

function stateOfAutomation({ name, enabled }: Automation, isPast: boolean): Sentence {
  if (enabled === undefined && isPast) return sentence`whether ${asName(name)} was enabled then is not known`;
  return sentence`${asName(name)} is ${enabled === false ? "disabled" : "enabled"}`;
}

function freshnessOf(ctx: QueryContext, gathering: Gathering, nowUs: ServerUs): Freshness {
  if (gathering.freshness.length > 0) return withNotes(joinFreshness(gathering.freshness), gathering.notes);
  const notes = [sentence`Nothing could be read.`];
  return {
    source: ctx.record() ? "record" : "live",
    asOfUs: nowUs,
    coverage: { complete: false, fromUs: null, toUs: null, gaps: [], verifiedUs: null, notes },
  };
}

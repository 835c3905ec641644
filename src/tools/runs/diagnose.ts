import { z } from "zod";
import { allowedChanges } from "../../acting/allowed-changes.ts";
import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import {
  asName,
  asReason,
  counted,
  joined,
  jsonLine,
  type Line,
  lineOf,
  own,
  type Sentence,
  sentence,
  shortened,
} from "../../lib/shown-text.ts";
import { formatIsoSeconds, type ServerUs } from "../../lib/time.ts";
import { truncate } from "../../lib/truncate.ts";
import { visibleText } from "../../lib/visible-text.ts";
import { KINDS } from "../../model/kinds.ts";
import type { Permission } from "../../model/verbs.ts";
import { type Diagnosis, diagnose } from "../../queries/diagnosis/diagnose.ts";
import type { Finding, Link, NextCall } from "../../queries/diagnosis/findings/types.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { decodeCursor, encodeCursor, type Question, questionIn } from "../answer/cursor.ts";
import { type AnswerText, answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, isoRange, linesWithoutWindow } from "../answer/freshness.ts";
import { itemLines } from "../answer/item-text.ts";
import { rangeText } from "../answer/range-text.ts";
import { estimateJsonTokens, estimateTokens, MAX_TOKENS } from "../answer/token-budget.ts";
import { defineTool } from "../definition/define-tool.ts";
import { offsetOf } from "../definition/list-arguments.ts";
import { detailArg, limitArg, metaOutput, textArg, windowArgs } from "../definition/shared-schemas.ts";
import { offeredChanges } from "./offered-changes.ts";

/** Of a brief answer, as text and as structured content. */
const BRIEF_TOKENS = 1_450;
const DEFAULT_CAUSES = 5;
const MAX_CAUSES = 50;

const SUBJECTS = ["flow_run", "deployment", "flow", "work_pool", "automation"] as const;

const input = z.strictObject({
  flow_run: textArg,
  deployment: textArg,
  flow: textArg,
  work_pool: textArg,
  automation: textArg,
  occurred_after: textArg,
  occurred_before: textArg,
  limit: limitArg(MAX_CAUSES),
  cursor: textArg,
  detail: detailArg,
});

export const diagnoseTool = defineTool({
  name: "diagnose",
  title: "Diagnose",
  description:
    "Why did it fail, why is it late or stuck, why did nothing happen: one call answers with a verdict, ranked causes with evidence, what fixes each, and next calls. Give a flow_run, deployment, flow, work_pool or automation (name or id), or nothing for the whole workspace.",
  input,
  output: z.looseObject({
    verdict: z.string().optional(),
    causes: z.array(z.looseObject({})).optional(),
    ...metaOutput,
  }),
  takesAll: true,
  aliases: { since: "occurred_after", until: "occurred_before", flow_run_id: "flow_run", deployment_id: "deployment" },
  async run({ query: ctx, share = 1 }, args) {
    const given = SUBJECTS.flatMap((kind) => (args[kind] === undefined ? [] : [{ kind, text: args[kind] }]));
    if (given.length > 1) {
      throw new AppError(
        "invalid_input",
        sentence`${joined(
          given.map((one) => own(one.kind)),
          " and ",
        )} were both given.`,
        {
          hint: "Give one of them, or none to diagnose the workspace.",
        },
      );
    }
    const nowUs = serverNowUs(ctx);
    const found = await diagnose(ctx, {
      subject: given[0] ?? null,
      ...windowArgs(args, ["occurred_after", "occurred_before"], nowUs),
    });
    const { cursor: _, limit: __, detail: ___, ...asked } = args;
    const allowed = allowedChanges(ctx);
    const findings = found.findings.map((one) => withChanges(one, allowed));
    return answer({ ...found, findings }, nowUs, { ...args, asked: questionIn(ctx, asked), share });
  },
});

function withChanges(finding: Finding, allowed: ReadonlySet<Permission>): Finding {
  const changes = offeredChanges(finding.fix, allowed);
  return changes.length === 0 ? finding : { ...finding, next: [...(finding.next ?? []), ...changes] };
}

interface PageOfCauses {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly detail?: "brief" | "full" | undefined;
  /** The question that a cursor belongs to. */
  readonly asked: Question;
  /** Of the budget of tokens. */
  readonly share: number;
}

interface Cause {
  readonly code: string;
  readonly severity: string;
  readonly summary: Sentence;
  readonly evidence: unknown;
  readonly because?: readonly Link[];
  readonly fix: Sentence;
  readonly next?: readonly NextCall[];
}

function answer(found: Diagnosis, nowUs: ServerUs, page: PageOfCauses) {
  const from = page.cursor === undefined ? 0 : offsetOf(decodeCursor(page.asked, page.cursor));
  const isLong = page.limit !== undefined || page.detail === "full";
  const maxTokens = (isLong ? MAX_TOKENS : BRIEF_TOKENS) * page.share;
  const sizes: Size[] = page.detail === "full" ? ["full", "usual", "short"] : ["usual", "short"];
  for (let most = page.limit ?? DEFAULT_CAUSES; ; most--) {
    for (const size of sizes) {
      const structured = shape(found, { from, most, size, asked: page.asked });
      const text = render(found, structured, nowUs);
      const tokens = Math.max(estimateTokens(text), estimateJsonTokens(structured));
      if (tokens <= maxTokens || (most === 1 && size === "short"))
        return { structured, text, untrusted: ["causes", "state"] };
    }
  }
}

/** How much of each cause is shown: characters of a summary and of each text in its evidence. */
const CHARS = {
  full: { summary: 2_000, evidence: 2_000 },
  usual: { summary: 900, evidence: 420 },
  short: { summary: 500, evidence: 160 },
} as const;
type Size = keyof typeof CHARS;

interface Part {
  readonly from: number;
  readonly most: number;
  readonly size: Size;
  readonly asked: Question;
}

function shape(found: Diagnosis, { from, most, size, asked }: Part) {
  const shown = found.findings.slice(from, from + most);
  const left = Math.max(0, found.findings.length - from - shown.length);
  return {
    verdict: found.verdict,
    subject: {
      kind: found.subject.kind,
      ...(found.subject.id ? { id: found.subject.id, name: found.subject.name } : {}),
      ...(found.owner === null ? {} : { of: found.owner }),
    },
    state: found.state,
    first_cause: from + 1,
    causes: shown.map((finding) => toCause(finding, size)),
    ...(left > 0 ? { more_causes: left, next_cursor: encodeCursor(asked, [from + shown.length]) } : {}),
    ...(found.ruledOut.length > 0 ? { ruled_out: found.ruledOut } : {}),
    ...(found.unchecked.length > 0
      ? { could_not_check: atMost(found.unchecked, 6).map((one) => shortened(one, 200)) }
      : {}),
    window: {
      ...isoRange(found.window),
      ...(found.reachUs === null ? {} : { last_runs_since: formatIsoSeconds(found.reachUs) }),
    },
    ...freshnessFields(found.freshness),
  };
}

function toCause({ code, severity, summary, evidence, because, fix, next }: Finding, size: Size): Cause {
  return {
    code,
    severity,
    summary: shortened(summary, CHARS[size].summary),
    evidence: shorten(evidence, CHARS[size].evidence),
    ...(because && because.length > 0 ? { because } : {}),
    fix,
    ...(next && next.length > 0 && size !== "short" ? { next } : {}),
  };
}

/** Texts cut to `most` characters; nulls and empty members left out. */
function shorten(value: unknown, most: number): unknown {
  if (typeof value === "string") {
    const text = visibleText(value);
    return truncate(text, most);
  }
  if (Array.isArray(value)) return value.map((one) => shorten(one, most));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined && one !== null && one !== "");
  return Object.fromEntries(entries.map(([key, one]) => [key, shorten(one, most)]));
}

function render(found: Diagnosis, structured: ReturnType<typeof shape>, nowUs: ServerUs): AnswerText {
  const [about, [source = own(""), ...notes]] = [aboutText(found), linesWithoutWindow(found.freshness, nowUs)];
  const head = sentence`${found.verdict} | ${about} | ${windowText(found)} | ${joined([source, ...notes], " | ")}`;
  const first = structured.first_cause - 1;
  const causes = structured.causes.flatMap((cause, index) => [
    lineOf`${first + index + 1}. ${cause.severity === "note" ? "note, " : ""}${asName(cause.code)}: ${cause.summary}`,
    ...evidenceLines(cause.evidence),
    ...(cause.because ?? []).map(linkLine),
    lineOf`   fix: ${cause.fix}`,
    ...(cause.next ?? []).map((call) => lineOf`   next: ${asName(call.tool)} ${jsonLine(call.args)} (${call.why})`),
  ]);
  const after = [
    ...("more_causes" in structured
      ? [
          sentence`${counted(structured.more_causes ?? 0, "more cause")}: call again with cursor ${asName(structured.next_cursor ?? "")}`,
        ]
      : []),
    ...listed("ruled out", structured.ruled_out),
    ...listed("could not check", structured.could_not_check),
  ];
  return answerText([head, fenced([lineOf`state: ${structured.state}`, ...causes, ...after])]);
}

/** Short lines of `name: value`, with whole times: they may be of any day. */
function evidenceLines(evidence: unknown): Line[] {
  const lines = isJsonObject(evidence) ? itemLines(evidence, null) : [];
  return lines.length === 0 ? [] : [lineOf`   evidence:`, ...lines.map((line) => lineOf`     ${line}`)];
}

/** What the diagnosis is about: `deployment etl/nightly <id>`, `flow run calm-otter <id> of etl/nightly`. */
function aboutText({ subject, owner }: Diagnosis): Sentence {
  const { kind, id, name } = subject;
  if (kind === "workspace") return own("workspace");
  const named = name === null || name === id ? "" : sentence`${asName(name)} `;
  const of = owner === null ? "" : sentence` of ${asName(owner)}`;
  return sentence`${KINDS[kind].label} ${named}${asName(id ?? "")}${of}`;
}

/** The first ones, and how many more there are. */
function atMost(texts: readonly Sentence[], most: number): Sentence[] {
  if (texts.length <= most) return [...texts];
  return [...texts.slice(0, most - 1), sentence`${texts.length - most + 1} more`];
}

/** What the answer is about: the window, and how far back rarer runs were looked at. A run is judged whatever the window. */
function windowText({ subject, window, reachUs }: Diagnosis): Sentence {
  if (subject.kind === "flow_run") return own("whenever it ran");
  const reach =
    reachUs === null
      ? ""
      : sentence`; deployments that run rarely by their last 10 runs, since ${formatIsoSeconds(reachUs)}`;
  return sentence`window ${rangeText(window)}${reach}`;
}

function linkLine({ kind, id, name, state, since, why }: Link): Line {
  const when = since === null ? "" : sentence` since ${asReason(since)}`;
  return lineOf`   because: ${asName(kind)} ${asName(name)} (${asName(id)})${state === null ? "" : sentence` ${state}${when}`}: ${why}`;
}

function listed(title: string, texts: readonly Sentence[] | undefined): Line[] {
  return texts ? [lineOf`${asReason(title)}: ${joined(texts, "; ")}`] : [];
}

import { z } from "zod";
import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import {
  asName,
  asReason,
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
import type { TimeRange } from "../../model/freshness.ts";
import { KINDS } from "../../model/kinds.ts";
import { type Diagnosis, diagnose } from "../../queries/diagnosis/diagnose.ts";
import type { Finding, NextCall } from "../../queries/diagnosis/findings/types.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { type AnswerText, answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, isoRange, linesWithoutWindow } from "../answer/freshness.ts";
import { estimateJsonTokens, estimateTokens } from "../answer/token-budget.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput, textArg, windowArgs, workspaceArg } from "../definition/shared-schemas.ts";

const SUBJECTS = ["flow_run", "deployment", "work_pool", "automation"] as const;

const input = z.strictObject({
  flow_run: textArg,
  deployment: textArg,
  work_pool: textArg,
  automation: textArg,
  occurred_after: textArg,
  occurred_before: textArg,
  workspace_id: workspaceArg,
});

/** Of the whole answer, as text and as structured content. */
const MAX_TOKENS = 1_450;
const MAX_CAUSES = 5;

export const diagnoseTool = defineTool({
  name: "diagnose",
  title: "Diagnose",
  description:
    "Why did it fail, why is it late or stuck, why did nothing happen: one call answers with a verdict, ranked causes with evidence, what fixes each, and next calls. Give a flow_run, deployment, work_pool or automation (name or id), or nothing for the whole workspace.",
  input,
  output: z.looseObject({
    verdict: z.string().optional(),
    causes: z.array(z.looseObject({})).optional(),
    ...metaOutput,
  }),
  aliases: { since: "occurred_after", until: "occurred_before", flow_run_id: "flow_run", deployment_id: "deployment" },
  async run({ query: ctx }, args) {
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
    return answer(found, nowUs);
  },
});

interface Cause {
  readonly code: string;
  readonly severity: string;
  readonly summary: Sentence;
  readonly evidence: unknown;
  readonly fix: Sentence;
  readonly next?: readonly NextCall[];
}

function answer(found: Diagnosis, nowUs: ServerUs) {
  for (let most = MAX_CAUSES; ; most--) {
    for (const brief of [false, true]) {
      const structured = shape(found, most, brief);
      const text = render(found, structured, nowUs);
      const size = Math.max(estimateTokens(text), estimateJsonTokens(structured));
      if (size <= MAX_TOKENS || (most === 1 && brief)) return { structured, text, untrusted: ["causes", "state"] };
    }
  }
}

function shape(found: Diagnosis, most: number, brief: boolean) {
  const shown = found.findings.slice(0, most);
  const left = found.findings.length - shown.length;
  return {
    verdict: found.verdict,
    subject: {
      kind: found.subject.kind,
      ...(found.subject.id ? { id: found.subject.id, name: found.subject.name } : {}),
      ...(found.owner === null ? {} : { of: found.owner }),
    },
    state: found.state,
    causes: shown.map((finding) => toCause(finding, brief)),
    ...(left > 0 ? { more_causes: left } : {}),
    ...(found.ruledOut.length > 0 ? { ruled_out: found.ruledOut } : {}),
    ...(found.unchecked.length > 0
      ? { could_not_check: found.unchecked.slice(0, 5).map((one) => shortened(one, 200)) }
      : {}),
    window: isoRange(found.window),
    ...freshnessFields(found.freshness),
  };
}

function toCause({ code, severity, summary, evidence, fix, next }: Finding, brief: boolean): Cause {
  return {
    code,
    severity,
    summary: shortened(summary, brief ? 500 : 900),
    evidence: brief ? shorten(evidence, 160) : shorten(evidence, 420),
    fix,
    ...(next && next.length > 0 && !brief ? { next } : {}),
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
  const head = sentence`${found.verdict} | ${about} | ${windowText(found.window)} | ${joined([source, ...notes], " | ")}`;
  const causes = structured.causes.flatMap((cause, index) => [
    lineOf`${index + 1}. ${cause.severity === "note" ? "note, " : ""}${asName(cause.code)}: ${cause.summary}`,
    lineOf`   evidence: ${jsonLine(cause.evidence)}`,
    lineOf`   fix: ${cause.fix}`,
    ...(cause.next ?? []).map((call) => lineOf`   next: ${asName(call.tool)} ${jsonLine(call.args)} (${call.why})`),
  ]);
  const after = [
    ...("more_causes" in structured ? [sentence`${structured.more_causes ?? 0} more causes`] : []),
    ...listed("ruled out", structured.ruled_out),
    ...listed("could not check", structured.could_not_check),
  ];
  return answerText([head, fenced([lineOf`state: ${structured.state}`, ...causes, ...after])]);
}

/** What the diagnosis is about: `deployment etl/nightly <id>`, `flow run calm-otter <id> of etl/nightly`. */
function aboutText({ subject, owner }: Diagnosis): Sentence {
  const { kind, id, name } = subject;
  if (kind === "workspace") return own("workspace");
  const named = name === null || name === id ? "" : sentence`${asName(name)} `;
  const of = owner === null ? "" : sentence` of ${asName(owner)}`;
  return sentence`${KINDS[kind].label} ${named}${asName(id ?? "")}${of}`;
}

function windowText({ fromUs, toUs }: TimeRange): Sentence {
  return sentence`window ${formatIsoSeconds(fromUs)} to ${formatIsoSeconds(toUs)}`;
}

function listed(title: string, texts: readonly Sentence[] | undefined): Line[] {
  return texts ? [lineOf`${asReason(title)}: ${joined(texts, "; ")}`] : [];
}

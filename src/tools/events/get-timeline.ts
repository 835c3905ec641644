import { z } from "zod";
import { AppError } from "../../errors.ts";
import { asName, counted, joined, own, quote, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { truncateWithLength } from "../../lib/truncate.ts";
import { RESOURCE_ID, RESOURCE_NAME, splitResourceId } from "../../model/events/event.ts";
import { KINDS } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";
import { withoutLibraryFrames } from "../../model/runs/traceback-text.ts";
import { briefEvent } from "../../queries/events/event-brief.ts";
import { stateKey } from "../../queries/events/event-tally.ts";
import { getTimeline, type TimelineEntry } from "../../queries/history/timeline.ts";
import type { TimelineSubjectKind } from "../../queries/history/timeline-subject.ts";
import { recordedRunNames } from "../../queries/names/run-names.ts";
import { levelName } from "../../queries/runs/log-lines.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { isoRange } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, questionOf, readWindowCursor, windowCursor } from "../definition/list-arguments.ts";
import {
  detailArg,
  flagArg,
  limitArg,
  listOutput,
  textArg,
  tokenBudget,
  windowArgs,
} from "../definition/shared-schemas.ts";

const input = z.strictObject({
  flow_run: textArg,
  deployment: textArg,
  work_pool: textArg,
  occurred_after: textArg,
  occurred_before: textArg,
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
  fresh: flagArg,
  detail: detailArg.describe("full: every task run step"),
});
type Input = z.infer<typeof input>;

const MESSAGE_CHARS = 200;

export const getTimelineTool = defineTool({
  name: "get_timeline",
  title: "Timeline",
  description:
    "What happened to one flow run, deployment or work pool, oldest first: states, events, error log lines, infrastructure, changes, causes before effects. A run: its whole life; others: the last 24 h.",
  input,
  output: listOutput("entries"),
  aliases: {
    flow_run_id: "flow_run",
    run_id: "flow_run",
    deployment_id: "deployment",
    work_pool_name: "work_pool",
    since: "occurred_after",
    until: "occurred_before",
  },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const { kind, text } = subjectOf(args);
    const question = questionOf(ctx, "get_timeline", args);
    const place = readWindowCursor(question, args.cursor);
    const asked = windowArgs(args, ["occurred_after", "occurred_before"], nowUs);
    const { subject, owner, state, entries, hidden, freshness } = await getTimeline(ctx, {
      kind,
      subject: text,
      sinceUs: place?.fromUs ?? asked.sinceUs,
      untilUs: place?.toUs ?? asked.untilUs,
      isFull: args.detail === "full",
      fresh: args.fresh,
    });
    // A run has one story. Of a deployment or pool, what happened last is wanted first.
    const isTail = kind !== "flow_run";
    const passed = place?.offset ?? 0;
    const limit = args.limit ?? DEFAULT_LIMIT;
    const end = entries.length - passed;
    const page = isTail
      ? entries.slice(Math.max(0, end - limit), Math.max(0, end))
      : entries.slice(passed, passed + limit);
    const { deletedUs } = subject;
    const shownState = joined(
      [...(state ? [asName(state)] : []), ...(deletedUs === null ? [] : [own("deleted")])],
      ", ",
    );
    const left =
      hidden === 0
        ? []
        : [sentence`${counted(hidden, "routine step")} of task runs left out; detail: "full" shows them`];
    const names = recordedRunNames(
      ctx.record(),
      page.flatMap((entry) => runOf(entry) ?? []),
    );
    return listAnswer({
      key: "entries",
      noun: [own("entry"), own("entries")],
      title: sentence` of ${KINDS[kind].label} ${quote(fullName(subject.parent, subject.name), 100)} ${asName(subject.id)}${owner === null ? "" : sentence` of ${quote(owner, 200)}`}${shownState ? sentence` (${shownState})` : ""}${isTail ? ", the last ones" : ""}, oldest first`,
      items: page.map((entry) => toItem(entry, { subjectId: subject.id, isFull: args.detail === "full", names })),
      hasMore: entries.length > passed + page.length,
      cursorAfter: (index) =>
        windowCursor(question, subject.window, passed + (isTail ? page.length - index : index + 1)),
      takeFrom: isTail ? "end" : "start",
      freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: {
        subject: {
          kind,
          id: subject.id,
          name: fullName(subject.parent, subject.name),
          ...(owner === null ? {} : { of: owner }),
          ...(state ? { state } : {}),
          ...(deletedUs === null ? {} : { deleted: formatIsoUs(deletedUs) }),
        },
        window: isoRange(subject.window),
        total: entries.length,
        ...(hidden === 0 ? {} : { hidden }),
      },
      facts: left,
      order: ["time", "kind", "what", "of", "message"],
      keepsMillis: true,
      hint: sentence`Narrow by times.`,
      none: sentence`Nothing is known about it in this window.`,
    });
  },
});

function subjectOf(args: Input): { kind: TimelineSubjectKind; text: string } {
  const given = (["flow_run", "deployment", "work_pool"] as const).filter((kind) => args[kind] !== undefined);
  const [kind] = given;
  if (given.length !== 1 || !kind) {
    throw new AppError("invalid_input", "get_timeline needs exactly one of flow_run, deployment, work_pool", {
      hint: sentence`An id, a name or a UI link.`,
    });
  }
  return { kind, text: args[kind] ?? "" };
}

/** The flow run that an entry refers to by id only. */
function runOf(entry: TimelineEntry): string | undefined {
  if (entry.kind === "log") return entry.log.flow_run_id ?? undefined;
  if (entry.kind !== "event" || entry.event.resource[RESOURCE_NAME]) return undefined;
  const { kind, key } = splitResourceId(entry.event.resource[RESOURCE_ID] ?? "");
  return kind === KINDS.flow_run.resource ? key : undefined;
}

interface ItemOptions {
  readonly subjectId: string;
  readonly isFull: boolean;
  /** Of flow runs by id. */
  readonly names: ReadonlyMap<string, string>;
}

function toItem(entry: TimelineEntry, { subjectId, isFull, names }: ItemOptions): Item {
  const time = formatIsoUs(entry.us);
  if (entry.kind === "state") {
    const { name, type, message } = entry.state;
    return { time, kind: "state", what: name ?? type, ...messageOf(message), id: entry.id };
  }
  if (entry.kind === "log") {
    const { log, n } = entry;
    const line = n === null ? "" : ` line ${n}`;
    const isOther = log.flow_run_id && log.flow_run_id !== subjectId;
    const of = isOther ? { of: names.get(log.flow_run_id ?? "") ?? log.flow_run_id } : {};
    return {
      time,
      kind: "log",
      what: `${levelName(log.level)}${line}`,
      ...of,
      message: isFull ? log.message : withoutLibraryFrames(log.message),
      id: entry.id,
    };
  }
  if (entry.kind === "change") {
    const { change, name, diff, sinceUs } = entry.change;
    const fields = Object.keys(diff).join(", ");
    const since = sinceUs === null ? {} : { since: formatIsoUs(sinceUs) };
    return { time, kind: "change", what: change, of: name, ...(fields ? { message: fields } : {}), ...since };
  }
  const brief = briefEvent(entry.event);
  const state = stateKey(brief.event);
  const isOwn = brief.resource_id.endsWith(subjectId);
  return {
    time,
    kind: state === null ? kindOf(brief.event) : "state",
    what: state === null ? brief.event : state.replace(/^flow-run /, ""),
    ...(isOwn ? {} : { of: brief.resource_name ?? names.get(runOf(entry) ?? "") ?? brief.resource_id }),
    ...messageOf(brief.message),
    id: entry.id,
  };
}

function messageOf(message: string | null | undefined): Item {
  return message ? { message: truncateWithLength(message, MESSAGE_CHARS) } : {};
}

/** Pools, queues, workers, container platforms, deployments. */
const INFRASTRUCTURE = /^prefect\.(work-pool|work-queue|worker|kubernetes|docker|ecs|cloud-run|deployment)\b/;

function kindOf(event: string): string {
  return INFRASTRUCTURE.test(event) ? "infrastructure" : "event";
}

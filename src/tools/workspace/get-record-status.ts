import { z } from "zod";
import { durationText } from "../../lib/duration-text.ts";
import { asName, asPlace, asReason, counted, figure, joined, own, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import type { RecordStatus } from "../../queries/workspace/record-status.ts";
import { getRecordStatus, rowTexts, walProblem } from "../../queries/workspace/record-status.ts";
import { type AnswerText, answerText } from "../answer/fenced.ts";
import { isoOrNull, isoRange } from "../answer/freshness.ts";
import { gapText, rangeText } from "../answer/range-text.ts";
import { defineTool } from "../definition/define-tool.ts";

/** Number of latest ranges shown of each kind. */
const MAX_RANGES = 5;

export const getRecordStatusTool = defineTool({
  name: "get_record_status",
  title: "Record status",
  description:
    "What the local record holds: covered time ranges and gaps, lag behind Prefect, size, rows, who syncs, last error. No request to Prefect. Use it when an answer says it is incomplete or old.",
  isAboutRecord: true,
  input: z.strictObject({}),
  output: z.looseObject({
    events: z.number().optional(),
    coverage: z.looseObject({}).optional(),
    lag_ms: z.number().optional(),
  }),
  async run({ query: ctx }) {
    const status = getRecordStatus(ctx);
    const nowUs = serverNowUs(ctx);
    return {
      structured: { ...statusObject(status), source: "record", as_of: formatIsoUs(nowUs) },
      text: statusText(status, nowUs),
    };
  },
});

/** Which process keeps the record up to date. */
const SYNCING = {
  self: sentence`this process`,
  other: sentence`another process`,
  none: sentence`no process`,
} as const;

/** Unknown members are absent. */
function statusObject(status: RecordStatus): Readonly<Record<string, unknown>> {
  const { instance, version, file, bytes, events, rows, syncing, stream, reachable, backfill, requests, lastError } =
    status;
  const kinds = Object.entries(status.coverage).map(([kind, ranges]) => [
    kind,
    ranges.slice(-MAX_RANGES).map(isoRange),
  ]);
  const all = {
    instance,
    version,
    file,
    bytes,
    events,
    oldest: isoOrNull(status.oldestUs),
    newest: isoOrNull(status.newestUs),
    coverage: { ...eventCoverage(status), ...Object.fromEntries(kinds) },
    gaps: status.gaps.slice(-MAX_RANGES).map(isoRange),
    lag_ms: status.lagMs,
    syncing,
    stream,
    reachable,
    last_contact: isoOrNull(status.lastContactUs),
    backfill: backfill && {
      goal: isoOrNull(backfill.goalUs),
      reached: isoOrNull(backfill.reachedUs),
      done: backfill.done,
    },
    requests: requests && { total: requests.total, last_minute: requests.lastMinute },
    rows,
    runs_with_logs: status.runsWithLogs,
    problem: status.unreadable === null ? walProblem(status) : status.unreadable.sentence,
    last_error: lastError && { at: isoOrNull(lastError.atUs), code: lastError.code, message: lastError.message },
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** The coverage of events, in the form of every answer. */
function eventCoverage({ coverage, gaps }: RecordStatus): Readonly<Record<string, unknown>> {
  const events = coverage.event ?? [];
  const [first, last] = [events[0], events.at(-1)];
  const complete = events.length > 0 && gaps.length === 0;
  return {
    complete,
    from: isoOrNull(first?.fromUs ?? null),
    to: isoOrNull(last?.toUs ?? null),
    gaps: gaps.slice(-MAX_RANGES).map(isoRange),
  };
}

function statusText(status: RecordStatus, nowUs: ServerUs): AnswerText {
  if (status.file === null) {
    return answerText([
      status.unreadable === null
        ? sentence`Nothing is recorded yet for ${asPlace(status.instance)}.`
        : sentence`The record of ${asPlace(status.instance)} cannot be read: ${status.unreadable.sentence} ${status.unreadable.ownHint ?? ""}`,
      sentence`syncing: ${SYNCING[status.syncing]}. Recording begins with the first sync: start the server while Prefect is reachable, or run \`prefect-mcp-bun sync\`.`,
    ]);
  }
  const spans = Object.entries(status.coverage).flatMap(([kind, ranges]) => {
    const last = ranges.slice(-MAX_RANGES).map(rangeText);
    return [sentence`covered ${asName(kind)}: ${last.length > 0 ? joined(last, "; ") : own("nothing")}`];
  });
  const isEmpty = Object.values(status.coverage).every((ranges) => ranges.length === 0);
  const { backfill, lastError, requests } = status;
  const version = status.version ? sentence` (Prefect ${asName(status.version)})` : "";
  const size = sentence`${asPlace(status.file)}, ${figure(status.bytes / 1e6, 1)} MB`;
  const problem = walProblem(status);
  const rows = rowTexts(status.rows);
  const facts = [
    sentence`${counted(status.events, "event")}${status.oldestUs && status.newestUs ? sentence`, ${formatIsoSeconds(status.oldestUs)} to ${formatIsoSeconds(status.newestUs)}` : ""}; ${joined(rows, ", ")}; logs of ${counted(status.runsWithLogs, "run")}`,
    ...spans,
    ...(status.gaps.length > 0
      ? [sentence`gaps: ${joined(status.gaps.slice(-MAX_RANGES).map(gapText), "; ")}`]
      : [isEmpty ? own("nothing is recorded yet: prefect-mcp-bun sync, or serve, fills the record") : own("no gaps")]),
    sentence`syncing: ${SYNCING[status.syncing]}${status.stream ? sentence`, websocket ${asName(status.stream)}` : ""}${status.reachable === false ? ", Prefect does not answer" : ""}; lag ${status.lagMs === null ? "unknown" : durationText(status.lagMs * 1000)}${status.lastContactUs ? sentence`; last contact ${durationText(nowUs - status.lastContactUs)} ago` : ""}`,
    ...(backfill && !backfill.done
      ? [sentence`backfill: ${formatIsoSeconds(backfill.reachedUs)} reached, goal ${formatIsoSeconds(backfill.goalUs)}`]
      : []),
    ...(requests ? [sentence`requests ${requests.total}, last minute ${requests.lastMinute}`] : []),
  ];
  return answerText([
    sentence`record of ${asPlace(status.instance)}${version}: ${size}`,
    ...facts,
    problem === null ? null : sentence`problem: ${problem}`,
    lastError === null
      ? null
      : sentence`last error ${formatIsoSeconds(lastError.atUs)}: ${asName(lastError.code)}: ${asReason(lastError.message)}`,
  ]);
}

/** A comparison of two runs as structured content, and as the lines of its text. */
import { durationText } from "../../lib/duration-text.ts";
import {
  asName,
  counted,
  joined,
  type Line,
  lineOf,
  oneLine,
  own,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { formatIsoSeconds, parseIsoUs, SECOND_US } from "../../lib/time.ts";
import { truncate } from "../../lib/truncate.ts";
import { fullName } from "../../model/objects/full-name.ts";
import { withoutLibraryFrames } from "../../model/runs/traceback-text.ts";
import type { ComparedPart, FieldDiff, RunComparison } from "../../queries/comparison/compare-runs.ts";
import type { Divergence } from "../../queries/comparison/diverging-lines.ts";
import { secondsOf, type TaskGroup, type TaskPair } from "../../queries/comparison/task-groups.ts";
import type { Change } from "../../queries/history/what-changed.ts";
import type { FlowRunItem } from "../../queries/runs/flow-runs.ts";
import { type LogLine, levelName } from "../../queries/runs/log-lines.ts";
import { fieldChanges } from "../answer/field-changes.ts";

/** How much of each part is shown. */
export interface Sizes {
  readonly tasks: number;
  readonly changes: number;
  readonly fields: number;
  readonly chars: number;
}

/** Changes of other objects that are shown beside those of the run's own. */
const OTHER_CHANGES = 3;

export async function comparisonItem(found: RunComparison, sizes: Sizes) {
  const [now, before] = [found.run, found.other];
  return {
    flow_run: runOf(now),
    with: { ...runOf(before), reason: found.reason },
    duration: {
      seconds: secondsOf(now.run),
      with_seconds: secondsOf(before.run),
      late_seconds: lateSeconds(now),
      with_late_seconds: lateSeconds(before),
    },
    parameters: await fieldsOf(found.parameters, sizes),
    versions: await fieldsOf(found.versions, sizes),
    infrastructure: await fieldsOf(found.infrastructure, sizes),
    tasks: partOf(found.tasks, ({ added, missing, failed, slower, same }) => ({
      ...listOf("failed", failed.map(pairOf), sizes.tasks),
      ...listOf("new", added.map(groupOf), sizes.tasks),
      ...listOf("missing", missing.map(groupOf), sizes.tasks),
      ...listOf("slower", slower.map(pairOf), sizes.tasks),
      same,
    })),
    logs: partOf(found.logs, (logs) => logsOf(logs, sizes)),
    changes: await changesOf(found, sizes),
    ...(found.changes.unknown === null ? {} : { changes_unknown: found.changes.unknown }),
    ...moreChanges(found, sizes),
  };
}
export type ComparisonItem = Awaited<ReturnType<typeof comparisonItem>>;

function runOf({ run, flowName, deploymentName }: FlowRunItem) {
  const of = deploymentName === null ? flowName : fullName(flowName ?? undefined, deploymentName);
  return {
    id: run.id,
    name: run.name,
    ...(of === null ? {} : { of }),
    state: run.state_name ?? null,
    start_time: run.start_time ?? null,
    end_time: run.end_time ?? null,
    ...(run.state?.message ? { state_message: truncate(run.state.message, 300) } : {}),
  };
}

function lateSeconds({ run }: FlowRunItem): number | null {
  const [startUs, expectedUs] = [parseIsoUs(run.start_time ?? ""), parseIsoUs(run.expected_start_time ?? "")];
  return startUs === undefined || expectedUs === undefined ? null : Math.max(0, (startUs - expectedUs) / SECOND_US);
}

async function fieldsOf(diff: FieldDiff, { fields, chars }: Sizes): Promise<string[]> {
  const texts = (await fieldChanges(diff)).map((text) => truncate(text, chars));
  const left = texts.length - fields;
  return left <= 0 ? texts : [...texts.slice(0, fields), counted(left, "more difference")];
}

function partOf<T, Shown extends object>(part: ComparedPart<T>, show: (value: T) => Shown) {
  return part.value === null ? { not_compared: part.unknown } : show(part.value);
}

function listOf<Key extends string, T>(key: Key, items: readonly T[], most: number) {
  const left = items.length - most;
  return { [key]: items.slice(0, most), ...(left > 0 ? { [`more_${key}`]: left } : {}) };
}

const groupOf = ({ name, runs, failed, meanSeconds }: TaskGroup) => ({
  name,
  runs,
  ...(failed > 0 ? { failed } : {}),
  ...(meanSeconds === null ? {} : { mean_s: round(meanSeconds) }),
});

function pairOf({ name, now, before }: TaskPair) {
  return { name, ...(now ? { now: withoutName(now) } : {}), ...(before ? { before: withoutName(before) } : {}) };
}

function withoutName(group: TaskGroup) {
  const { name: _, ...rest } = groupOf(group);
  return rest;
}

function round(value: number): number {
  return Number(value.toFixed(3));
}

function logsOf({ different, missing, same }: Divergence, { chars }: Sizes) {
  return {
    first_different: lineItem(different, chars),
    first_missing: lineItem(missing, chars),
    same_before: same,
  };
}

function lineItem(line: LogLine | null, chars: number) {
  if (line === null) return null;
  const { log, n } = line;
  return {
    n,
    timestamp: log.timestamp,
    level: levelName(log.level),
    message: truncate(withoutLibraryFrames(log.message), chars * 2),
  };
}

function shownChanges({ changes }: RunComparison, { changes: most }: Sizes): readonly Change[] {
  if (changes.value === null) return [];
  const { own: ofRun, others } = changes.value;
  const shown = ofRun.slice(0, most);
  return [...shown, ...others.slice(0, Math.max(OTHER_CHANGES, most - shown.length))].slice(0, most + OTHER_CHANGES);
}

async function changesOf(found: RunComparison, sizes: Sizes) {
  return Promise.all(
    shownChanges(found, sizes).map(async ({ id, atUs, kind, name, change, diff }) => {
      const fields = (await fieldChanges(diff)).map((text) => truncate(text, sizes.chars));
      return {
        id,
        at: formatIsoSeconds(atUs),
        kind,
        name,
        change,
        ...(fields.length > 0 ? { fields: fields.slice(0, 4) } : {}),
      };
    }),
  );
}

function moreChanges(found: RunComparison, sizes: Sizes) {
  const { value } = found.changes;
  if (value === null) return {};
  const left = value.own.length + value.others.length - shownChanges(found, sizes).length;
  return left > 0 || value.hasMore ? { more_changes: value.hasMore ? `over ${left}` : left } : {};
}

/** The lines of the text: what differs, part by part; parts without a difference in one line. */
export function comparisonLines(item: ComparisonItem): Line[] {
  const { parameters, versions, infrastructure } = item;
  const same = Object.entries({ parameters, versions, infrastructure }).flatMap(([name, texts]) =>
    texts.length === 0 ? [name] : [],
  );
  return [
    runLine(own("run"), item.flow_run),
    runLine(own("with"), item.with),
    durationLine(item),
    ...section(own("parameters"), parameters),
    ...section(own("versions"), versions),
    ...section(own("infrastructure"), infrastructure),
    ...(same.length > 0 ? [sentence`the same: ${joined(same.map(asName), ", ")}`] : []),
    ...taskLines(item.tasks),
    ...logLines(item.logs),
    ...changeLines(item),
  ];
}

function runLine(what: Sentence, run: ComparisonItem["flow_run"]): Line {
  const of = run.of === undefined ? "" : lineOf` of ${oneLine(run.of)}`;
  const message = run.state_message === undefined ? "" : lineOf`: ${oneLine(run.state_message)}`;
  const times = [run.start_time, run.end_time].map((time) => timeText(time));
  return lineOf`${what}: ${oneLine(run.name)} ${oneLine(run.id)}${of}, ${oneLine(run.state ?? "no state")}, ${joined(times, " to ")}${message}`;
}

function timeText(time: string | null): Sentence {
  const us = time === null ? undefined : parseIsoUs(time);
  return us === undefined ? own("-") : formatIsoSeconds(us);
}

function durationLine({ duration: { seconds, with_seconds, late_seconds, with_late_seconds } }: ComparisonItem): Line {
  const text = (value: number | null) => (value === null ? own("unknown") : durationText(value * SECOND_US));
  const factor =
    seconds !== null && with_seconds ? sentence`, ${Number((seconds / with_seconds).toFixed(2))} × as long` : "";
  return sentence`duration: ${text(seconds)}, with ${text(with_seconds)}${factor}; start after it was due: ${text(late_seconds)}, with ${text(with_late_seconds)}`;
}

function section(title: Sentence, texts: readonly string[]): Line[] {
  return texts.length === 0 ? [] : [lineOf`${title}: ${joined(texts.map(oneLine), "; ")}`];
}

function taskLines(tasks: ComparisonItem["tasks"]): Line[] {
  if ("not_compared" in tasks) return [lineOf`tasks: ${oneLine(tasks.not_compared ?? "")}`];
  const lists = (["failed", "new", "missing", "slower"] as const).flatMap((key) => {
    const items = (tasks as Readonly<Record<string, unknown>>)[key] as readonly Readonly<Record<string, unknown>>[];
    const more = (tasks as Readonly<Record<string, unknown>>)[`more_${key}`];
    if (items.length === 0) return [];
    const rest = typeof more === "number" ? sentence`; ${more} more` : "";
    return [lineOf`tasks ${key}: ${joined(items.map(taskText), "; ")}${rest}`];
  });
  return [...lists, sentence`tasks without a difference: ${tasks.same}`];
}

function taskText({ name, now, before, ...rest }: Readonly<Record<string, unknown>>): Line {
  const figures = (of: unknown) =>
    joined(
      Object.entries(of as object).map(([key, value]) => lineOf`${asName(key)} ${Number(value)}`),
      ", ",
    );
  if (now === undefined || before === undefined) return lineOf`${oneLine(String(name))} (${figures(rest)})`;
  return lineOf`${oneLine(String(name))} (${figures(now)}; before ${figures(before)})`;
}

function logLines(logs: ComparisonItem["logs"]): Line[] {
  if ("not_compared" in logs) return [lineOf`logs: ${oneLine(logs.not_compared ?? "")}`];
  const { first_different: different, first_missing: missing, same_before } = logs;
  if (different === null && missing === null && same_before === 0) return [own("logs: neither run has a line")];
  if (different === null && missing === null) return [sentence`logs: no line differs (${same_before} compared)`];
  return [
    ...(different === null
      ? []
      : [lineOf`first different log line, after ${same_before} that both have: ${logText(different)}`]),
    ...(missing === null ? [] : [lineOf`first log line that only the other run has: ${logText(missing)}`]),
  ];
}

function logText({ n, timestamp, level, message }: NonNullable<ReturnType<typeof lineItem>>): Line {
  return lineOf`${n === null ? "" : sentence`${n} `}${timeText(timestamp)} ${asName(level)} ${oneLine(message)}`;
}

function changeLines({ changes, changes_unknown, more_changes }: ComparisonItem): Line[] {
  if (changes_unknown !== undefined) return [lineOf`changes: ${changes_unknown}`];
  if (changes.length === 0) return [own("changes between: no recorded change")];
  const lines = changes.map(({ id, at, kind, name, change, fields }) => {
    const what = fields === undefined ? "" : lineOf`: ${joined(fields.map(oneLine), "; ")}`;
    return lineOf`  ${oneLine(at)} ${asName(kind)} ${oneLine(name)} ${oneLine(id)} ${asName(change)}${what}`;
  });
  const more =
    more_changes === undefined ? [] : [sentence`  ${asName(String(more_changes))} more: what_changed lists them`];
  return [own("changes between, those of its own objects first:"), ...lines, ...more];
}

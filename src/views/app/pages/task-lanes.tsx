/** A run and its tasks as lanes of time: each attempt is a part of its own, with the wait before the next. */

import { stateGroup } from "../../state-group.ts";
import { listAt, numberAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { runStates, type Segment, segmentsOf, taskStates } from "../parts/attempts.ts";
import { type Extent, Lane } from "../parts/lane.tsx";
import { StateName } from "../parts/state-name.tsx";
import { durationWords, localTime, msOf } from "../parts/time.ts";
import { TimeAxis } from "../parts/time-axis.tsx";
import { VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";

interface Row {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly state: string;
  /** Seconds. */
  readonly duration: number | null;
  readonly runCount: number;
  readonly segments: readonly Segment[];
}

interface LanesProps {
  readonly tasks: Structured;
  /** States of the tasks; null while they are not known. */
  readonly states: Structured | null;
  /** The timeline of the run. */
  readonly timeline: Structured;
  readonly nowMs: number;
}

export function TaskLanes({ tasks, states, timeline, nowMs }: LanesProps) {
  const known = states === null ? new Map() : taskStates(states);
  const run = runRow(timeline);
  const rows = listAt(tasks, "task_runs")
    .map((task, index) => taskRow(task, index, known))
    .toSorted((a, b) => (a.segments[0]?.startMs ?? Infinity) - (b.segments[0]?.startMs ?? Infinity));
  const segments = [...(run ? [run] : []), ...rows].flatMap((row) => row.segments);
  const fromMs = segments.reduce((least, { startMs }) => Math.min(least, startMs), Number.POSITIVE_INFINITY);
  const toMs = segments.reduce((most, { endMs }) => Math.max(most, endMs ?? nowMs), fromMs + 1);
  const isMore = typeof tasks.next_cursor === "string";
  return (
    <>
      {segments.length > 0 && <Legend segments={segments} />}
      {segments.length > 0 && <TimeAxis fromMs={fromMs} toMs={toMs} />}
      {run && (
        <div class="gantt whole">
          <Bar row={run} extent={{ fromMs, toMs }} nowMs={nowMs} />
        </div>
      )}
      <VirtualList
        label="Tasks and subflows"
        class="gantt"
        items={rows}
        keyOf={({ key }) => key}
        row={(row) => <Bar row={row} extent={{ fromMs, toMs }} nowMs={nowMs} />}
      />
      {listAt(tasks, "task_runs").length === 0 && <p>No task run.</p>}
      {isMore && <p class="quiet">More task runs exist than are shown.</p>}
    </>
  );
}

/** A story that is cut may lack an attempt, so there is no lane of it. */
function runRow(timeline: Structured): Row | null {
  const segments = segmentsOf(runStates(listAt(timeline, "entries")));
  const last = segments.at(-1);
  if (last === undefined || typeof timeline.next_cursor === "string") return null;
  const attempts = segments.filter(({ attempt }) => attempt !== null).length;
  const { outcome } = last;
  return {
    key: "run",
    name: "The run itself",
    type: outcome,
    state: outcome,
    duration: null,
    runCount: attempts,
    segments,
  };
}

function taskRow(task: Structured, index: number, known: ReadonlyMap<string, Parameters<typeof segmentsOf>[0]>): Row {
  const type = textAt(task, "state_type") ?? "";
  const state = textAt(task, "state_name") ?? type;
  const duration = numberAt(task, "duration");
  const runCount = numberAt(task, "run_count") ?? 1;
  const id = textAt(task, "id");
  const key = id ?? `${index}`;
  const base = { key, name: textAt(task, "name") ?? "", type, state, duration, runCount };
  const found = segmentsOf(known.get(id ?? "") ?? []);
  const attempts = found.filter(({ attempt }) => attempt !== null).length;
  if (attempts > 0 && attempts >= runCount) return { ...base, segments: found };
  // Subflows have no states of a task, and states may be missing: one bar from the first start to the end.
  const from = textAt(task, "start_time");
  const startMs = msOf(from);
  if (from === null || Number.isNaN(startMs)) return { ...base, segments: [] };
  const endMs = duration === null ? null : startMs + duration * 1000;
  return {
    ...base,
    segments: [{ startMs, endMs, from, to: null, attempt: null, group: stateGroup(type), outcome: state }],
  };
}

function Bar({ row, extent, nowMs }: { row: Row; extent: Extent; nowMs: number }) {
  const { name, type, state, duration, segments, runCount } = row;
  const attempts = segments.filter(({ attempt }) => attempt !== null);
  return (
    <>
      <span class="sides label">
        <span>
          {name} <StateName name={state} type={type} />
        </span>
        <span class="quiet">
          {segments.length === 0 ? "not started" : duration !== null && durationWords(duration)}
          {attempts.length === 0 && runCount > 1 && `, attempt ${runCount}`}
        </span>
      </span>
      <Lane
        extent={extent}
        parts={segments.map((one) => ({ ...one, endMs: one.endMs ?? nowMs, words: wordsOf(one) }))}
      />
      {attempts.length > 1 && (
        <ol class="attempts quiet" aria-label={`Attempts of ${name}`}>
          {attempts.map(({ attempt, from, to, group, outcome }) => (
            <li key={from}>
              attempt {attempt} <span class={`state ${group}`}>{outcome}</span>{" "}
              <ZonedTime at={from} beside={segments[0]?.from} form="millis" />
              {to && (
                <>
                  {" "}
                  to <ZonedTime at={to} beside={from} form="millis" />
                </>
              )}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function wordsOf({ from, to, attempt, outcome }: Segment): string {
  const times = to === null ? `from ${localTime(from)}` : `${localTime(from)} to ${localTime(to)}`;
  return `${attempt === null ? "" : `attempt ${attempt}, `}${times}: ${outcome}`;
}

/** What each colour says, of those that are drawn. */
function Legend({ segments }: { segments: readonly Segment[] }) {
  const shown = [...new Map(segments.map(({ outcome, group }) => [outcome, group]))].slice(0, MOST_NAMES);
  return (
    <p class="legend" role="note" aria-label="Colours of the bars">
      {shown.map(([outcome, group]) => (
        <span key={outcome} class={group}>
          <i class="swatch" /> {outcome}
        </span>
      ))}
    </p>
  );
}

/** States have free names. */
const MOST_NAMES = 12;

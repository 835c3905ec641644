import { logCall, taskCall } from "../../calls.ts";
import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { Excerpt } from "../parts/excerpt.tsx";
import { Loading, useAnswer, useCall } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { StateName, stateGroup } from "../parts/state-name.tsx";
import { durationWords, msOf } from "../parts/time.ts";
import { VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

export function RunView(props: PageProps) {
  if (props.args.flow_run !== undefined) return <OneRun {...props} />;
  return (
    <>
      <h1>Run</h1>
      <p role="alert">This view needs a flow run. Open one from the dashboard or the diagnosis.</p>
    </>
  );
}

function OneRun({ connection, args, nowMs, open }: PageProps) {
  const timeline = useAnswer(connection, "get_timeline", args);
  const tasks = useCall(connection, taskCall(args));
  const logs = useCall(connection, logCall(args));
  return (
    <Loading loaded={timeline} title="Run">
      {(answer) => {
        const subject = objectAt(answer, "subject");
        return (
          <>
            <h1>
              {textAt(subject, "name")} <small class="quiet">{textAt(subject, "of")}</small>{" "}
              <StateName name={textAt(subject, "state") ?? "state not known"} />
            </h1>
            <button type="button" onClick={() => open("diagnosis", { flow_run: args.flow_run })}>
              Why?
            </button>
            <div class="columns">
              <section aria-labelledby="entries">
                <h2 id="entries">What happened</h2>
                <Entries entries={listAt(answer, "entries")} />
              </section>
              <section aria-labelledby="tasks">
                <h2 id="tasks">Tasks and subflows</h2>
                <Loading loaded={tasks}>{(found) => <Tasks answer={found} nowMs={nowMs} />}</Loading>
              </section>
            </div>
            <section aria-labelledby="logs">
              <h2 id="logs">Logs</h2>
              <Loading loaded={logs}>{(found) => <Lines answer={found} />}</Loading>
            </section>
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

function Entries({ entries }: { entries: readonly Structured[] }) {
  return (
    <VirtualList
      label="What happened"
      class="entries"
      items={entries}
      keyOf={(entry, index) => `${textAt(entry, "id")} ${index}`}
      row={(entry) => (
        <>
          <ZonedTime at={textAt(entry, "time")} />{" "}
          {textAt(entry, "kind") === "state" ? (
            <StateName name={textAt(entry, "what") ?? ""} />
          ) : (
            <span>{textAt(entry, "what")}</span>
          )}
          {textAt(entry, "of") && <span class="quiet"> {textAt(entry, "of")}</span>}
          {textAt(entry, "message") && <Excerpt text={textAt(entry, "message") ?? ""} />}
        </>
      )}
    />
  );
}

/** One bar a task, from its start for as long as it ran; one that still runs reaches to now. */
function Tasks({ answer, nowMs }: { answer: Structured; nowMs: number }) {
  const tasks = listAt(answer, "task_runs")
    .map((task) => {
      const startMs = msOf(textAt(task, "start_time"));
      const duration = numberAt(task, "duration");
      const endMs = duration === null ? nowMs : startMs + duration * 1000;
      return { task, startMs, endMs };
    })
    .toSorted((a, b) => a.startMs - b.startMs);
  const started = tasks.filter(({ startMs }) => !Number.isNaN(startMs));
  const firstMs = started.reduce((least, { startMs }) => Math.min(least, startMs), Number.POSITIVE_INFINITY);
  const lastMs = started.reduce((most, { endMs }) => Math.max(most, endMs), firstMs + 1);
  const place = (ms: number) => `${(100 * (ms - firstMs)) / (lastMs - firstMs)}%`;
  if (tasks.length === 0) return <p>No task run.</p>;
  return (
    <>
      <VirtualList
        label="Tasks and subflows"
        class="gantt"
        items={tasks}
        keyOf={({ task }, index) => textAt(task, "id") ?? `${index}`}
        row={({ task, startMs, endMs }) => {
          const type = textAt(task, "state_type") ?? "";
          const isStarted = !Number.isNaN(startMs);
          return (
            <>
              <span class="label">
                {textAt(task, "name")} <StateName name={textAt(task, "state_name") ?? type} type={type} />{" "}
                <span class="quiet">
                  {isStarted ? durationWords((endMs - startMs) / 1000) : "not started"}
                  {(numberAt(task, "run_count") ?? 1) > 1 && `, attempt ${numberAt(task, "run_count")}`}
                </span>
              </span>
              <span class="lane" aria-hidden="true">
                {isStarted && (
                  <span
                    class={stateGroup(type)}
                    style={{ left: place(startMs), width: `${(100 * (endMs - startMs)) / (lastMs - firstMs)}%` }}
                  />
                )}
              </span>
            </>
          );
        }}
      />
      {typeof answer.next_cursor === "string" && <p class="quiet">More task runs exist than are shown.</p>}
    </>
  );
}

const LEVELS: Readonly<Record<string, string>> = { ERROR: "error", CRITICAL: "critical", WARNING: "warning" };

function Lines({ answer }: { answer: Structured }) {
  const lines = listAt(answer, "logs");
  const total = numberAt(answer, "total_lines");
  if (lines.length === 0) return <p>No log line.</p>;
  return (
    <>
      {total !== null && total > lines.length && (
        <p class="quiet">
          The last {lines.length} of {total} lines.
        </p>
      )}
      <VirtualList
        label="Log lines"
        class="logs"
        items={lines}
        keyOf={(line, index) => `${numberAt(line, "n") ?? index}`}
        row={(line) => (
          <span class={LEVELS[textAt(line, "level") ?? ""] ?? ""}>
            <ZonedTime at={textAt(line, "timestamp")} /> <b>{textAt(line, "level")}</b>{" "}
            {textAt(line, "task_run") && <i class="quiet">{textAt(line, "task_run")} </i>}
            <span>{textAt(line, "message")}</span>
          </span>
        )}
      />
    </>
  );
}

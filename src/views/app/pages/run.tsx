import { attemptCall, logCall, taskCall } from "../../calls.ts";
import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { countOf } from "../parts/count-of.ts";
import { Excerpt } from "../parts/excerpt.tsx";
import { Loading, useCall } from "../parts/load.tsx";
import { Pager, usePages } from "../parts/pages.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { StateName } from "../parts/state-name.tsx";
import { besideOf, VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";
import { LogLines } from "./log-lines.tsx";
import type { PageProps } from "./page.ts";
import { TaskLanes } from "./task-lanes.tsx";

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
  const pages = usePages(connection, "get_timeline", args);
  const tasks = useCall(connection, taskCall(args));
  const states = useCall(connection, attemptCall(args));
  const logs = useCall(connection, logCall(args));
  return (
    <Loading loaded={pages.loaded} title="Run">
      {(answer) => {
        const subject = objectAt(answer, "subject");
        const known = states !== null && "answer" in states ? states.answer : null;
        return (
          <>
            <h1>
              {textAt(subject, "name")} <small class="quiet">{textAt(subject, "of")}</small>{" "}
              <StateName name={textAt(subject, "state") ?? "state not known"} />
            </h1>
            {connection.kind !== "file" && (
              <button type="button" onClick={() => open("diagnosis", { flow_run: args.flow_run })}>
                Why?
              </button>
            )}
            <div class="story">
              <section aria-labelledby="tasks">
                <h2 id="tasks">Tasks and subflows</h2>
                <Loading loaded={tasks}>
                  {(found) => <TaskLanes tasks={found} states={known} timeline={answer} nowMs={nowMs} />}
                </Loading>
              </section>
              <section aria-labelledby="logs" class="beside">
                <h2 id="logs">Logs</h2>
                <Loading loaded={logs}>{(found) => <LogLines answer={found} />}</Loading>
              </section>
              <section aria-labelledby="entries">
                <h2 id="entries">What happened</h2>
                <Entries answer={answer} />
                <Pager pages={pages} answer={answer} forward="Later" back="Earlier" more="More happened" />
              </section>
            </div>
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

function Entries({ answer }: { answer: Structured }) {
  const entries = listAt(answer, "entries");
  const hidden = numberAt(answer, "hidden");
  return (
    <>
      {entries.length === 0 && <p>Nothing is known of it in what is covered.</p>}
      {hidden !== null && <p class="quiet">{countOf(hidden, "routine step")} of task runs left out.</p>}
      <VirtualList
        label="What happened"
        class="entries"
        items={entries}
        keyOf={(entry, index) => `${textAt(entry, "id")} ${index}`}
        row={(entry, index) => (
          <>
            <ZonedTime at={textAt(entry, "time")} beside={besideOf(entries, index, "time")} />{" "}
            {textAt(entry, "kind") === "state" ? (
              <StateName
                name={textAt(entry, "what") ?? ""}
                type={(textAt(entry, "what") ?? "").replace(/^task-run /, "")}
              />
            ) : (
              <span>{textAt(entry, "what")}</span>
            )}
            {textAt(entry, "of") && <span class="quiet"> {textAt(entry, "of")}</span>}
            {textAt(entry, "message") && <Excerpt text={textAt(entry, "message") ?? ""} />}
          </>
        )}
      />
    </>
  );
}

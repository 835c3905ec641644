import { listAt, numberAt, textAt } from "../answers/read.ts";
import { Loading, useAnswer } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { ageWords, localTime } from "../parts/time.ts";
import type { PageProps } from "./page.ts";

const GROUPS: Readonly<Record<string, string>> = { new: "late", ongoing: "bad", returned: "bad", recovered: "good" };

export function IncidentsView({ connection, args, nowMs, open }: PageProps) {
  const loaded = useAnswer(connection, "get_incidents", args);
  return (
    <Loading loaded={loaded}>
      {(answer) => {
        const incidents = listAt(answer, "incidents");
        return (
          <>
            <h1>Incidents</h1>
            {incidents.length === 0 && <p>No incident in the covered window.</p>}
            <ul class="rows">
              {incidents.map((incident) => {
                const state = textAt(incident, "state") ?? "";
                const where = [...listAt(incident, "deployments"), ...listAt(incident, "flows")];
                const last = textAt(incident, "last") ?? "";
                return (
                  <li key={textAt(incident, "id")}>
                    <h2>
                      <span class={`state ${GROUPS[state] ?? "off"}`}>{state}</span> {textAt(incident, "title")}
                    </h2>
                    <p>
                      {numberAt(incident, "count")} times from {localTime(textAt(incident, "first") ?? "")} to{" "}
                      {localTime(last)} ({ageWords(last, nowMs)}) in{" "}
                      {where.map((one) => textAt(one, "name") ?? textAt(one, "id")).join(", ")}
                    </p>
                    {listAt(incident, "flow_runs").map((run) => (
                      <button
                        key={textAt(run, "id")}
                        type="button"
                        onClick={() => open("run", { flow_run: textAt(run, "id") })}
                      >
                        {textAt(run, "name") ?? textAt(run, "id")}
                      </button>
                    ))}
                  </li>
                );
              })}
            </ul>
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

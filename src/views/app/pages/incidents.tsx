import { listAt, numberAt, textAt } from "../answers/read.ts";
import { countOf } from "../parts/count-of.ts";
import { Loading } from "../parts/load.tsx";
import { Pager, usePages } from "../parts/pages.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { ageWords } from "../parts/time.ts";
import { VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

const GROUPS: Readonly<Record<string, string>> = { new: "late", ongoing: "bad", returned: "bad", recovered: "good" };

export function IncidentsView({ connection, args, nowMs, open }: PageProps) {
  const pages = usePages(connection, "get_incidents", args);
  return (
    <Loading loaded={pages.loaded} title="Incidents">
      {(answer) => {
        const incidents = listAt(answer, "incidents");
        return (
          <>
            <h1>Incidents</h1>
            {incidents.length === 0 && <p>No incident in the covered window.</p>}
            <VirtualList
              label="Incidents"
              class="rows"
              items={incidents}
              keyOf={(incident, index) => textAt(incident, "id") ?? `${index}`}
              row={(incident) => {
                const state = textAt(incident, "state") ?? "";
                const where = [...listAt(incident, "deployments"), ...listAt(incident, "flows")];
                const last = textAt(incident, "last") ?? "";
                return (
                  <>
                    <h2>
                      <span class={`state ${GROUPS[state] ?? "off"}`}>{state}</span> {textAt(incident, "title")}
                    </h2>
                    <p>
                      {countOf(numberAt(incident, "count"), "time")}{" "}
                      {textAt(incident, "first") === last ? (
                        "at "
                      ) : (
                        <>
                          from <ZonedTime at={textAt(incident, "first")} /> to{" "}
                        </>
                      )}
                      <ZonedTime at={last} /> (<span class="age">{ageWords(last, nowMs)}</span>) in{" "}
                      {where.map((one) => textAt(one, "name") ?? textAt(one, "id")).join(", ")}
                    </p>
                    <p class="choices">
                      {listAt(incident, "flow_runs").map((run) => (
                        <button
                          key={textAt(run, "id")}
                          type="button"
                          onClick={() => open("run", { flow_run: textAt(run, "id") })}
                        >
                          {textAt(run, "name") ?? textAt(run, "id")}
                        </button>
                      ))}
                      {numberAt(incident, "more_flow_runs") !== null && (
                        <span class="quiet">and {numberAt(incident, "more_flow_runs")} more</span>
                      )}
                    </p>
                  </>
                );
              }}
            />
            <Pager pages={pages} answer={answer} more="More incidents exist" />
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

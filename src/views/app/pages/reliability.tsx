import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { Loading, useAnswer } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { durationWords, localTime } from "../parts/time.ts";
import type { PageProps } from "./page.ts";

export function ReliabilityView({ connection, args, nowMs }: PageProps) {
  const loaded = useAnswer(connection, "get_reliability", args);
  return (
    <Loading loaded={loaded}>
      {(answer) => {
        const results = listAt(answer, "results");
        const window = objectAt(answer, "window");
        return (
          <>
            <h1>
              Reliability by {textAt(answer, "group_by")?.replaceAll("_", " ")}
              <small class="quiet">
                {" "}
                {localTime(textAt(window, "from") ?? "")} to {localTime(textAt(window, "to") ?? "")}
              </small>
            </h1>
            {results.length === 0 ? <p>No run in this window.</p> : <Rows results={results} />}
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

function percent(value: number | null): string {
  return value === null ? "–" : `${Math.round(value * 1000) / 10} %`;
}

function seconds(value: number | null): string {
  return value === null ? "–" : durationWords(value);
}

function Rows({ results }: { results: readonly Structured[] }) {
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Runs</th>
            <th scope="col">Success</th>
            <th scope="col">before</th>
            <th scope="col">Median</th>
            <th scope="col">before</th>
            <th scope="col">95 %</th>
            <th scope="col">Late</th>
            <th scope="col">To recover</th>
            <th scope="col">Last success</th>
          </tr>
        </thead>
        <tbody>
          {results.map((one) => {
            const before = objectAt(one, "before");
            const last = textAt(one, "last_success");
            return (
              <tr key={textAt(one, "id") ?? textAt(one, "name")}>
                <th scope="row">{textAt(one, "name")}</th>
                <td>{numberAt(one, "runs")}</td>
                <td>{percent(numberAt(one, "success_rate"))}</td>
                <td class="quiet">{percent(numberAt(before, "success_rate"))}</td>
                <td>{seconds(numberAt(one, "p50_s"))}</td>
                <td class="quiet">{seconds(numberAt(before, "p50_s"))}</td>
                <td>{seconds(numberAt(one, "p95_s"))}</td>
                <td>{numberAt(one, "late")}</td>
                <td>{seconds(numberAt(one, "time_to_recover_s"))}</td>
                <td>{last ? localTime(last) : "none known"}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

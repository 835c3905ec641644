import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { countOf } from "../parts/count-of.ts";
import { Loading } from "../parts/load.tsx";
import { Pager, usePages } from "../parts/pages.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { StateName } from "../parts/state-name.tsx";
import { durationWords } from "../parts/time.ts";
import { MOST_PLAIN, VirtualList } from "../parts/virtual-list.tsx";
import { WindowTimes, ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

export function ReliabilityView({ connection, args, nowMs }: PageProps) {
  const pages = usePages(connection, "get_reliability", args);
  return (
    <Loading loaded={pages.loaded} title="Reliability">
      {(answer) => {
        const results = listAt(answer, "results");
        const window = objectAt(answer, "window");
        return (
          <>
            <h1>
              Reliability by {textAt(answer, "group_by")?.replaceAll("_", " ")}{" "}
              <WindowTimes from={textAt(window, "from")} to={textAt(window, "to")} />
            </h1>
            {results.length === 0 ? <p>No run in this window.</p> : <Results results={results} />}
            <Pager pages={pages} answer={answer} more="More rows exist" />
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

/** How many of the last runs ended the same way. */
function Streak({ streak }: { streak: Structured }) {
  const state = textAt(streak, "state");
  if (state === null) return <>–</>;
  return (
    <>
      <StateName name={state} /> {numberAt(streak, "runs")} in a row
    </>
  );
}

function Share({ value }: { value: number | null }) {
  return (
    <>
      {percent(value)}
      {value !== null && (
        <span class="share bad" aria-hidden="true">
          <span class="good" style={{ width: `${100 * value}%` }} />
        </span>
      )}
    </>
  );
}

/** The same of the window before; nothing where it is not known. */
function Before({ value, words }: { value: number | null; words(value: number): string }) {
  return value === null ? null : <div class="quiet">before {words(value)}</div>;
}

/** A table that a page of the answer fills; more rows than that are a list. */
function Results({ results }: { results: readonly Structured[] }) {
  if (results.length <= MOST_PLAIN) return <Rows results={results} />;
  return (
    <VirtualList
      label="Reliability"
      class="rows"
      items={results}
      keyOf={(one, index) => textAt(one, "id") ?? `${index}`}
      row={(one) => (
        <>
          <b>{textAt(one, "name")}</b> {countOf(numberAt(one, "runs"), "run")}, {percent(numberAt(one, "success_rate"))}{" "}
          succeeded, median {seconds(numberAt(one, "p50_s"))}, 95 % {seconds(numberAt(one, "p95_s"))},{" "}
          {numberAt(one, "late")} late
        </>
      )}
    />
  );
}

function Rows({ results }: { results: readonly Structured[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="wide" tabIndex={0} aria-label="Table">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Now</th>
            <th scope="col">Runs</th>
            <th scope="col">Success</th>
            <th scope="col">Median</th>
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
                <td data-label="Now">
                  <Streak streak={objectAt(one, "streak")} />
                </td>
                <td data-label="Runs">{numberAt(one, "runs")}</td>
                <td data-label="Success">
                  <Share value={numberAt(one, "success_rate")} />
                  <Before value={numberAt(before, "success_rate")} words={percent} />
                </td>
                <td data-label="Median">
                  {seconds(numberAt(one, "p50_s"))}
                  <Before value={numberAt(before, "p50_s")} words={seconds} />
                </td>
                <td data-label="95 %">{seconds(numberAt(one, "p95_s"))}</td>
                <td data-label="Late">{numberAt(one, "late")}</td>
                <td data-label="To recover">{seconds(numberAt(one, "time_to_recover_s"))}</td>
                <td data-label="Last success">{last ? <ZonedTime at={last} form="minutes" /> : "none known"}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

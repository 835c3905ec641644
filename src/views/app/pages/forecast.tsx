import { comingCall } from "../../calls.ts";
import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { countOf } from "../parts/count-of.ts";
import { Loading, useAnswer, useCall } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { durationWords } from "../parts/time.ts";
import { WindowTimes, ZonedTime } from "../parts/zoned-time.tsx";
import { Calendar } from "./calendar.tsx";
import type { PageProps } from "./page.ts";

export function ForecastView({ connection, args, nowMs }: PageProps) {
  const loaded = useAnswer(connection, "forecast", args);
  const coming = useCall(connection, comingCall(args));
  return (
    <Loading loaded={loaded} title="Forecast">
      {(answer) => {
        const window = objectAt(answer, "window");
        const assumptions = Array.isArray(answer.assumptions) ? answer.assumptions.map(String) : [];
        return (
          <>
            <h1>
              {numberAt(answer, "total") === 1 ? "1 run is due" : `${numberAt(answer, "total") ?? "?"} runs are due`}{" "}
              <WindowTimes from={textAt(window, "from")} to={textAt(window, "to")} />
            </h1>
            <Collisions answer={answer} />
            <section aria-labelledby="runs">
              <h2 id="runs">Runs by deployment</h2>
              <Loading loaded={coming}>{(found) => <Calendar answer={found} />}</Loading>
            </section>
            <Never answer={answer} />
            <section aria-labelledby="assumed">
              <h2 id="assumed">What is assumed</h2>
              <ul class="quiet">
                {assumptions.map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ul>
            </section>
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

/** Without an end of the wait: a limit that is blocked lets no run start, one that a run holds may become free at any time. */
function outcomeWords(runs: number | null, waitSeconds: number | null, isBlocked: boolean): string {
  const isOne = runs === 1;
  if (waitSeconds === null && !isBlocked) return `${isOne ? "waits" : "wait"}, until when is not known`;
  if (waitSeconds === null) return isOne ? "does not start" : "do not start";
  return isOne ? `waits ${durationWords(waitSeconds)}` : `wait up to ${durationWords(waitSeconds)}`;
}

function Collisions({ answer }: { answer: Structured }) {
  const collisions = listAt(answer, "collisions");
  return (
    <section aria-labelledby="collisions">
      <h2 id="collisions">Collisions</h2>
      {collisions.length === 0 && <p>No run has to wait for a slot.</p>}
      <ul class="rows">
        {collisions.map((one) => {
          const wait = numberAt(one, "longest_wait_s");
          const to = textAt(one, "to");
          const names = Array.isArray(one.deployments) ? one.deployments.map(String).join(", ") : "";
          return (
            <li key={JSON.stringify([one.kind, one.name, one.from])} class="problem">
              <span class="code">{textAt(one, "kind")}</span> <b>{textAt(one, "name")}</b>{" "}
              {textAt(one, "blocked") ?? countOf(numberAt(one, "limit"), "slot")}:{" "}
              {countOf(numberAt(one, "runs"), "run")} of {names}{" "}
              {outcomeWords(numberAt(one, "runs"), wait, textAt(one, "blocked") !== null)}, from{" "}
              <ZonedTime at={textAt(one, "from")} form="minutes" />{" "}
              {to ? (
                <>
                  to <ZonedTime at={to} form="minutes" />
                </>
              ) : (
                "on"
              )}
            </li>
          );
        })}
      </ul>
      {numberAt(answer, "more_collisions") !== null && (
        <p class="quiet">{numberAt(answer, "more_collisions")} more collisions are not shown.</p>
      )}
    </section>
  );
}

function Never({ answer }: { answer: Structured }) {
  const never = listAt(answer, "never_fires");
  if (never.length === 0) return null;
  return (
    <section aria-labelledby="never">
      <h2 id="never">Schedules that never fire</h2>
      <ul class="rows">
        {never.map((one) => (
          <li key={JSON.stringify([one.deployment, one.schedule])}>
            <b>{textAt(one, "deployment")}</b> {textAt(one, "schedule")}: {textAt(one, "why")?.replaceAll("_", " ")}
          </li>
        ))}
      </ul>
    </section>
  );
}

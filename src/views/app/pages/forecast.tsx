import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { countOf } from "../parts/count-of.ts";
import { Loading, useAnswer } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { durationWords, localTime, msOf } from "../parts/time.ts";
import { VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

export function ForecastView({ connection, args, nowMs }: PageProps) {
  const loaded = useAnswer(connection, "forecast", args);
  return (
    <Loading loaded={loaded} title="Forecast">
      {(answer) => {
        const window = objectAt(answer, "window");
        const assumptions = Array.isArray(answer.assumptions) ? answer.assumptions.map(String) : [];
        return (
          <>
            <h1>
              {numberAt(answer, "total") === 1 ? "1 run is due" : `${numberAt(answer, "total") ?? "?"} runs are due`}
              <small class="quiet">
                {" "}
                <ZonedTime at={textAt(window, "from")} /> to <ZonedTime at={textAt(window, "to")} />
              </small>
            </h1>
            <Collisions answer={answer} />
            <Lanes answer={answer} />
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
              {wait === null ? "not starting" : `waiting, at most ${durationWords(wait)}`}, from{" "}
              <ZonedTime at={textAt(one, "from")} />{" "}
              {to ? (
                <>
                  to <ZonedTime at={to} />
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

/** One lane a deployment, over the window; the list below has the same runs. */
function Lanes({ answer }: { answer: Structured }) {
  const window = objectAt(answer, "window");
  const fromMs = msOf(textAt(window, "from"));
  const spanMs = msOf(textAt(window, "to")) - fromMs;
  const lanes = new Map<string, Structured[]>();
  for (const run of listAt(answer, "runs")) {
    const name = textAt(run, "deployment") ?? "";
    const lane = lanes.get(name);
    if (lane) lane.push(run);
    else lanes.set(name, [run]);
  }
  // A page of the answer ends with its last run: what is due after it is not known here, and not nothing.
  const isCut = typeof answer.next_cursor === "string";
  const lastMs = msOf(textAt(listAt(answer, "runs").at(-1), "expected"));
  const cutAt = isCut ? Math.max(0, (100 * (lastMs - fromMs)) / spanMs) : 100;
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Runs by deployment</h2>
      <ul class="gantt">
        {[...lanes].map(([name, runs]) => (
          <li key={name}>
            <span class="label">
              {name} <span class="quiet">{runs.length === 1 ? "1 run" : `${runs.length} runs`}</span>
            </span>
            <span class="lane" aria-hidden="true">
              {isCut && <span class="unknown" style={{ left: `${cutAt}%`, right: "0" }} />}
              {ticksOf(runs, fromMs, spanMs).map((run) => {
                const atMs = Math.max(0, msOf(textAt(run, "expected")) - fromMs);
                const waits = textAt(run, "waits_for") !== null;
                return (
                  <span
                    key={textAt(run, "expected")}
                    class={waits ? "late" : "busy"}
                    style={{ left: `${(100 * atMs) / spanMs}%`, width: "4px" }}
                  />
                );
              })}
            </span>
            <details>
              <summary>Times</summary>
              <VirtualList
                label={`Runs of ${name}`}
                class="times"
                items={runs}
                keyOf={(run, index) => `${textAt(run, "expected")} ${index}`}
                row={runWords}
              />
            </details>
          </li>
        ))}
      </ul>
      {typeof answer.next_cursor === "string" && (
        <p class="quiet">More runs are due than are shown: the hatched part is not listed.</p>
      )}
    </section>
  );
}

/** One run for each place that a lane can show. */
function ticksOf(runs: readonly Structured[], fromMs: number, spanMs: number): Structured[] {
  const placeOf = (run: Structured) => Math.round((TICKS * (msOf(textAt(run, "expected")) - fromMs)) / spanMs);
  return [...new Map(runs.map((run) => [`${placeOf(run)} ${textAt(run, "waits_for") !== null}`, run])).values()];
}

const TICKS = 250;

function runWords(run: Structured): string {
  const duration = numberAt(run, "duration_s");
  const late = numberAt(run, "late_by_s");
  const takes = duration === null ? "duration not known" : `takes ${durationWords(duration)}`;
  const waits = textAt(run, "waits_for");
  const outcome = textAt(run, "outcome") ?? (late === null || late === 0 ? null : `${durationWords(late)} late`);
  return [localTime(textAt(run, "expected") ?? ""), takes, outcome, waits && `waits for ${waits}`]
    .filter((part) => part !== null)
    .join(", ");
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

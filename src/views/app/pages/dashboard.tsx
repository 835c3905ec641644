import { ENDED, endedCall } from "../../calls.ts";
import { stateGroup } from "../../state-group.ts";
import { STATE_ORDER } from "../../state-order.ts";
import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { Bars, rangeOf } from "../parts/bars.tsx";
import { coveredBuckets } from "../parts/buckets.ts";
import { countOf } from "../parts/count-of.ts";
import { Loading, useAnswer, useCall } from "../parts/load.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { StateName } from "../parts/state-name.tsx";
import { WindowTimes } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

export function DashboardView({ connection, args, nowMs, open }: PageProps) {
  const loaded = useAnswer(connection, "get_dashboard", args);
  return (
    <Loading loaded={loaded} title="Workspace">
      {(answer) => (
        <>
          <h1>Workspace</h1>
          <Runs answer={answer} />
          <Hours connection={connection} args={args} open={open} />
          <Problems answer={answer} open={open} />
          <div class="columns">
            <Slots answer={answer} />
            <Pools answer={answer} />
          </div>
          <SourceLine answer={answer} nowMs={nowMs} />
        </>
      )}
    </Loading>
  );
}

function Runs({ answer }: { answer: Structured }) {
  const counts = objectAt(answer, "flow_runs");
  const window = objectAt(answer, "window");
  const trend = objectAt(answer, "trend");
  const total = numberAt(counts, "total") ?? 0;
  const before = numberAt(objectAt(trend, "total"), "before");
  const change = numberAt(objectAt(trend, "total"), "change");
  const shown = STATE_ORDER.map((state) => ({ state, count: numberAt(counts, state) ?? 0 })).filter(
    ({ count }) => count > 0,
  );
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">
        {countOf(total, "flow run")}{" "}
        {textAt(window, "from") && <WindowTimes from={textAt(window, "from")} to={textAt(window, "to")} />}
      </h2>
      {total > 0 && (
        <div class="stack" aria-hidden="true">
          {shown.map(({ state, count }) => (
            <span key={state} class={stateGroup(state)} style={{ flexGrow: count }} />
          ))}
        </div>
      )}
      <ul class="counts">
        {shown.map(({ state, count }) => (
          <li key={state}>
            <StateName name={state} /> <b>{count}</b>
          </li>
        ))}
        {total === 0 && <li>No run in this window.</li>}
      </ul>
      <p class="quiet">
        {before === null
          ? "How many there were in the window before is not known."
          : `${countOf(before, "flow run")} in the window before${change === null ? "" : `, ${Math.abs(change)} ${change < 0 ? "fewer" : "more"} now`}.`}
      </p>
    </section>
  );
}

/** Ended runs by hour. A state whose answer is not there yet leaves the bars undrawn, because a bar without it would be too low. */
function Hours({ connection, args, open }: Pick<PageProps, "connection" | "args" | "open">) {
  const loaded = ENDED.map((state) => ({ state, answer: useCall(connection, endedCall(state, args)) }));
  const series = loaded.flatMap(({ state, answer }) =>
    answer !== null && "answer" in answer
      ? [{ name: state.toLowerCase(), group: stateGroup(state), answer: answer.answer }]
      : [],
  );
  const failed = loaded.find(({ answer }) => answer !== null && !("answer" in answer))?.answer;
  if (failed) return <Loading loaded={failed}>{() => null}</Loading>;
  if (series.length < loaded.length) return <p role="status">Loading…</p>;
  return (
    <Bars
      label="Runs that ended, by hour"
      noun="runs"
      buckets={coveredBuckets(series)}
      onOpen={
        connection.kind === "file"
          ? undefined
          : (bucket) => open("events", { event_type_prefix: "prefect.flow-run.", ...rangeOf(bucket) })
      }
    />
  );
}

function Problems({ answer, open }: { answer: Structured; open: PageProps["open"] }) {
  const problems = listAt(answer, "problems");
  return (
    <section aria-labelledby="problems">
      <h2 id="problems">What is wrong now</h2>
      {problems.length === 0 ? (
        <p>The dashboard lists no problem. The diagnosis looks closer.</p>
      ) : (
        <ul class="rows">
          {problems.map((problem, index) => {
            const run = textAt(problem, "flow_run_id");
            return (
              <li key={index} class="sides line">
                <span>
                  <span class="code">{textAt(problem, "code")}</span> {textAt(problem, "summary")}
                </span>
                {run && (
                  <button type="button" onClick={() => open("run", { flow_run: run })}>
                    Show the run
                  </button>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

function Slots({ answer }: { answer: Structured }) {
  const slots = listAt(answer, "slots");
  if (slots.length === 0) return null;
  return (
    <section aria-labelledby="slots">
      <h2 id="slots">Limits</h2>
      <ul class="rows">
        {slots.map((slot, index) => {
          const limit = numberAt(slot, "limit");
          const taken = numberAt(slot, "active_slots") ?? 0;
          const holders = listAt(slot, "holders").map((holder) => textAt(holder, "name") ?? textAt(holder, "id") ?? "");
          return (
            <li key={index}>
              <span class="sides">
                <span>
                  <span class="code">{textAt(slot, "kind")}</span> {textAt(slot, "name")}
                </span>
                <b>
                  {taken} of {limit ?? "?"} taken
                </b>
              </span>
              {limit !== null && limit > 0 && (
                <meter
                  min={0}
                  max={limit}
                  high={limit - 0.5}
                  value={taken}
                  aria-label={`${taken} of ${limit} slots taken`}
                />
              )}
              {holders.length > 0 && <span class="quiet">held by {holders.join(", ")}</span>}
              {numberAt(slot, "more_holders") !== null && (
                <span class="quiet"> and {numberAt(slot, "more_holders")} more</span>
              )}
            </li>
          );
        })}
      </ul>
      {numberAt(answer, "more_slots") !== null && (
        <p class="quiet">{numberAt(answer, "more_slots")} more limits are not shown.</p>
      )}
    </section>
  );
}

function Pools({ answer }: { answer: Structured }) {
  const pools = listAt(answer, "work_pools");
  if (pools.length === 0) return null;
  return (
    <section aria-labelledby="pools">
      <h2 id="pools">Work pools</h2>
      <ul class="rows">
        {pools.map((pool, index) => (
          <li key={index} class="sides">
            <span>
              {textAt(pool, "name")} <span class="quiet">{textAt(pool, "type")}</span>
            </span>
            <span class={`state ${textAt(pool, "status") === "READY" ? "good" : "late"}`}>
              {textAt(pool, "status")?.toLowerCase().replaceAll("_", " ") ?? "status not known"}
            </span>
          </li>
        ))}
      </ul>
      {numberAt(answer, "more_work_pools") !== null && (
        <p class="quiet">{numberAt(answer, "more_work_pools")} more work pools are not shown.</p>
      )}
    </section>
  );
}

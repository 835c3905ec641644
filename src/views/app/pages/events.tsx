import { useState } from "preact/hooks";
import { countCall } from "../../calls.ts";
import { listAt, textAt } from "../answers/read.ts";
import type { Args, Structured } from "../connection/connection.ts";
import { Bars, rangeOf } from "../parts/bars.tsx";
import { coveredBuckets } from "../parts/buckets.ts";
import { FieldList } from "../parts/field-list.tsx";
import { Loading, useAnswer, useCall } from "../parts/load.tsx";
import { Pager, usePages } from "../parts/pages.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { besideOf, VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

export function EventsView({ connection, args, nowMs, open }: PageProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const pages = usePages(connection, "read_events", args);
  const counted = useCall(connection, countCall(args));
  return (
    <>
      <h1>Events</h1>
      <Filter args={args} open={open} />
      <Loading loaded={counted}>
        {(answer) => (
          <Bars
            label="Events by time"
            noun="events"
            buckets={coveredBuckets([{ name: "events", group: "busy", answer }])}
            onOpen={
              connection.kind === "file" ? undefined : (bucket) => open("events", { ...args, ...rangeOf(bucket) })
            }
          />
        )}
      </Loading>
      <Loading loaded={pages.loaded}>
        {(answer) => (
          <>
            <Rows answer={answer} chosen={chosen} choose={(id) => setChosen(id === chosen ? null : id)} />
            {chosen && connection.kind !== "file" && <Whole connection={connection} id={chosen} />}
            <Pager pages={pages} answer={answer} forward="Older" back="Newer" more="Older events exist" />
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        )}
      </Loading>
    </>
  );
}

/** One chip for each argument; a chip takes it away. */
function Filter({ args, open }: { args: Args; open: PageProps["open"] }) {
  const [prefix, setPrefix] = useState(typeof args.event_type_prefix === "string" ? args.event_type_prefix : "");
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        const { event_type_prefix: _, ...others } = args;
        open("events", prefix === "" ? others : { ...others, event_type_prefix: prefix });
      }}
    >
      <label>
        Name begins with{" "}
        <input
          value={prefix}
          onInput={(event) => setPrefix(event.currentTarget.value)}
          placeholder="prefect.flow-run."
        />
      </label>
      <button type="submit">Filter</button>
      {Object.entries(args).map(([key, value]) => (
        <button
          key={key}
          type="button"
          onClick={() => open("events", Object.fromEntries(Object.entries(args).filter(([other]) => other !== key)))}
          aria-label={`Remove the filter ${key}`}
        >
          {key.replaceAll("_", " ")}: {typeof value === "string" ? value : JSON.stringify(value)} ×
        </button>
      ))}
    </form>
  );
}

function Rows({ answer, chosen, choose }: { answer: Structured; chosen: string | null; choose(id: string): void }) {
  const events = listAt(answer, "events");
  if (events.length === 0) return <p>No event in the covered window.</p>;
  return (
    <VirtualList
      label="Events"
      class="rows"
      items={events}
      keyOf={(event, index) => textAt(event, "id") ?? `${index}`}
      row={(event, index) => {
        const id = textAt(event, "id") ?? "";
        return (
          <>
            <button type="button" class="row" aria-expanded={id === chosen} onClick={() => choose(id)}>
              <ZonedTime at={textAt(event, "occurred")} beside={besideOf(events, index, "occurred")} />{" "}
              <b>{textAt(event, "event")}</b>{" "}
              <span>{textAt(event, "resource_name") ?? textAt(event, "resource_id")}</span>{" "}
              <span class="quiet">{textAt(event, "deployment") ?? textAt(event, "flow")}</span>
            </button>
            {id === chosen && <FieldList value={event} />}
          </>
        );
      }}
    />
  );
}

/** All fields of one event, with its payload. */
function Whole({ connection, id }: { connection: PageProps["connection"]; id: string }) {
  const loaded = useAnswer(connection, "read_events", { filter: { id: { id: [id] } }, detail: "full" });
  return (
    <section aria-label="The whole event">
      <Loading loaded={loaded}>{(answer) => <FieldList value={listAt(answer, "events")[0]} />}</Loading>
    </section>
  );
}

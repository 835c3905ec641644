/** Where an answer comes from, how old it is, and what it does not cover. The same facts as the first line of the tool's text. */

import { listAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { ageWords, ZONE } from "./time.ts";
import { ZonedTime } from "./zoned-time.tsx";

const SOURCES: Readonly<Record<string, string>> = {
  record: "from the local record",
  live: "from Prefect",
  mixed: "from the local record and Prefect",
};

export function SourceLine({ answer, nowMs }: { answer: Structured; nowMs: number }) {
  const source = textAt(answer, "source");
  const asOf = textAt(answer, "as_of");
  const coverage = objectAt(answer, "coverage");
  const from = textAt(coverage, "from");
  const to = textAt(coverage, "to");
  const gaps = listAt(coverage, "gaps");
  const isPartial = coverage.complete === false || gaps.length > 0;
  return (
    <footer class="freshness">
      {source && <span>{SOURCES[source] ?? source}</span>}
      {asOf && (
        <span>
          as of <ZonedTime at={asOf} /> (<span class="age">{ageWords(asOf, nowMs)}</span>)
        </span>
      )}
      {isPartial && (
        <strong role="status">
          not everything is covered
          {from && to && (
            <>
              : only <ZonedTime at={from} /> to <ZonedTime at={to} />
            </>
          )}
          {gaps.length > 0 && `, with ${gaps.length} ${gaps.length === 1 ? "gap" : "gaps"}`}
        </strong>
      )}
      <span>times in {ZONE}</span>
    </footer>
  );
}

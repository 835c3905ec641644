import { isObject, listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { FieldList } from "../parts/field-list.tsx";
import { Loading } from "../parts/load.tsx";
import { Pager, usePages } from "../parts/pages.tsx";
import { SourceLine } from "../parts/source-line.tsx";
import { ageWords } from "../parts/time.ts";
import { WindowTimes, ZonedTime } from "../parts/zoned-time.tsx";
import type { PageProps } from "./page.ts";

const VERDICTS: Readonly<Record<string, string>> = {
  problem: "Something is wrong",
  nothing_wrong: "Nothing wrong was found",
  unknown: "This cannot be judged from what is known",
};

export function DiagnosisView({ connection, args, nowMs, open }: PageProps) {
  const pages = usePages(connection, "diagnose", args);
  return (
    <Loading loaded={pages.loaded} title="Diagnosis">
      {(answer) => {
        const verdict = textAt(answer, "verdict") ?? "";
        const window = objectAt(answer, "window");
        const subject = objectAt(answer, "subject");
        const ruledOut = Array.isArray(answer.ruled_out) ? answer.ruled_out : [];
        return (
          <>
            <h1>
              {VERDICTS[verdict] ?? verdict}: {textAt(subject, "name") ?? textAt(subject, "kind")}
            </h1>
            <p>{textAt(answer, "state")}</p>
            {textAt(window, "from") && (
              <p class="quiet">
                Judged from <WindowTimes from={textAt(window, "from")} to={textAt(window, "to")} />.
              </p>
            )}
            <ol class="causes">
              {listAt(answer, "causes").map((cause, index) => (
                <li key={index}>
                  <Cause cause={cause} isFirst={index === 0} nowMs={nowMs} open={open} />
                </li>
              ))}
            </ol>
            {numberAt(answer, "more_causes") !== null && (
              <p class="quiet">{numberAt(answer, "more_causes")} more causes are not shown here.</p>
            )}
            <Pager pages={pages} answer={answer} forward="Other causes" back="Causes before" more="More causes exist" />
            {ruledOut.length > 0 && (
              <details>
                <summary>Ruled out ({ruledOut.length})</summary>
                <FieldList value={ruledOut} />
              </details>
            )}
            <SourceLine answer={answer} nowMs={nowMs} />
          </>
        );
      }}
    </Loading>
  );
}

interface CauseProps extends Pick<PageProps, "nowMs" | "open"> {
  readonly cause: Structured;
  /** The most important one: its evidence is open. */
  readonly isFirst: boolean;
}

function Cause({ cause, isFirst, nowMs, open }: CauseProps) {
  const run = listAt(objectAt(cause, "evidence"), "runs")[0];
  const fix = textAt(cause, "fix");
  return (
    <article class={textAt(cause, "severity") === "problem" ? "problem" : "remark"}>
      <h2>
        <span class="code">{textAt(cause, "code")}</span> {textAt(cause, "summary")}
      </h2>
      <Chain links={listAt(cause, "because")} nowMs={nowMs} />
      {fix && (
        <p>
          <b>Fix:</b> {fix}
        </p>
      )}
      {textAt(run, "id") && (
        <button type="button" onClick={() => open("run", { flow_run: textAt(run, "id") })}>
          Show {textAt(run, "name") ?? "the run"}
        </button>
      )}
      {isObject(cause.evidence) && (
        <details open={isFirst}>
          <summary>Evidence</summary>
          <FieldList value={cause.evidence} />
        </details>
      )}
    </article>
  );
}

/** From what was asked about down to what a person can act on. */
function Chain({ links, nowMs }: { links: readonly Structured[]; nowMs: number }) {
  if (links.length === 0) return null;
  return (
    <ol class="chain" aria-label="Chain of causes">
      {links.map((link, index) => {
        const since = textAt(link, "since");
        return (
          <li key={index}>
            <span class="code">{textAt(link, "kind")?.replaceAll("_", " ")}</span>{" "}
            <b>{textAt(link, "name") ?? textAt(link, "id")}</b> {textAt(link, "state")}
            {since && (
              <span class="quiet">
                {" "}
                since <ZonedTime at={since} /> (<span class="age">{ageWords(since, nowMs)}</span>)
              </span>
            )}
            {textAt(link, "why") && <div>{textAt(link, "why")}</div>}
          </li>
        );
      })}
    </ol>
  );
}

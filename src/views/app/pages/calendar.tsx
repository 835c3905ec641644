/** The coming runs as a calendar: a row for each deployment, a cell for each hour or longer part of the window. */
import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { countOf } from "../parts/count-of.ts";
import { durationWords, localTime, msOf, tickText } from "../parts/time.ts";
import { VirtualList } from "../parts/virtual-list.tsx";

const HOUR_MS = 3_600_000;
const CELL_HOURS = [1, 2, 3, 6, 12, 24, 48];
const MOST_CELLS = 26;

interface Columns {
  readonly startsMs: readonly number[];
  readonly sizeMs: number;
  readonly fromMs: number;
  /** The answer lists no run that is due later. */
  readonly listedMs: number;
  /** Whether runs are due before the window: a column of their own. */
  readonly hasOverdue: boolean;
}

export function Calendar({ answer }: { answer: Structured }) {
  const runs = listAt(answer, "runs");
  const columns = columnsOf(answer, runs);
  const byDeployment = Map.groupBy(runs, (run) => textAt(run, "deployment") ?? "");
  if (runs.length === 0) return <p>No run is due.</p>;
  if (columns === null) return <p>The window of this answer is not known.</p>;
  const isCut = typeof answer.next_cursor === "string";
  const sizeHours = columns.sizeMs / HOUR_MS;
  return (
    <>
      <p class="legend" role="note" aria-label="Colours of the cells">
        <span class="quiet">
          One cell is {sizeHours === 1 ? "an hour" : `${sizeHours} hours`}; its number counts the runs that are due
          then.
        </span>
        {Object.values(OUTCOMES).map(({ group, mark, words }) => (
          <span key={group} class={group}>
            <i class="swatch" /> {mark} {words}
          </span>
        ))}
        {isCut && (
          <span>
            <i class="swatch hatched" /> not listed
          </span>
        )}
      </p>
      <Head columns={columns} />
      <ul class="calendar">
        {[...byDeployment].map(([name, own]) => (
          <li key={name}>
            <Row name={name} runs={own} columns={columns} />
          </li>
        ))}
      </ul>
      {isCut && (
        <p class="quiet">More runs are due than are listed: the hatched part is not known here, and not empty.</p>
      )}
    </>
  );
}

function columnsOf(answer: Structured, runs: readonly Structured[]): Columns | null {
  const window = objectAt(answer, "window");
  const [fromMs, toMs] = [msOf(textAt(window, "from")), msOf(textAt(window, "to"))];
  if (!(toMs > fromMs)) return null;
  const hours = CELL_HOURS.find((one) => (toMs - fromMs) / (one * HOUR_MS) < MOST_CELLS) ?? 48;
  const sizeMs = hours * HOUR_MS;
  const midnightMs = new Date(fromMs).setHours(0, 0, 0, 0);
  const firstMs = midnightMs + Math.floor((fromMs - midnightMs) / sizeMs) * sizeMs;
  const startsMs: number[] = [];
  for (let ms = firstMs; ms < toMs; ms += sizeMs) startsMs.push(ms);
  const times = runs.map((run) => msOf(textAt(run, "expected")));
  const isCut = typeof answer.next_cursor === "string";
  return {
    startsMs,
    sizeMs,
    fromMs,
    listedMs: isCut
      ? times.reduce((most, ms) => Math.max(most, Number.isNaN(ms) ? most : ms), fromMs)
      : Number.POSITIVE_INFINITY,
    hasOverdue: times.some((ms) => ms < fromMs),
  };
}

const shape = ({ startsMs, hasOverdue }: Columns) => ({
  gridTemplateColumns: `${hasOverdue ? "minmax(4.4em, 2fr) " : ""}repeat(${startsMs.length}, minmax(0, 1fr))`,
});

/** Texts at every third cell; narrow pages leave out every second of them. */
const TEXT_EVERY = 3;

function Head({ columns }: { columns: Columns }) {
  const { startsMs, sizeMs, hasOverdue } = columns;
  return (
    <div class="cells head" style={shape(columns)} aria-hidden="true">
      {hasOverdue && <span>overdue</span>}
      {startsMs.map((ms, index) => (
        <span key={ms} class={index % (2 * TEXT_EVERY) === 0 ? "" : "minor"}>
          {index % TEXT_EVERY === 0 &&
            index <= startsMs.length - TEXT_EVERY &&
            tickText(ms, sizeMs, startsMs[index - TEXT_EVERY] ?? null)}
        </span>
      ))}
    </div>
  );
}

type Outcome = keyof typeof OUTCOMES;

/** The worst first. */
const OUTCOMES = {
  never: { group: "bad", mark: "×", words: "do not start" },
  late: { group: "late", mark: "▲", words: "wait for a slot" },
  inTime: { group: "busy", mark: "", words: "start in time" },
} as const;

function outcomeOf(run: Structured): Outcome {
  if (textAt(run, "outcome") !== null) return "never";
  return textAt(run, "waits_for") !== null || (numberAt(run, "late_by_s") ?? 0) > 0 ? "late" : "inTime";
}

function Row({ name, runs, columns }: { name: string; runs: readonly Structured[]; columns: Columns }) {
  const { startsMs, sizeMs, fromMs, listedMs, hasOverdue } = columns;
  const overdue = runs.filter((run) => msOf(textAt(run, "expected")) < fromMs);
  const byCell = Map.groupBy(runs, (run) => {
    const ms = msOf(textAt(run, "expected"));
    return ms < fromMs ? -1 : Math.floor((ms - (startsMs[0] ?? 0)) / sizeMs);
  });
  return (
    <>
      <span class="sides label">
        <b>{name}</b> <span>{summaryOf(runs)}</span>
      </span>
      <div class="cells" style={shape(columns)} aria-hidden="true">
        {hasOverdue && <Cell runs={overdue} isListed />}
        {startsMs.map((ms, index) => (
          <Cell key={ms} runs={byCell.get(index) ?? []} isListed={ms <= listedMs} />
        ))}
      </div>
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
    </>
  );
}

function summaryOf(runs: readonly Structured[]) {
  const late = runs.filter((run) => outcomeOf(run) === "late");
  const never = runs.filter((run) => outcomeOf(run) === "never").length;
  const most = late.reduce((seconds, run) => Math.max(seconds, numberAt(run, "late_by_s") ?? 0), 0);
  return (
    <>
      <span class="quiet">{countOf(runs.length, "run")}</span>
      {late.length > 0 && (
        <span class="state late">
          {late.length} late{most > 0 && `, by ${late.length > 1 ? "up to " : ""}${durationWords(most)}`}
        </span>
      )}
      {never > 0 && <span class="state bad">{never === 1 ? "1 does not start" : `${never} do not start`}</span>}
    </>
  );
}

const MOST_WORDS = 8;

function Cell({ runs, isListed }: { runs: readonly Structured[]; isListed: boolean }) {
  if (runs.length === 0) return <span class={isListed ? "cell" : "cell hatched"} />;
  const worst = (["never", "late", "inTime"] as const).find((one) => runs.some((run) => outcomeOf(run) === one));
  const { group, mark } = OUTCOMES[worst ?? "inTime"];
  const words = runs.slice(0, MOST_WORDS).map(runWords);
  return (
    <span class={`cell taken ${group}`} title={[...words, ...(runs.length > MOST_WORDS ? ["…"] : [])].join("\n")}>
      {runs.length}
      <span class="mark">{mark}</span>
    </span>
  );
}

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

import { listAt, numberAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { besideOf, VirtualList } from "../parts/virtual-list.tsx";
import { ZonedTime } from "../parts/zoned-time.tsx";

const LEVELS: Readonly<Record<string, string>> = { ERROR: "error", CRITICAL: "critical", WARNING: "warning" };

export function LogLines({ answer }: { answer: Structured }) {
  const lines = listAt(answer, "logs");
  const total = numberAt(answer, "total_lines");
  if (lines.length === 0) return <p>No log line.</p>;
  return (
    <>
      {total !== null && total > lines.length && (
        <p class="quiet">
          The last {lines.length} of {total} lines.
        </p>
      )}
      <VirtualList
        label="Log lines"
        class="logs"
        items={lines}
        keyOf={(line, index) => `${numberAt(line, "n") ?? index}`}
        row={(line, index) => (
          <span class={LEVELS[textAt(line, "level") ?? ""] ?? ""}>
            <ZonedTime at={textAt(line, "timestamp")} beside={besideOf(lines, index, "timestamp")} />{" "}
            <b>{textAt(line, "level")}</b>{" "}
            {textAt(line, "task_run") && <i class="quiet">{textAt(line, "task_run")} </i>}
            <LongText text={textAt(line, "message") ?? ""} />
          </span>
        )}
      />
    </>
  );
}

/** Of a text of many lines the first and the last, which of a traceback say what it is; the others open. */
function LongText({ text }: { text: string }) {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= MOST_SHOWN) return <span>{text}</span>;
  return (
    <>
      <span>{lines[0]}</span>
      <details>
        <summary>{lines.length - 2} more lines</summary>
        {lines.slice(1, -1).join("\n")}
      </details>
      <span>{lines.at(-1)}</span>
    </>
  );
}

const MOST_SHOWN = 5;

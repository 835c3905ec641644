/** Answers that have pages: the cursor of each is where the next one begins. */
import { useState } from "preact/hooks";
import { textAt } from "../answers/read.ts";
import type { Args, Connection, Structured } from "../connection/connection.ts";
import { useAnswer } from "./load.tsx";

export function usePages(connection: Connection, tool: string, args: Args) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1);
  const loaded = useAnswer(connection, tool, cursor === undefined ? args : { ...args, cursor });
  return { loaded, cursors, setCursors, isFile: connection.kind === "file" };
}

interface PagerProps {
  readonly pages: ReturnType<typeof usePages>;
  readonly answer: Structured;
  readonly forward?: string;
  readonly back?: string;
  /** What a file does not hold. */
  readonly more: string;
}

/** Nothing where the answer is whole. */
export function Pager({ pages, answer, forward = "Next page", back = "Page before", more }: PagerProps) {
  const { cursors, setCursors, isFile } = pages;
  const next = textAt(answer, "next_cursor");
  if (next === null && cursors.length === 0) return null;
  return (
    <p class="choices">
      {cursors.length > 0 && (
        <button type="button" onClick={() => setCursors(cursors.slice(0, -1))}>
          {back}
        </button>
      )}
      {next !== null && !isFile && (
        <button type="button" onClick={() => setCursors([...cursors, next])}>
          {forward}
        </button>
      )}
      {next !== null && isFile && <span class="quiet">{more} than this file holds.</span>}
    </p>
  );
}

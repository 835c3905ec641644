/** Tools that also answer for a past moment: the argument `at`. */
import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { addUs, formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { openPast, type PastKind, type PastRecord } from "../../queries/past/past-record.ts";
import { RUNS_AS_NOW } from "../../queries/source/past-window.ts";
import { STATES_AS_NOW } from "../../queries/source/run-window.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText, withAgeThen, withSentences } from "../answer/fenced.ts";
import type { ToolAnswer, ToolContext, ToolDefinition } from "./define-tool.ts";
import { timeArg } from "./shared-schemas.ts";

export interface MomentOptions {
  /** Lists without which the tool cannot answer. */
  readonly needs: readonly PastKind[];
  /** Lists that the answer leaves out where they are not recorded of then; a note says so. */
  readonly parts?: readonly PastKind[];
  /** Further lists that are shown, of which the tool itself says where they are not recorded. */
  readonly shows?: readonly PastKind[];
  /** How long before the moment runs begin that the answer depends on, where no `since` is given. Runs in progress are always there. */
  readonly runsBackUs: number;
}

/** The input of the tool has the argument `at`. */
export function withMoment(tool: ToolDefinition, options: MomentOptions): ToolDefinition {
  return {
    ...tool,
    run(ctx, input) {
      const { at, ...rest } = input;
      return typeof at === "string" ? runAt(tool, options, ctx, at, rest) : tool.run(ctx, rest);
    },
  };
}

async function runAt(
  tool: ToolDefinition,
  { needs, parts = [], shows = [], runsBackUs }: MomentOptions,
  ctx: ToolContext,
  at: string,
  input: Readonly<Record<string, unknown>>,
): Promise<ToolAnswer> {
  if (input.fresh === true) {
    throw new AppError("invalid_input", "at and fresh exclude each other: Prefect keeps no past states", {
      hint: "Leave one of them out.",
    });
  }
  const nowUs = serverNowUs(ctx.query);
  const atUs = timeArg("at", at, nowUs) ?? nowUs;
  const sinceUs = typeof input.since === "string" ? timeArg("since", input.since, atUs) : undefined;
  // Twice the window, because the dashboard compares with the one before.
  const windowUs = sinceUs === undefined ? 0 : atUs - sinceUs;
  const runsSinceUs = addUs(atUs, -Math.max(runsBackUs, 2 * windowUs));
  using past = openPast(ctx.query, { atUs, needs, parts, shows, runsSinceUs });
  const missing = new Set(past.missing);
  try {
    const answer = await tool.run({ ...ctx, query: { ...past.query, past: { at, missing } }, missing }, input);
    return asPast(answer, past, atUs);
  } catch (error) {
    // Where the past record has no answer, the query asks Prefect, which knows only the present.
    if (error instanceof AppError && error.code === "unavailable") throw notThen(error, atUs);
    throw error;
  }
}

/** What is missing is the past, which a Prefect that answers does not give either. */
const NOT_YET = /^Nothing of (?:these|this) /;
const NOT_THEN = own(
  "Prefect keeps no past states; get_record_status says since when the record has them. Ask without at for the present.",
);

function notThen(error: AppError, atUs: ServerUs): AppError {
  return new AppError("not_found", sentence`Nothing of this is recorded at ${formatIsoSeconds(atUs)}.`, {
    hint: error.ownHint === undefined || NOT_YET.test(error.ownHint) ? NOT_THEN : error.ownHint,
    cause: error,
  });
}

const UNREACHABLE = /^Prefect (?:is unreachable|was asked and did not answer) /;
const NOT_ASKED = own("What the record lacks of that time stays unknown: Prefect keeps no past states.");
/** Of windows that end before the moment. */
function noteOfThen(note: Sentence): Sentence {
  if (UNREACHABLE.test(note)) return NOT_ASKED;
  if (note.startsWith(RUNS_AS_NOW)) return own("The window ends before that moment: runs count by the state of then.");
  if (note === STATES_AS_NOW) return own("The window ends before that moment: runs are found by the state of then.");
  return note;
}

/** The answer with the moment, and notes that speak of it. */
function asPast(answer: ToolAnswer, past: PastRecord, atUs: ServerUs): ToolAnswer {
  const coverage = isJsonObject(answer.structured.coverage) ? answer.structured.coverage : {};
  const given = (Array.isArray(coverage.notes) ? coverage.notes : []) as readonly Sentence[];
  const replaced = new Map<string, Sentence>(given.map((note) => [note, noteOfThen(note)]));
  const head = sentence`As it was at ${formatIsoSeconds(atUs)}, from recorded changes and events.`;
  const notes = [head, ...past.notes, ...new Set(replaced.values())];
  const complete = coverage.complete === true && past.isCertain;
  // The first line of the answer itself says so only of what the record does not cover.
  const shownHead = coverage.complete === true && !complete ? sentence`INCOMPLETE. ${head}` : head;
  return {
    ...answer,
    structured: { ...answer.structured, at: formatIsoUs(atUs), coverage: { ...coverage, complete, notes } },
    text: answerText([shownHead, ...past.notes, withAgeThen(withSentences(answer.text, replaced))]),
  };
}

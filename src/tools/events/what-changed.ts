import { z } from "zod";
import { asName, asPlace, joined, own, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { asIncomplete } from "../../model/freshness.ts";
import { type Change, whatChanged } from "../../queries/history/what-changed.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { badCursor, decodeCursor, encodeCursor, type Question, questionIn } from "../answer/cursor.ts";
import type { AnswerText } from "../answer/fenced.ts";
import { fieldChanges } from "../answer/field-changes.ts";
import { isoRange } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { checkWindow, limitArg, listOutput, textArg, tokenBudget, windowArgs } from "../definition/shared-schemas.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

const input = z.strictObject({
  since: textArg,
  until: textArg,
  limit: limitArg(MAX_LIMIT),
  cursor: textArg.describe("from an earlier answer: only later changes"),
});

export const whatChangedTool = defineTool({
  name: "what_changed",
  title: "What changed",
  description:
    "What changed between two moments (default: the last day): deployments, schedules, pools, queues, limits, automations, variables, oldest first, with fields from → to, and how runs ended. Pass `cursor` later to get only newer changes.",
  input,
  output: listOutput("changes", { runs: z.looseObject({}).optional() }),
  aliases: { occurred_after: "since", occurred_before: "until" },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionIn(ctx, QUESTION);
    const position = args.cursor === undefined ? null : readPosition(question, args.cursor);
    const asked = windowArgs(args, ["since", "until"], nowUs);
    const { untilUs } = asked;
    if (position) checkWindow(["cursor", "until"], position.fromUs, untilUs);
    const sinceUs = position ? earliestUs(position.fromUs, nowUs) : (asked.sinceUs ?? addUs(untilUs ?? nowUs, -DAY_US));
    const found = await whatChanged(ctx, {
      sinceUs,
      untilUs,
      limit: args.limit ?? DEFAULT_LIMIT,
      after: position?.after,
    });
    const cursorOf = (change: { atUs: ServerUs; id: string }) => encodeCursor(question, [change.atUs, change.id]);
    const last = found.changes.at(-1) ?? position?.after;
    const cursor = cursorOf(last ?? { atUs: earliestUs(found.window.toUs, nowUs), id: "" });
    const runs = found.runs ? Object.entries(found.runs).map(([state, n]) => sentence`${asName(state)} ${n}`) : null;
    const answer = listAnswer({
      key: "changes",
      noun: [own("change"), own("changes")],
      title: sentence` from ${formatIsoSeconds(found.window.fromUs)} to ${formatIsoSeconds(found.window.toUs)}, oldest first`,
      items: await Promise.all(found.changes.map(toItem)),
      hasMore: found.hasMore,
      cursorAfter: (index) => cursorOf(found.changes[index] ?? { atUs: found.window.toUs, id: "" }),
      freshness: found.unread === null ? found.freshness : asIncomplete(found.freshness, found.unread),
      nowUs,
      budget: tokenBudget(args),
      extra: {
        window: isoRange(found.window),
        ...(found.runs ? { runs: { ...found.runs } } : {}),
        cursor,
      },
      facts: [
        ...(runs ? [sentence`runs in the window: ${joined(runs, ", ")}`] : []),
        sentence`cursor for later changes: ${asPlace(cursor)}`,
      ],
      order: ["at", "kind", "name", "change", "fields"],
      none: sentence`Nothing changed.`,
    });
    // After a page that was cut, both cursors must continue at the end of that page.
    const { next_cursor } = answer.structured;
    if (typeof next_cursor !== "string") return answer;
    const structured = { ...answer.structured, cursor: next_cursor };
    return { ...answer, structured, text: answer.text.replaceAll(cursor, next_cursor) as AnswerText };
  },
});

/** The cursor is a moment and independent of the arguments: it is valid for any later window. */
const QUESTION = "what_changed";

function readPosition(question: Question, cursor: string): { fromUs: ServerUs; after: { atUs: ServerUs; id: string } } {
  const [atUs, id] = decodeCursor(question, cursor);
  if (typeof atUs !== "number" || typeof id !== "string") throw badCursor("is not from what_changed");
  return { fromUs: atUs, after: { atUs: atUs, id } };
}

async function toItem(change: Change): Promise<Item> {
  const fields = await fieldChanges(change.diff);
  return {
    id: change.id,
    at: formatIsoUs(change.atUs),
    kind: change.kind,
    name: change.name,
    change: change.change,
    ...(fields.length > 0 ? { fields: fields.join("; ") } : {}),
    ...(change.eventId ? { event_id: change.eventId } : {}),
  };
}

import { z } from "zod";
import { smallest } from "../../lib/lists.ts";
import { own, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { truncateWithLength } from "../../lib/truncate.ts";
import { withoutLibraryFrames } from "../../model/runs/traceback-text.ts";
import { parseSearchTerms, searchWords, shownParts } from "../../model/text/search-terms.ts";
import { isUnspaced } from "../../model/text/words.ts";
import { withDeploymentNames } from "../../queries/events/deployment-names.ts";
import { BRIEF_MESSAGE_CHARS, briefEvent } from "../../queries/events/event-brief.ts";
import { levelName } from "../../queries/runs/log-lines.ts";
import type { SearchHit } from "../../queries/search/hit-names.ts";
import type { SearchPosition } from "../../queries/search/search.ts";
import { positionAfterHits, SEARCH_KINDS, SEARCH_START, searchRecord } from "../../queries/search/search.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { stringsOf } from "../../store/events/event-text.ts";
import { badCursor, type CursorValue, decodeCursor, encodeCursor, type Question } from "../answer/cursor.ts";
import { isoRange } from "../answer/freshness.ts";
import { type Item, withOwner } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, questionOf } from "../definition/list-arguments.ts";
import { listArgs, listOutput, pickFields, textArg, tokenBudget, windowArgs } from "../definition/shared-schemas.ts";

const input = z.strictObject({
  query: z.string().describe('all words; "phrase" -word *part*'),
  kinds: z.array(z.enum(SEARCH_KINDS)).optional(),
  since: textArg,
  until: textArg,
  ...listArgs(MAX_LIMIT),
});

const WHOLE_WORDS = " Whole words were looked for; *part* finds parts of words.";

const FIELDS = [
  "id",
  "kind",
  "name",
  "time",
  "event",
  "resource_id",
  "resource_name",
  "flow_run_id",
  "flow_run_name",
  "n",
  "level",
  "state",
  "flow",
  "deployment",
  "text",
  "message",
];

export const searchTool = defineTool({
  name: "search",
  title: "Search",
  description:
    "Full-text search of everything recorded: events (names, resources, payloads), log lines, names of runs and objects. Objects first, then newest first. Says what it could not search.",
  input,
  output: listOutput("results"),
  takesAll: true,
  aliases: { q: "query", text: "query", kind: "kinds", occurred_after: "since", occurred_before: "until" },
  async run({ query: ctx, share }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, "search", args);
    const place = readCursor(question, args.cursor);
    const asked = windowArgs(args, ["since", "until"], nowUs);
    const page = await searchRecord(ctx, {
      query: args.query,
      kinds: args.kinds,
      sinceUs: place?.fromUs ?? asked.sinceUs,
      untilUs: place?.toUs ?? asked.untilUs,
      isBounded: args.since !== undefined || args.until !== undefined,
      limit: args.limit ?? DEFAULT_LIMIT,
      after: place?.position ?? SEARCH_START,
      fresh: args.fresh,
      nowUs,
    });
    const { fromUs, toUs } = page.window;
    const terms = parseSearchTerms(args.query);
    const words = shownParts(terms);
    const isWholeWords = searchWords(terms).some(
      ({ word, isPrefix, isSuffix }) => !isUnspaced(word) && !(isPrefix && isSuffix),
    );
    return listAnswer({
      key: "results",
      noun: [own("result"), own("results")],
      title: sentence`, objects first, then newest first`,
      items: pickFields(
        withDeploymentNames(
          ctx.record(),
          page.hits.map((hit) => toItem(hit, words, args.detail === "full")),
        ),
        args.fields,
        FIELDS,
      ),
      hasMore: page.hasMore,
      cursorAfter: (index) => {
        const { objects, runs, event, log } = positionAfterHits(page.hits, index + 1, place?.position ?? SEARCH_START);
        const last = [event?.occurredUs ?? null, event?.id ?? null, log?.tsUs ?? null, log?.seq ?? null];
        return encodeCursor(question, [fromUs, toUs, objects, runs, ...last]);
      },
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args, share),
      extra: { window: isoRange(page.window) },
      ...(args.fields ? {} : { toRow: withOwner }),
      order: ["kind", "time", "name", "flow/deployment", "event", "resource", "flow_run", "n", "level", "state"],
      hint: sentence`Narrow by kinds or times.`,
      none: sentence`Nothing matches.${isWholeWords ? WHOLE_WORDS : ""}`,
    });
  },
});

function toItem(hit: SearchHit, words: readonly string[], isFull: boolean): Item {
  if (hit.kind === "object")
    return { kind: hit.type, id: hit.id, name: hit.name, ...textAround(hit.texts, words, [hit.name]) };
  const time = formatIsoUs(hit.us);
  if (hit.kind === "run") {
    const { type, id, name, state } = hit.run;
    return { kind: type, id, name, time, ...hit.owner, ...(state === null ? {} : { state }) };
  }
  if (hit.kind === "log") {
    const { log, n } = hit.found;
    const name = hit.run ? { flow_run_name: hit.run } : {};
    const run = log.flow_run_id ? { flow_run_id: log.flow_run_id, ...name } : {};
    const number = n === null ? {} : { n };
    const message = isFull ? log.message : briefMessage(log.message, words);
    return { kind: "log", id: log.id, time, ...run, ...number, level: levelName(log.level), message };
  }
  const { event, resource_id, resource_name, flow_run_id, flow_run_name, flow, deployment } = briefEvent(hit.event);
  return {
    kind: "event",
    id: hit.id,
    time,
    event,
    resource_id,
    ...(resource_name ? { resource_name } : {}),
    ...(flow_run_id && !isFull ? { flow_run_id, ...(flow_run_name ? { flow_run_name } : {}) } : {}),
    ...(isFull
      ? { resource: hit.event.resource, related: hit.event.related, payload: hit.event.payload }
      : {
          ...(flow ? { flow } : {}),
          ...(deployment ? { deployment } : {}),
          ...textAround(stringsOf(hit.event), words, [
            event,
            resource_id,
            ...[resource_name, flow, deployment].map((one) => one ?? ""),
          ]),
        }),
  };
}

/** The string in which a word stands, unless the item shows it anyway. */
function textAround(strings: readonly string[], words: readonly string[], shown: readonly string[]): Item {
  const has = (text: string) => words.some((word) => text.toLowerCase().includes(word));
  const where = shown.some(has) ? undefined : strings.find(has);
  if (where === undefined) return {};
  return { text: snippet(where, words) };
}

/** Frames of libraries are left out, unless the words are found in these. */
function briefMessage(message: string, words: readonly string[]): string {
  const shorter = withoutLibraryFrames(message);
  const lower = shorter.toLowerCase();
  return snippet(words.some((word) => lower.includes(word)) ? shorter : message, words);
}

/** The text from shortly before the first word, cut to the length of messages in brief answers. */
function snippet(text: string, words: readonly string[]): string {
  if (text.length <= BRIEF_MESSAGE_CHARS) return text;
  const lower = text.toLowerCase();
  const found = words.map((word) => lower.indexOf(word)).filter((index) => index >= 0);
  const at = found.length === 0 ? 0 : Math.max(0, smallest(found) - 60);
  const from = at === 0 ? text : `…${text.slice(at).replace(/^[\uDC00-\uDFFF]/, "")}`;
  return truncateWithLength(from, BRIEF_MESSAGE_CHARS);
}

interface Place {
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  readonly position: SearchPosition;
}

function readCursor(question: Question, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [fromUs, toUs, objects, runs, at, id, ts, seq] = decodeCursor(question, cursor);
  const number = (value: CursorValue | undefined): number => {
    if (typeof value !== "number") throw badCursor("is damaged");
    return value;
  };
  return {
    fromUs: number(fromUs),
    toUs: number(toUs),
    position: {
      objects: number(objects),
      runs: number(runs),
      event: typeof id === "string" ? { occurredUs: number(at), id } : undefined,
      log: typeof ts === "number" ? { tsUs: ts, seq: number(seq) } : undefined,
    },
  };
}

/** Every pass over texts and values that others have written, to be run over the hostile shapes. */

import { parseDotenv } from "../../../src/config/dotenv.ts";
import { AppError } from "../../../src/errors.ts";
import { isSameJson, parseJson, toDoubles } from "../../../src/lib/exact-json.ts";
import { baseUrlOf, parseHttpUrl } from "../../../src/lib/http-url.ts";
import { findJsonExcess, findValueExcess, jsonOutline } from "../../../src/lib/json-bounds.ts";
import { approximateChars } from "../../../src/lib/json-size.ts";
import {
  asCell,
  asName,
  asReason,
  indented,
  jsonLine,
  oneLine,
  quote,
  quoteJson,
  verbatim,
} from "../../../src/lib/shown-text.ts";
import { closest } from "../../../src/lib/similar.ts";
import { truncateWithLength } from "../../../src/lib/truncate.ts";
import { uuidsIn } from "../../../src/lib/uuid.ts";
import { escapeInvisible, visibleText } from "../../../src/lib/visible-text.ts";
import { StepBudget } from "../../../src/lib/wildcards.ts";
import { methodLabel, needsOf } from "../../../src/mcp/http/requests/inspect-message.ts";
import { checkTarget } from "../../../src/mcp/http/tenants/target-rules.ts";
import { readMessageText } from "../../../src/mcp/message-text.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { compileEventFilter, matchesEventFilter } from "../../../src/model/events/event-filter.ts";
import { labelMatcher } from "../../../src/model/events/live-labels.ts";
import { matchesTextQuery, parseTextQuery, searchableText } from "../../../src/model/events/text-query.ts";
import { describeAction, describeTrigger } from "../../../src/model/objects/automation-summary.ts";
import { cutLongFields } from "../../../src/model/objects/long-fields.ts";
import { describeSchedule } from "../../../src/model/objects/schedule.ts";
import { normaliseErrorText } from "../../../src/model/runs/error-fingerprint.ts";
import { readRunRelations, readStateChange } from "../../../src/model/runs/fold.ts";
import { parseStateMessage, parseTraceback } from "../../../src/model/runs/traceback.ts";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { matchesSearch, parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { sqlLike } from "../../../src/model/text/sql-like.ts";
import { fence, textWithoutMarks } from "../../../src/model/text/untrusted.ts";
import { indexText, wordsOf } from "../../../src/model/text/words.ts";
import { errorReason } from "../../../src/prefect/transport/error-body.ts";
import { isHtmlPage, pageTitle } from "../../../src/prefect/transport/html-page.ts";
import { findPages } from "../../../src/queries/docs/docs.ts";
import { briefEvent } from "../../../src/queries/events/event-brief.ts";
import { parseLink } from "../../../src/queries/names/name-links.ts";
import { EventStrings, stringsOf } from "../../../src/store/events/event-text.ts";
import { diffDocs } from "../../../src/store/objects/objects.ts";
import { encodeCursor, questionIn } from "../../../src/tools/answer/cursor.ts";
import { fieldChanges } from "../../../src/tools/answer/field-changes.ts";
import { shrinkItem } from "../../../src/tools/answer/shrink-item.ts";
import { cellsOf, foldIds, tableLines } from "../../../src/tools/answer/table.ts";
import { estimateJsonTokens, estimateTokens } from "../../../src/tools/answer/token-budget.ts";
import { nearest } from "../../../src/tools/definition/suggestions.ts";
import { anEvent } from "../../support/builders.ts";

export interface Pass<Input> {
  readonly name: string;
  run(input: Input): unknown;
  /** How often the pass reads the text; once unless said. */
  readonly copies?: number;
  /** What is wrong with the result, or null. */
  problem?(input: Input, result: unknown): string | null;
}

function pass<Input, Result>(
  name: string,
  run: (input: Input) => Result,
  problem?: (input: Input, result: Result) => string | null,
  copies = 1,
): Pass<Input> {
  return {
    name,
    run,
    copies,
    ...(problem ? { problem: problem as (input: Input, result: unknown) => string | null } : {}),
  };
}

const redact = createRedactor({ credentials: ["Basic user:pässword 1", "pnu_configured0123456789"] });
const DAY = "2026-01-31";
const NAMES = ["load", "extract-orders", "x".repeat(300)];

function caught<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export const TEXT_PASSES: readonly Pass<string>[] = [
  pass("redact.text", redact.text, (_, clean) =>
    redact.text(clean) === clean ? null : "redacting twice gives another text",
  ),
  pass(
    "redact.object",
    (text) => redact.object({ payload: { message: text, [text]: 1, list: [text] } }),
    () => null,
    3,
  ),
  pass("redact.logs", (text) =>
    redact.logs(
      text.match(/[\s\S]{1,500}/g)?.map((message) => ({ message, name: "flow_runs", flow_run_id: "a" })) ?? [],
    ),
  ),
  pass("normaliseErrorText", normaliseErrorText),
  pass("parseTraceback", parseTraceback),
  pass("parseStateMessage", parseStateMessage),
  pass("wordsOf", wordsOf),
  pass("indexText", indexText),
  pass("words found", (text) => matchesSearch(parseSearchTerms('"a a a" -load b*'), wordsOf(text))),
  pass("parseSearchTerms", (text) => parseSearchTerms(text)),
  pass("parseTextQuery", (text) => parseTextQuery(text)),
  pass("text query", (text) =>
    matchesTextQuery(parseTextQuery('load -"a b" +x'), searchableText(anEvent({ payload: { text } })).toLowerCase()),
  ),
  pass("sqlLike", (text) => sqlLike("%a_b%c")(text)),
  pass("uuidsIn", uuidsIn),
  pass("estimateTokens", estimateTokens),
  pass("shrinkItem", (text) => shrinkItem({ id: "a", message: text, parameters: { text } }, 500)),
  pass("truncateWithLength", (text) => truncateWithLength(text, 100)),
  pass("closest", (text) => closest(text, NAMES, 3).concat(closest("load", [text, ...NAMES], 3))),
  pass("nearest", (text) => nearest(text, NAMES)),
  pass("oneLine", oneLine, (_, line) => (/[\n\r\u2028\u2029]/.test(line) ? "more than one line" : null)),
  pass("asCell", asCell, (_, cell) => (/[\n\r|]/.test(cell) ? "not a cell" : null)),
  pass(
    "quote",
    (text) => quote(text),
    (_, quoted) => (/[\n\r]/.test(quoted) ? "more than one line" : null),
  ),
  pass("quoteJson", (text) => quoteJson({ text })),
  pass("asName", asName),
  pass("asReason", asReason),
  pass("jsonLine", jsonLine, (text, line) => (JSON.parse(line) === text ? null : "another value")),
  pass("indented", indented),
  pass(
    "fence",
    (text) => fence(textWithoutMarks(verbatim(text)), "tag"),
    (_, fenced) => (fenced.match(/<\s*\/?\s*untrusted/gi)?.length === 2 ? null : "a mark within the marks"),
  ),
  pass("visibleText", visibleText),
  pass("escapeInvisible", (text) => escapeInvisible(text.toWellFormed())),
  pass(
    "table",
    (text) => {
      const rows = [1, 2, 3].map((id) =>
        cellsOf({ id, name: text, tags: [text, "a"], labels: { text } }, { day: DAY }),
      );
      return foldIds(tableLines(rows).lines);
    },
    () => null,
    9,
  ),
  pass("findJsonExcess", (text) => findJsonExcess(text, { maxDepth: 512, maxValues: 250_000 })),
  pass("jsonOutline", (text) => jsonOutline(text, 3)),
  pass("parseJson", (text) =>
    findJsonExcess(text, { maxDepth: 512, maxValues: 10_000_000 }) === null ? caught(() => parseJson(text)) : null,
  ),
  pass("isSameJson", (text) => isSameJson({ a: [text] }, { a: [`${text}x`] })),
  pass("toDoubles", (text) => toDoubles({ text })),
  pass("approximateChars", (text) => approximateChars({ text })),
  pass("errorReason", (text) => errorReason(text) + errorReason(JSON.stringify({ detail: text }))),
  pass("HTML pages", (text) => [
    isHtmlPage({ json: undefined, text, headers: new Headers({ "content-type": "text/html" }) }),
    pageTitle(text),
  ]),
  pass("base URL", (text) => parseHttpUrl(`https://host/${text}`)?.href && baseUrlOf(new URL(`https://host/${text}`))),
  pass("cron", (text) => describeSchedule({ schedule: { cron: text }, active: true })),
  pass("RRULE", (text) => describeSchedule({ schedule: { rrule: text }, active: true })),
  pass("labels of metrics and logs", (text) => [
    jsonLine({ tenant: text, tool: text }),
    methodLabel({ method: text }),
    needsOf({ method: "tools/call", params: { name: text, arguments: { query: text } } }),
  ]),
  pass("target of a caller", (text) =>
    checkTarget(`https://host/${text}`, { allowed: ["https://host/*"], isLoopbackAllowed: false }, async () => [
      "93.184.216.34",
    ]).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    }),
  ),
  pass("link of the UI", (text) => parseLink(`https://host/flow-runs/flow-run/${text}`)),
  pass("a page of documentation", (text) => findPages(text, 3)),
  pass("environment file", (text) => parseDotenv(text, {})),
  pass("read a message", (text) => caught(() => readMessageText(text))),
];

/** Of any JSON value. */
export const VALUE_PASSES: readonly Pass<unknown>[] = [
  pass(
    "redact.object",
    (value) => redact.object(value),
    (_, clean) => (redact.object(clean) === clean ? null : "redacting twice gives another value"),
  ),
  pass("approximateChars", approximateChars),
  pass("findValueExcess", (value) => findValueExcess(value, { maxDepth: 512, maxValues: 10_000_000 })),
  pass(
    "JSON there and back",
    (value) => parseJson(JSON.stringify(value)),
    (value, copy) => (isSameJson(value, copy) ? null : "another value"),
  ),
  pass("jsonLine", jsonLine),
  pass("quoteJson", (value) => quoteJson(value)),
  pass("toDoubles", toDoubles, (value, same) => (same === value ? null : "not the same value")),
  pass("isSameJson", (value) => isSameJson(value, { ...(value as object), z: 1 })),
  pass("cursor", (value) => encodeCursor(questionIn({ instance: "" }, value), [1])),
  pass("differences of an object", (value) =>
    diffDocs("deployment", { parameters: value }, { parameters: [value, 1] }),
  ),
  pass("differences in words", (value) => fieldChanges({ parameters: { from: value, to: [value, 1] } })),
  pass("cutLongFields", (value) => cutLongFields("deployment", { job_variables: value, parameters: value })),
  pass("table", (value) => tableLines([1, 2, 3].map((id) => cellsOf({ id, value }, { day: DAY })))),
  pass(
    "shrinkItem",
    (value) => shrinkItem({ id: "a", value, ...(value as object) }, 2_000),
    (_, item) => (estimateJsonTokens(item) > 2_000 ? "it is still too large" : null),
  ),
  pass("schedule", (value) =>
    describeSchedule({ schedule: { interval: 60 }, active: true, parameters: value as never }),
  ),
  pass("trigger", (value) => describeTrigger({ type: "event", match: value, expect: value } as never)),
  pass("action", (value) => describeAction({ type: "run-deployment", parameters: value } as never)),
];

/** Of one event. */
export const EVENT_PASSES: readonly Pass<PrefectEvent>[] = [
  pass("redact.event", (event) => redact.event(event)),
  pass("searchableText", searchableText),
  pass("stringsOf", stringsOf),
  pass("text of a block", (event) => {
    const strings = new EventStrings();
    for (let times = 0; times < 3; times += 1) strings.add(event);
    return strings.text();
  }),
  pass("filter", (event) => [
    matchesEventFilter({ resource: { id: ["a.*"], labels: { "label-*": ["v*", "!w"] } } }, event),
    matchesEventFilter({ related: { id: ["a.b*"], role: ["flow"] } }, event),
    compileEventFilter({ event: { prefix: ["shop."] } })(event),
  ]),
  pass("labels", (event) =>
    [event.resource, ...event.related].map((one) => labelMatcher({ "*": ["*a*b*c*"] }, new StepBudget())(one)),
  ),
  pass("brief", briefEvent),
  pass("state and relations", (event) => [readStateChange(event), readRunRelations(event)]),
  pass("message of the stream", (event) =>
    findJsonExcess(JSON.stringify(event), { maxDepth: 512, maxValues: 10_000_000 }),
  ),
];

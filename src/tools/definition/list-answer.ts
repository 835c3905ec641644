/** The answer of a list: as many items as the token budget allows, as text and as structured content, and a cursor for the rest. */
import { asPlace, counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Freshness } from "../../model/freshness.ts";
import { type AnswerText, answerText, betweenMarks } from "../answer/fenced.ts";
import { dayOf, freshnessFields, freshnessLines } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { estimateJsonTokens, estimateTokens } from "../answer/token-budget.ts";
import type { ToolAnswer } from "./define-tool.ts";
import { latestUsOf, listPage, type PageSpec, type ShownPage } from "./list-page.ts";

export interface ListSpec extends PageSpec {
  /** Member that holds the items: `flow_runs`. */
  readonly key: string;
  /** What the items are, for the header: one of them, and several of them. */
  readonly noun: readonly [one: Sentence, many: Sentence];
  /** Follows the count and the noun: ", newest first". */
  readonly title?: Sentence;
  /** Further rows match. */
  readonly hasMore: boolean;
  /** Cursor that continues after `items[index]` (before it with `takeFrom: "end"`). */
  cursorAfter(index: number): string;
  readonly freshness: Freshness;
  /** Tokens for the whole answer, from `tokenBudget`. */
  readonly budget: number;
  /** Further members of the structured content. `facts` must state each of them too. */
  readonly extra?: Item;
  /** Lines of the text below the header. */
  readonly facts?: readonly Sentence[];
  /** How to narrow the list; shown when there is more. */
  readonly hint?: Sentence;
  /** Shown instead of an empty list. */
  readonly none?: Sentence;
}

/** Estimated tokens of the header, the fence and the freshness, in the text and in the structured content. */
const FRAME_TOKENS = 110;

export function listAnswer(given: ListSpec): ToolAnswer {
  const spec = { ...given, freshness: asOfItems(given) };
  const meta = freshnessFields(spec.freshness);
  const head = freshnessLines(spec.freshness, spec.nowUs);
  const fixed =
    FRAME_TOKENS +
    estimateJsonTokens({ ...meta, ...spec.extra }) +
    estimateTokens([...head, ...(spec.facts ?? [])].join("\n"));
  const page = listPage(spec, Math.max(0, spec.budget - fixed), fixed);
  const isCut = page.items.length < spec.items.length || spec.hasMore;
  const edge = spec.takeFrom === "end" ? spec.items.length - page.items.length : page.items.length - 1;
  const cursor = isCut && page.items.length > 0 ? spec.cursorAfter(edge) : undefined;
  const structured = { [spec.key]: page.items, ...spec.extra, ...meta, ...(cursor ? { next_cursor: cursor } : {}) };
  return {
    structured,
    text: listText(spec, page, head, cursor),
    untrusted: [spec.key],
    ...(page.items.length === 0 ? {} : { body: page.body }),
  };
}

/**
 * The freshness of an answer that shows what has happened after the end of the coverage, such as an event that the websocket has just
 * delivered: as recent as that.
 */
function asOfItems({ items, freshness, nowUs }: ListSpec): Freshness {
  const us = latestUsOf(items);
  return us === undefined || us <= freshness.asOfUs || us > nowUs ? freshness : { ...freshness, asOfUs: us };
}

function listText(
  spec: ListSpec,
  page: ShownPage,
  [head = own(""), ...notes]: readonly Sentence[],
  cursor: string | undefined,
): AnswerText {
  const count = page.items.length;
  return answerText([
    sentence`${counted(count, ...spec.noun)}${spec.title ?? ""}${cursor ? ", more match" : ""} | ${head}`,
    ...notes,
    ...(spec.facts ?? []),
    ...(page.hasShortTime ? [sentence`Undated times: ${asPlace(dayOf(spec.nowUs))} UTC`] : []),
    ...(count === 0 ? [noneText(spec)] : [page.legend, betweenMarks(page.body)]),
    ...(cursor ? [sentence`next_cursor: ${asPlace(cursor)}`, spec.hint ?? null] : []),
  ]);
}

/** "Nothing" is said only of what is covered. */
function noneText({ none = sentence`Nothing matches.`, freshness }: ListSpec): Sentence {
  return freshness.coverage.complete ? none : sentence`In what could be read: ${none}`;
}

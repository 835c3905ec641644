import { ANY_ONE, ANY_RUN, matchesTokens, type StepBudget, type Token } from "../../lib/wildcards.ts";
import type { LabelSpec } from "./event-filter.ts";

/** What one comparison costs beside its characters. */
export const STEPS_OF_CALL = 20;

type Labels = Readonly<Record<string, string>>;

/**
 * A test of labels by the rules for live events (websocket filters, automation triggers): case-sensitive fnmatch with `*`, `?` and
 * `[…]`; a leading `!` negates; an absent label never matches. The rules of REST are in event-filter.ts.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/schemas/events.py
 */
export function labelMatcher(spec: LabelSpec, budget: StepBudget): (labels: Labels) => boolean {
  const parts = Object.entries(spec).map(([label, expected]) => {
    const matchers = (typeof expected === "string" ? [expected] : expected).map((one) => expectedMatcher(one, budget));
    return { label, matchers };
  });
  return (labels) =>
    parts.every(({ label, matchers }) => {
      const value = labels[label];
      budget.spend(STEPS_OF_CALL);
      if (value === undefined) return false;
      return matchers.some((matches) => {
        budget.spend(STEPS_OF_CALL + value.length);
        return matches(value);
      });
    });
}

function expectedMatcher(expected: string, budget: StepBudget): (value: string) => boolean {
  const isNegated = expected.startsWith("!");
  const matches = globMatcher(isNegated ? expected.slice(1) : expected, budget);
  return (value) => matches(value) !== isNegated;
}

/** A test whether a whole text matches an fnmatch pattern. */
export function globMatcher(glob: string, budget: StepBudget): (text: string) => boolean {
  const chars = [...glob];
  const tokens: Token[] = [];
  let lastClose = chars.lastIndexOf("]");
  for (let index = 0; index < chars.length; index++) {
    const char = chars[index] ?? "";
    if (char === "*") tokens.push(ANY_RUN);
    else if (char === "?") tokens.push(ANY_ONE);
    else if (char === "[" && index < lastClose) {
      // A "]" in first position belongs to the set.
      const close = chars.indexOf("]", index + (chars[index + 1] === "!" ? 3 : 2));
      if (close < 0) lastClose = -1;
      tokens.push(close < 0 ? char : setOf(chars.slice(index + 1, close)));
      if (close > 0) index = close;
    } else tokens.push(char);
  }
  return (text) => matchesTokens(text, tokens, budget);
}

/** The text between the brackets: characters and ranges; with a leading `!`, all other characters. A descending range is empty. */
function setOf(chars: readonly string[]): (char: string) => boolean {
  const isNegated = chars[0] === "!";
  const single = new Set<string>();
  const ranges: [first: number, last: number][] = [];
  for (let index = isNegated ? 1 : 0; index < chars.length; index++) {
    const [first = "", dash, last] = chars.slice(index, index + 3);
    if (dash !== "-" || last === undefined) single.add(first);
    else {
      ranges.push([codeOf(first), codeOf(last)]);
      index += 2;
    }
  }
  return (char) => {
    const code = codeOf(char);
    return (single.has(char) || ranges.some(([first, last]) => first <= code && code <= last)) !== isNegated;
  };
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

import type { Line, Sentence } from "../../lib/shown-text.ts";
import { fence, makeTag, textWithoutMarks } from "../../model/text/untrusted.ts";

declare const shown: unique symbol;

/** Lines between marks. */
export type Fenced = string & { readonly [shown]: "fenced" };

/** Lines of workspace data, to be put between marks. */
export type Inside = string & { readonly [shown]: "inside" };

/** The text of an answer: sentences of this program, and workspace data between marks. */
export type AnswerText = string & { readonly [shown]: "answer" };

/** Workspace data between marks with a random tag, new for each answer: data cannot contain the end mark. */
export function fenced(lines: readonly Line[]): Fenced {
  return betweenMarks(insideMarks(lines));
}

/** The part of `fenced` that is the same in each answer with these lines. */
export function insideMarks(lines: readonly Line[]): Inside {
  return textWithoutMarks(lines) as Inside;
}

export function betweenMarks(inside: Inside): Fenced {
  const tag = makeTag((size) => crypto.getRandomValues(new Uint8Array(size)));
  return fence(inside, tag) as Fenced;
}

/** Each part in a line of its own; null is left out. */
export function answerText(parts: readonly (Sentence | Fenced | AnswerText | null)[]): AnswerText {
  return parts.filter((part) => part !== null).join("\n") as AnswerText;
}

/** The text with sentences in place of others, where these are lines of this program. */
export function withSentences(text: AnswerText, replacements: ReadonlyMap<string, Sentence>): AnswerText {
  const shown = new Set<string>();
  const isFirst = (line: Sentence) => !shown.has(line) && shown.add(line) !== undefined;
  return text
    .split("\n")
    .map((line) => ({ line, by: replacements.get(line) }))
    .filter(({ by }) => by === undefined || isFirst(by))
    .map(({ line, by }) => by ?? line)
    .join("\n") as AnswerText;
}

const AGE = /((?:record|live|mixed) as of [0-9T:.Z-]{20,27}) \(([^()\n]{1,40}) ago\)/;

/** The text of an answer about a past moment: its age is counted from that moment, not from now. */
export function withAgeThen(text: AnswerText): AnswerText {
  return text.replace(AGE, (_, head: string, age: string) =>
    age === "0 s" ? head : `${head} (${age} before that moment)`,
  ) as AnswerText;
}

/**
 * Matches a text with a pattern that has wildcards. Not by a regular expression, whose time can grow exponentially with several wildcards.
 */
import { AppError } from "../errors.ts";

/** Matches any characters, or none. */
export const ANY_RUN = Symbol("any run");

/** A character, a test of one character, or `ANY_RUN`. */
export type Token = string | ((char: string) => boolean) | typeof ANY_RUN;

export const ANY_ONE: Token = () => true;

/** A few tenths of a second. */
const MOST_STEPS = 20_000_000;

/**
 * Limits the steps that comparisons with patterns take in one question. Comparing a pattern that has many wildcards with a long text
 * can block the process, and either of the two may come from a caller or from Prefect.
 */
export class StepBudget {
  private left: number;

  constructor(steps = MOST_STEPS) {
    this.left = steps;
  }

  /** Throws AppError `invalid_input` when no steps are left. */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left >= 0) return;
    throw new AppError("invalid_input", "Comparing the patterns with the recorded texts takes too many steps.", {
      hint: "Use fewer wildcards, or a longer beginning without any.",
    });
  }
}

/** Ordinary patterns take fewer for each character of the text. */
const FREE_STEPS = 20;

/**
 * Whether the whole text matches. At most text length × pattern length steps: only the last `ANY_RUN` is extended on a mismatch, and
 * of these steps, those beyond `FREE_STEPS` for each character are spent from the budget.
 */
export function matchesTokens(text: string, tokens: readonly Token[], budget: StepBudget): boolean {
  const chars = [...text];
  let free = FREE_STEPS * chars.length;
  let [at, next, retryAt, afterAny] = [0, 0, 0, -1];
  while (at < chars.length) {
    const token = tokens[next];
    if (token === ANY_RUN) {
      next += 1;
      [afterAny, retryAt] = [next, at];
    } else if (token !== undefined && matchesOne(chars[at] ?? "", token)) {
      next += 1;
      at += 1;
    } else if (afterAny >= 0) {
      free -= 1 + next - afterAny;
      if (free < 0) {
        budget.spend(-free);
        free = 0;
      }
      retryAt += 1;
      [next, at] = [afterAny, retryAt];
    } else return false;
  }
  return tokens.slice(next).every((token) => token === ANY_RUN);
}

function matchesOne(char: string, token: string | ((char: string) => boolean)): boolean {
  return typeof token === "string" ? token === char : token(char);
}

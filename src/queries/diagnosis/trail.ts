import { AppError } from "../../errors.ts";
import type { Freshness } from "../../model/freshness.ts";

/** What gathering leaves behind beside its facts. */
export interface Trail {
  readonly freshness: Freshness[];
  readonly unchecked: string[];
}

/** Runs `read`; a failure that is not the question's own becomes a sentence under "could not check". */
export async function attempt<T>(trail: Trail, what: string, fallback: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    trail.unchecked.push(`${what} (${error.message.replace(/\.$/, "")})`);
    return fallback;
  }
}

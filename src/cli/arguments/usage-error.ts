import { AppError } from "../../errors.ts";
import type { Sentence } from "../../lib/shown-text.ts";

/** A wrong command line: exit code 2. */
export class UsageError extends AppError {
  constructor(message: Sentence, hint: Sentence) {
    super("invalid_input", message, { hint });
  }
}

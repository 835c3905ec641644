import { AppError } from "../../errors.ts";
import { own } from "../../lib/shown-text.ts";

/** A wrong command line: exit code 2. */
export class UsageError extends AppError {
  constructor(message: string, hint: string) {
    super("invalid_input", own(message), { hint: own(hint) });
  }
}

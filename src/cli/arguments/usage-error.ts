import { AppError } from "../../errors.ts";

/** A wrong command line: exit code 2. */
export class UsageError extends AppError {
  constructor(message: string, hint: string) {
    super("invalid_input", message, { hint });
  }
}

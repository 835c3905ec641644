import { AppError } from "../../errors.ts";

/** The command line itself is wrong: exit code 2. */
export class UsageError extends AppError {
  constructor(message: string, hint: string) {
    super("invalid_input", message, { hint });
  }
}

import { AppError } from "../../errors.ts";
import { type Line, lineOf, own } from "../../lib/shown-text.ts";
import { isTty } from "./is-tty.ts";
import type { Output } from "./output.ts";

const REFUSALS = {
  delete: {
    message: own("This deletes data, and there is no terminal to ask for confirmation."),
    hint: own("Add --yes to delete without asking."),
  },
  write: {
    message: own("This writes files, and there is no terminal to ask for confirmation."),
    hint: own("Add --yes to write without asking, or --print to only see what would be written."),
  },
} as const;

/** Asks for confirmation at the terminal. Throws AppError where stdin is none; then `--yes` is needed. */
export async function askYes(
  question: Line,
  out: Output,
  signal: AbortSignal,
  what: keyof typeof REFUSALS = "delete",
): Promise<boolean> {
  const { message, hint } = REFUSALS[what];
  if (!isTty(0)) throw new AppError("invalid_input", message, { hint });
  out.ask(lineOf`${question} [y/N]`);
  const answer = await new Promise<string>((resolve) => {
    process.stdin.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    process.stdin.once("end", () => resolve(""));
    signal.addEventListener("abort", () => resolve(""), { once: true });
  });
  process.stdin.pause();
  return /^\s*y(es)?\s*$/i.test(answer);
}

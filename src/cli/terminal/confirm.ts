import { AppError } from "../../errors.ts";
import { isTerminal } from "./is-terminal.ts";
import type { Output } from "./output.ts";

/** Asks the person at the terminal. Throws AppError where there is none: then `--yes` has to say it. */
export async function askYes(question: string, out: Output, signal: AbortSignal): Promise<boolean> {
  if (!isTerminal(0)) {
    throw new AppError("invalid_input", "This removes data and there is no terminal to ask.", {
      hint: "Add --yes to go ahead.",
    });
  }
  out.raw(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    process.stdin.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    process.stdin.once("end", () => resolve(""));
    signal.addEventListener("abort", () => resolve(""), { once: true });
  });
  process.stdin.pause();
  return /^\s*y(es)?\s*$/i.test(answer);
}

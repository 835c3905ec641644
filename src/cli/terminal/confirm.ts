import { AppError } from "../../errors.ts";
import { isTty } from "./is-tty.ts";
import type { Output } from "./output.ts";

/** Asks for confirmation at the terminal. Throws AppError where stdin is none; then `--yes` is needed. */
export async function askYes(question: string, out: Output, signal: AbortSignal): Promise<boolean> {
  if (!isTty(0)) {
    throw new AppError("invalid_input", "This deletes data, and there is no terminal to ask for confirmation.", {
      hint: "Add --yes to delete without asking.",
    });
  }
  out.ask(`${question} [y/N]`);
  const answer = await new Promise<string>((resolve) => {
    process.stdin.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    process.stdin.once("end", () => resolve(""));
    signal.addEventListener("abort", () => resolve(""), { once: true });
  });
  process.stdin.pause();
  return /^\s*y(es)?\s*$/i.test(answer);
}

import { createLogger, type LogFields, type Logger, type LogLevel } from "../../lib/logger.ts";
import { asReason, jsonLine, type Line, oneLine } from "../../lib/shown-text.ts";
import type { Output } from "./output.ts";

/** The log as plain lines: `warning: message fix; field: value`. */
export function createPlainLogger(level: LogLevel, out: Pick<Output, "note">): Logger {
  return createLogger(level, (line) => out.note(plainLine(JSON.parse(line) as LogFields)));
}

const WORDS: Readonly<Record<string, string>> = { warn: "warning" };

/** Pure. */
export function plainLine({ time: _, level, message, fix, hint, where: __, ...rest }: LogFields): Line {
  const advice = [fix, hint]
    .flatMap((text) => (typeof text === "string" && text !== "" ? [oneLine(text)] : []))
    .join(" ");
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}: ${typeof value === "string" ? asReason(value) : jsonLine(value)}`,
  );
  const more = [...(advice ? [advice] : []), ...details].join("; ");
  return oneLine(`${WORDS[String(level)] ?? String(level)}: ${String(message)}${more ? ` ${more}` : ""}`);
}

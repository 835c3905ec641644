/** An error as text: for summaries and evidence. */
import type { Frame } from "../../../model/runs/traceback.ts";
import type { RunError } from "./types.ts";

const MESSAGE_CHARS = 400;

export function truncate(text: string, most = MESSAGE_CHARS): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export function errorText(error: RunError): string {
  return truncate(error.type ? (error.message === "" ? error.type : `${error.type}: ${error.message}`) : error.message);
}

export function frameText(frame: Frame): string {
  return `${frame.function} (${frame.file.split(/[\\/]/).slice(-2).join("/")}:${frame.line})`;
}

export function errorLinesEvidence(error: RunError): object {
  if (error.lines.length === 0) return {};
  return {
    error_lines: error.lines
      .slice(-2)
      .map((log) => ({ timestamp: log.timestamp, logger: log.name, message: truncate(log.message, 300) })),
  };
}

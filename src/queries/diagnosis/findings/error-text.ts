/** An error as text: for summaries and evidence. */
import { truncate } from "../../../lib/truncate.ts";
import type { Frame } from "../../../model/runs/traceback.ts";
import type { RunError } from "./types.ts";

export const MAX_MESSAGE_CHARS = 400;

export function errorText(error: RunError): string {
  const { type, message } = error;
  return truncate(type ? (message === "" ? type : `${type}: ${message}`) : message, MAX_MESSAGE_CHARS);
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

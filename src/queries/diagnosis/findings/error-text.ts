/** An error as text: for summaries and evidence. */

import { asName, asPlace, asReason, type Sentence, sentence } from "../../../lib/shown-text.ts";
import { truncate } from "../../../lib/truncate.ts";
import type { Frame } from "../../../model/runs/traceback.ts";
import { withoutLibraryFrames } from "../../../model/runs/traceback-text.ts";
import type { RunError } from "./types.ts";

export const MAX_MESSAGE_CHARS = 400;

export function errorText(error: Pick<RunError, "type" | "message">): Sentence {
  const { type, message } = error;
  const text = asReason(truncate(message, MAX_MESSAGE_CHARS));
  if (!type) return text;
  return message === "" ? asName(type) : sentence`${asName(type)}: ${text}`;
}

export function frameText(frame: Frame): Sentence {
  return sentence`${asReason(frame.function)} (${asPlace(frame.file.split(/[\\/]/).slice(-2).join("/"))}:${frame.line})`;
}

export function errorLinesEvidence(error: RunError): object {
  if (error.lines.length === 0) return {};
  return {
    error_lines: error.lines.slice(-2).map((log) => ({
      timestamp: log.timestamp,
      logger: log.name,
      message: truncate(withoutLibraryFrames(log.message), 300),
    })),
  };
}

/** The result of a tool call as MCP sends it: text and structured content, which state the same facts. */

import type { AppError } from "../errors.ts";
import type { Sentence } from "../lib/shown-text.ts";
import type { ToolAnswer } from "../tools/definition/define-tool.ts";

export interface CallResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent: Readonly<Record<string, unknown>>;
  readonly isError?: true;
  readonly _meta?: Readonly<Record<string, unknown>>;
  /** Not a member of the result: the user is to be asked with its text, and this token belongs to the question. */
  readonly ask?: { readonly token: string };
}

export function answerResult({ text, structured, untrusted, ask }: ToolAnswer): CallResult {
  return {
    content: [{ type: "text", text }],
    structuredContent: structured,
    ...(untrusted ? { _meta: { "prefect-mcp-bun/untrusted": untrusted } } : {}),
    ...(ask ? { ask } : {}),
  };
}

/** Code and text of an error that `errorResult` has written. */
export function errorOf({ code, message, hint }: CallResult["structuredContent"]): {
  readonly code: AppError["code"];
  readonly text: Sentence;
} {
  const text = [message, hint].filter((one) => typeof one === "string").join(" ") as Sentence;
  return { code: code as AppError["code"], text };
}

export function errorResult(error: AppError): CallResult {
  const { code, message, hint, retryable } = error;
  const retryAfter = error.retryAfterMs === undefined ? undefined : Math.ceil(error.retryAfterMs / 1000);
  const structuredContent = {
    code,
    message,
    ...(hint ? { hint } : {}),
    retryable,
    ...(retryAfter === undefined ? {} : { retry_after_seconds: retryAfter }),
  };
  const again = retryAfter === undefined ? "" : ` after ${retryAfter} s`;
  const text = [
    `Error ${code}: ${message}`,
    hint ? `Hint: ${hint}` : "",
    `Retryable: ${retryable ? "yes" : "no"}${again}`,
  ];
  return { content: [{ type: "text", text: text.filter(Boolean).join("\n") }], structuredContent, isError: true };
}

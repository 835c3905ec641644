import { findJsonExcess } from "../../lib/json-bounds.ts";

/**
 * The reason in the body of an error answer, or "". Prefect has three forms: `detail` (a sentence, or FastAPI's list),
 * `exception_message`, and with it `exception_detail`, a list of `{loc, msg}`. `request_body` echoes the request and is not shown.
 */
export function errorReason(text: string): string {
  const body = parseObject(text);
  if (body === null) return "";
  if (typeof body.detail === "string") return shortSentence(body.detail);
  const list = Array.isArray(body.detail) ? body.detail : body.exception_detail;
  if (Array.isArray(list) && list.length > 0) return list.slice(0, 5).map(problem).join("; ");
  return typeof body.exception_message === "string" ? shortSentence(body.exception_message) : "";
}

/** Whether an error answer has one of Prefect's forms. A gateway answers with other JSON, such as `{"message": "no Route matched"}`. */
export function isPrefectError(text: string): boolean {
  // What is not read may be anything.
  if (isBeyondBounds(text)) return true;
  const body = parseObject(text);
  return body !== null && ("detail" in body || "exception_message" in body);
}

function problem(entry: unknown): string {
  const { loc, msg } = (entry ?? {}) as { loc?: unknown; msg?: unknown };
  const path = Array.isArray(loc)
    ? loc.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")
    : "";
  return shortSentence(`${path.replace(/^\.body\.?|^\.query\.?/, "").replace(/^\./, "") || "body"}: ${String(msg)}`);
}

/** At most 500 characters and without the full stop, to be put inside another sentence. */
export function shortSentence(text: string): string {
  const cut = text.length > 500 ? `${text.slice(0, 500)}…` : text;
  return cut.trim().replace(/\.$/, "");
}

/** Bodies beyond these bounds are not read: they hold no sentence for a person. */
const MAX_CHARS = 1_000_000;
const BOUNDS = { maxDepth: 100, maxValues: 50_000 };

function isBeyondBounds(text: string): boolean {
  return text.length > MAX_CHARS || findJsonExcess(text, BOUNDS) !== null;
}

function parseObject(text: string): Record<string, unknown> | null {
  if (isBeyondBounds(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

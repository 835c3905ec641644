/**
 * The reason in an error answer. Prefect has three shapes: `detail` (a sentence, or FastAPI's list), `exception_message`, and
 * with it `exception_detail`, a list of `{loc, msg}`. `request_body` is an echo and never shown.
 */
export function explain(text: string): string {
  const body = parseObject(text);
  if (body === null) return "";
  if (typeof body.detail === "string") return sentence(body.detail);
  const list = Array.isArray(body.detail) ? body.detail : body.exception_detail;
  if (Array.isArray(list) && list.length > 0) return list.slice(0, 5).map(problem).join("; ");
  return typeof body.exception_message === "string" ? sentence(body.exception_message) : "";
}

function problem(entry: unknown): string {
  const { loc, msg } = (entry ?? {}) as { loc?: unknown; msg?: unknown };
  const path = Array.isArray(loc)
    ? loc.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")
    : "";
  return sentence(`${path.replace(/^\.body\.?|^\.query\.?/, "").replace(/^\./, "") || "body"}: ${String(msg)}`);
}

/** Short, and without the full stop: it stands inside a sentence. */
export function sentence(text: string): string {
  const cut = text.length > 500 ? `${text.slice(0, 500)}…` : text;
  return cut.trim().replace(/\.$/, "");
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

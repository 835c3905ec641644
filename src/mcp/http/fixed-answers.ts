/** Answers that depend on no tenant. */
import { own } from "../../lib/shown-text.ts";
import { refusal } from "./requests/refusals.ts";

/** Loaded when it is first asked for, because it is large. */
export async function pageOfViews(method: string): Promise<Response> {
  if (method !== "GET" && method !== "HEAD") {
    return refusal({ status: 405, message: own("Use GET."), headers: { allow: "GET, HEAD" } });
  }
  const { pageHtml } = await import("../../views/page.ts");
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  return new Response(method === "HEAD" ? null : pageHtml({ view: null }, "'self'"), { headers });
}

export function plainAnswer(text: string, status = 200): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain", "cache-control": "no-store" } });
}

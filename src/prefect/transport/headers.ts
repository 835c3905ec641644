import type { Logger } from "../../lib/logger.ts";
import { RESERVED_HEADERS } from "../../model/reserved-headers.ts";
import type { PrefectConnection } from "./connection.ts";

/** Without this header the server answers in its latest version. Before 0.8.4, retries of resumed runs were counted differently. */
const API_VERSION = "0.8.4";

/** Custom headers that are ignored: Prefect's reserved ones, and those that describe the body or the connection. */
const RESERVED: ReadonlySet<string> = new Set([
  ...RESERVED_HEADERS,
  "content-length",
  "transfer-encoding",
  "connection",
]);
const SOCKET_RESERVED = /^(host|upgrade|sec-websocket-.*|content-type|accept)$/;

/** Headers of every HTTP request, made once per client; warns about custom headers that are ignored. */
export function httpHeaders(connection: PrefectConnection, logger: Logger): Record<string, string> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "X-PREFECT-API-VERSION": API_VERSION,
    ...authorization(connection),
  };
  // On loopback, compressing costs more than the bytes.
  if (isLoopback(connection.url)) headers["Accept-Encoding"] = "identity";
  for (const [name, value] of Object.entries(connection.customHeaders)) {
    if (RESERVED.has(name.toLowerCase())) logger.warn("custom header ignored: Prefect reserves it", { header: name });
    else setHeader(headers, name, value);
  }
  headers["User-Agent"] = connection.userAgent;
  return headers;
}

/**
 * Headers of the websocket upgrade. Prefect itself reads the token from the first message; `Authorization` is for a proxy in front
 * of a self-hosted server. As with Prefect's own client, Prefect Cloud gets no `Authorization`.
 */
export function socketHeaders(connection: PrefectConnection): Record<string, string> {
  const headers: Record<string, string> = connection.isCloud ? {} : { ...authorization(connection) };
  for (const [name, value] of Object.entries(connection.customHeaders)) {
    const lower = name.toLowerCase();
    if (!RESERVED.has(lower) && !SOCKET_RESERVED.test(lower)) setHeader(headers, name, value);
  }
  headers["User-Agent"] = connection.userAgent;
  return headers;
}

/** The token of the websocket's auth message: the raw auth string, not its base64. */
export function socketToken({ auth }: PrefectConnection): string | null {
  if (auth.kind === "none") return null;
  return auth.kind === "key" ? auth.key : auth.authString;
}

function authorization({ auth }: PrefectConnection): Record<string, string> {
  if (auth.kind === "none") return {};
  // The server compares the scheme case-sensitively.
  if (auth.kind === "key") return { Authorization: `Bearer ${auth.key}` };
  return { Authorization: `Basic ${basicToken(auth.authString)}` };
}

/** Base64 of the UTF-8 bytes. */
export function basicToken(authString: string): string {
  return new TextEncoder().encode(authString).toBase64();
}

function setHeader(headers: Record<string, string>, name: string, value: string): void {
  for (const known of Object.keys(headers)) if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
  headers[name] = value;
}

export function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

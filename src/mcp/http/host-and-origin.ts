/**
 * Checks of the Host and Origin headers. They keep a web page in a browser of this machine from reaching the server, also by a host
 * name that resolves to it (DNS rebinding).
 */

import type { HttpSettings } from "../../config/settings.ts";
import { isAddressText } from "../../lib/address-kind.ts";
import { withoutEndSlashes } from "../../lib/http-url.ts";
import { own, type Sentence } from "../../lib/shown-text.ts";
import { isLoopbackBind } from "./bind.ts";

export interface RequestGuards {
  /** The sentence that refuses the request, or null. */
  host(headers: Headers): Sentence | null;
  origin(headers: Headers): Sentence | null;
  /** CORS headers for an accepted origin; empty for any other. */
  cors(headers: Headers): Record<string, string>;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const WILDCARDS = new Set(["0.0.0.0", "::", "[::]", "*"]);

export function createGuards(
  settings: Pick<HttpSettings, "host" | "allowedHosts" | "allowedOrigins">,
  bound: URL,
): RequestGuards {
  const isWildcard = WILDCARDS.has(settings.host);
  const always = isLoopbackBind(settings.host) || isWildcard ? LOOPBACK_NAMES : [];
  const names = new Set([...always, bracketed(settings.host), ...settings.allowedHosts.map(nameOf)]);
  const origins = new Set(settings.allowedOrigins.map((origin) => withoutEndSlashes(origin.trim()).toLowerCase()));
  const isKnownHost = (name: string) => names.has(name) || (isWildcard && isAddressText(name.replace(/^\[|\]$/g, "")));
  // A server that listens on all addresses does not know its own: a page from the requested host is its own.
  const isOwnName = (name: string, requestedHost: string) =>
    names.has(name) || (isKnownHost(name) && name === nameOf(requestedHost));
  const isOwnOrigin = (origin: string, requestedHost: string) => {
    if (!URL.canParse(origin)) return false;
    const { protocol, hostname, port } = new URL(origin);
    return protocol === bound.protocol && port === bound.port && isOwnName(hostname.toLowerCase(), requestedHost);
  };
  const isAccepted = (origin: string, headers: Headers) =>
    origins.has(origin.toLowerCase()) || origins.has("*") || isOwnOrigin(origin, headers.get("host") ?? "");
  return {
    host(headers) {
      const given = headers.get("host") ?? "";
      if (isKnownHost(nameOf(given))) return null;
      return own("The host name in the Host header is not accepted; PREFECT_MCP_HTTP_ALLOWED_HOSTS adds names.");
    },
    origin(headers) {
      const origin = headers.get("origin");
      if (origin === null || isAccepted(origin, headers)) return null;
      return own("The origin in the Origin header is not accepted; PREFECT_MCP_HTTP_ALLOWED_ORIGINS adds origins.");
    },
    cors(headers) {
      const origin = headers.get("origin");
      if (origin === null || !isAccepted(origin, headers)) return {};
      return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "mcp-session-id, www-authenticate, retry-after",
        vary: "origin",
      };
    },
  };
}

export const PREFLIGHT: Readonly<Record<string, string>> = {
  "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
  "access-control-allow-headers":
    "authorization, content-type, accept, last-event-id, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name, x-prefect-api-url, x-prefect-api-key, x-prefect-api-auth-string",
  "access-control-max-age": "600",
};

/** Without the port, in lower case, IPv6 in brackets. */
function nameOf(host: string): string {
  const text = host.trim().toLowerCase();
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(text)?.[1] ?? text;
  return bracketed(name.replace(/\.$/, ""));
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host.toLowerCase()}]` : host.toLowerCase();
}

import { baseUrlOf, parseHttpUrl } from "../../lib/http-url.ts";
import type { PrefectAuth } from "../../model/prefect-auth.ts";

interface TlsOptions {
  /** No certificate check at all (`PREFECT_API_TLS_INSECURE_SKIP_VERIFY`). */
  readonly insecure?: boolean;
  /** PEM text of the CAs to trust instead of the built-in ones. */
  readonly ca?: string;
  /** The same as a file; read at the first request. `ca` takes precedence. */
  readonly caFile?: string;
}

export interface ProxyOptions {
  /** Proxy for `http:` and `ws:` targets (`HTTP_PROXY`), for example `http://proxy.internal:3128`. */
  readonly http?: string | undefined;
  /** Proxy for `https:` and `wss:` targets (`HTTPS_PROXY`). */
  readonly https?: string | undefined;
  /** `NO_PROXY`: comma list of hosts, `.domains`, `host:port` or `*`. */
  readonly noProxy?: string | undefined;
}

/** Where Prefect is and how to reach it: plain data that is derived from the settings, one per instance. */
export interface PrefectConnection {
  /** API base URL: `http://127.0.0.1:4200/api` or `https://api.prefect.cloud/api/accounts/{a}/workspaces/{w}`. */
  readonly url: string;
  readonly auth: PrefectAuth;
  /** `PREFECT_CLIENT_CUSTOM_HEADERS`. User-Agent, the CSRF pair and the hop-by-hop ones are ignored with a warning. */
  readonly customHeaders: Readonly<Record<string, string>>;
  /** `PREFECT_CLIENT_CSRF_SUPPORT_ENABLED`. */
  readonly csrf: boolean;
  /** `PREFECT_API_REQUEST_TIMEOUT`: longest time for one try, connecting included, and the default for a whole call. */
  readonly requestTimeoutMs: number;
  /** `PREFECT_CLIENT_MAX_RETRIES`. */
  readonly maxRetries: number;
  /** `PREFECT_CLIENT_RETRY_JITTER_FACTOR`. */
  readonly retryJitterFactor: number;
  /** `PREFECT_CLIENT_RETRY_EXTRA_CODES`. */
  readonly retryExtraCodes: readonly number[];
  readonly tls: TlsOptions;
  readonly proxy: ProxyOptions;
  readonly isCloud: boolean;
  /** `PREFECT_CLOUD_API_URL`; used when the part before `/accounts/` of `url` does not say. */
  readonly cloudApiUrl: string;
  /** A caller over HTTP chose this Prefect, so it is not trusted: smaller limits apply, and errors name no setting of the operator. */
  readonly isNamedByCaller?: boolean;
  /** `prefect-mcp-bun/<version>`. */
  readonly userAgent: string;
}

/**
 * The base URL to which paths are appended, and the credentials in it, which httpx would use for basic auth. Null when `text` is not an
 * http(s) URL.
 */
export function parseApiUrl(text: string): { readonly url: string; readonly authString: string | null } | null {
  const parsed = parseHttpUrl(text);
  if (parsed === null) return null;
  const { username, password } = parsed;
  const hasCredentials = username !== "" || password !== "";
  const authString = hasCredentials ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : null;
  return { url: baseUrlOf(parsed), authString };
}

/** The proxy for a target, or null. `NO_PROXY` is applied as curl and Python do: suffix match on whole host labels. */
export function proxyFor(target: URL, proxy: ProxyOptions): string | null {
  const secure = target.protocol === "https:" || target.protocol === "wss:";
  const chosen = secure ? proxy.https : proxy.http;
  if (!chosen) return null;
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = target.port || (secure ? "443" : "80");
  for (const raw of (proxy.noProxy ?? "").split(",")) {
    const entry = raw.trim().toLowerCase();
    if (entry === "") continue;
    if (entry === "*") return null;
    const { name, port: onlyPort } = splitHostPort(entry);
    if (onlyPort !== null && onlyPort !== port) continue;
    if (host === name || host.endsWith(`.${name}`)) return null;
  }
  return chosen.includes("://") ? chosen : `http://${chosen}`;
}

/** `host`, `.domain`, `host:port`, `::1` or `[::1]:port`. */
function splitHostPort(entry: string): { readonly name: string; readonly port: string | null } {
  const [, bracketed, bracketedPort] = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry) ?? [];
  if (bracketed !== undefined) return { name: bracketed, port: bracketedPort ?? null };
  const [, host, port] = /^([^:]*):(\d+)$/.exec(entry) ?? [];
  return { name: (host ?? entry).replace(/^\*?\./, ""), port: port ?? null };
}

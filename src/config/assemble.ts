/** Builds `Settings` from checked values, with the checks that concern more than one value. */

import { posix, win32 } from "node:path";
import { withoutEndSlashes } from "../lib/http-url.ts";
import { asNames, asPlace, own, sentence } from "../lib/shown-text.ts";
import { DAY_US } from "../lib/time.ts";
import type { PrefectAuth } from "../model/prefect-auth.ts";
import { RESERVED_HEADERS } from "../model/reserved-headers.ts";
import type { Resolution } from "./resolve.ts";
import type { SettingValues } from "./schema.ts";
import type { HttpSettings, SettingProblem, Settings, SettingsInput } from "./settings.ts";
import { apiUrlIssues, isCloudUrl, normaliseApiUrl, uiBaseUrl, withoutUserinfo } from "./urls.ts";

const DEFAULT_API_URL = "http://127.0.0.1:4200/api";

type Place = Pick<SettingsInput, "cwd" | "home" | "platform">;
/** A variable of the environment that is not a setting (`XDG_DATA_HOME`, `HTTP_PROXY`), by its exact name. */
type Variable = (name: string) => string | undefined;

interface ApiUrl {
  readonly url: string | null;
  readonly origin: string;
  readonly isDefault: boolean;
  readonly problems: readonly SettingProblem[];
}

function ephemeralNote({ PREFECT_SERVER_EPHEMERAL_ENABLED: ephemeral }: SettingValues) {
  return ephemeral ? " (a server that Prefect starts for one process cannot be used from here)" : "";
}

/** The API URL with its problems. `isCertain`: no source that could contain the URL is unreadable. */
function findApiUrl({ values, origins }: Resolution, cloudApiUrl: string, isCertain: boolean): ApiUrl {
  const { origin, isDefault } = origins.PREFECT_API_URL;
  const given = values.PREFECT_API_URL;
  if (given === null) {
    const why = isDefault ? own("no PREFECT_API_URL found") : sentence`PREFECT_API_URL is empty: ${asPlace(origin)}`;
    if (!isCertain) return { url: null, origin: "none (see the problems)", isDefault: true, problems: [] };
    const problem: SettingProblem = {
      level: "warning",
      message: sentence`No API URL is set (${why}), so the local default ${DEFAULT_API_URL} is used${ephemeralNote(values)}.`,
      where: "PREFECT_API_URL",
      fix: own("Set PREFECT_API_URL, or choose a profile that has it with PREFECT_PROFILE."),
    };
    return { url: DEFAULT_API_URL, origin: `default (${why})`, isDefault: true, problems: [problem] };
  }
  const lenient = values.PREFECT_SILENCE_API_URL_MISCONFIGURATION;
  const problems = apiUrlIssues(given, { cloudApiUrl, lenient }).map(
    ({ level, message, fix }): SettingProblem => ({
      level,
      message: sentence`The API URL ${asPlace(withoutUserinfo(given))} (${asPlace(origin)}) ${message}.`,
      where: origin,
      fix: sentence`${fix}.`,
    }),
  );
  const isUsable = problems.every(({ level }) => level !== "fatal");
  return { url: isUsable ? normaliseApiUrl(given) : null, origin, isDefault: false, problems };
}

function authOf({ PREFECT_API_AUTH_STRING: authString, PREFECT_API_KEY: key }: SettingValues): PrefectAuth {
  if (authString) return { kind: "basic", authString };
  return key ? { kind: "key", key } : { kind: "none" };
}

const RESERVED: ReadonlySet<string> = new Set(RESERVED_HEADERS);

function headersOf({ values, origins }: Resolution): { kept: Record<string, string>; problems: SettingProblem[] } {
  const all = Object.entries(values.PREFECT_CLIENT_CUSTOM_HEADERS);
  const refused = all.filter(([name]) => RESERVED.has(name.toLowerCase())).map(([name]) => name);
  const where = origins.PREFECT_CLIENT_CUSTOM_HEADERS.origin;
  const problem: SettingProblem = {
    level: "warning",
    message: sentence`The custom headers (${asPlace(where)}) may not set ${asNames(refused)}; these are ignored.`,
    where,
    fix: own("Remove them from PREFECT_CLIENT_CUSTOM_HEADERS."),
  };
  return {
    kept: Object.fromEntries(all.filter(([name]) => !refused.includes(name))),
    problems: refused.length > 0 ? [problem] : [],
  };
}

/** Names in lower case take precedence, as with curl and Python. */
function proxyOf(variable: Variable): Settings["proxy"] {
  const read = (name: string) => variable(name.toLowerCase()) || variable(name) || null;
  const all = read("ALL_PROXY");
  const noProxy = (read("NO_PROXY") ?? "").split(",").map((host) => host.trim().toLowerCase());
  return {
    http: read("HTTP_PROXY") ?? all,
    https: read("HTTPS_PROXY") ?? all,
    noProxy: noProxy.filter((host) => host !== ""),
  };
}

/** `prefect-mcp-bun` in the platform's folder for user data. */
function defaultDataDir({ home, platform }: Place, variable: Variable): string {
  if (platform === "win32") {
    return win32.join(variable("LOCALAPPDATA") || win32.join(home, "AppData", "Local"), "prefect-mcp-bun");
  }
  if (platform === "darwin") return posix.join(home, "Library", "Application Support", "prefect-mcp-bun");
  const xdg = variable("XDG_DATA_HOME");
  return posix.join(xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, ".local", "share"), "prefect-mcp-bun");
}

function absolutePath(path: string, { cwd, home, platform }: Place): string {
  const paths = platform === "win32" ? win32 : posix;
  const isInHome = path === "~" || path.startsWith("~/") || (platform === "win32" && path.startsWith("~\\"));
  return isInHome ? paths.join(home, path.slice(1)) : paths.resolve(cwd, path);
}

const ms = (seconds: number) => Math.round(seconds * 1000);

function oidcOf(values: SettingValues): HttpSettings["oidc"] {
  const issuer = values.PREFECT_MCP_HTTP_OIDC_ISSUER;
  if (issuer === null) return null;
  return {
    issuer,
    audience: values.PREFECT_MCP_HTTP_OIDC_AUDIENCE,
    jwksUrl: values.PREFECT_MCP_HTTP_OIDC_JWKS_URL ?? `${withoutEndSlashes(issuer)}/.well-known/jwks.json`,
    scopes: values.PREFECT_MCP_HTTP_OIDC_SCOPES,
  };
}

function httpOf(values: SettingValues, place: Place): HttpSettings {
  const file = (path: string | null) => path && absolutePath(path, place);
  return {
    host: values.PREFECT_MCP_HTTP_HOST ?? "127.0.0.1",
    port: values.PREFECT_MCP_HTTP_PORT,
    tokens: values.PREFECT_MCP_HTTP_TOKENS,
    oidc: oidcOf(values),
    allowedHosts: values.PREFECT_MCP_HTTP_ALLOWED_HOSTS,
    allowedOrigins: values.PREFECT_MCP_HTTP_ALLOWED_ORIGINS,
    allowedTargets: values.PREFECT_MCP_HTTP_ALLOWED_TARGETS,
    recheckMs: ms(values.PREFECT_MCP_HTTP_RECHECK_SECONDS),
    proofMs: ms(values.PREFECT_MCP_HTTP_PROOF_SECONDS),
    idleMs: ms(values.PREFECT_MCP_HTTP_IDLE_SECONDS),
    maxTenants: values.PREFECT_MCP_HTTP_MAX_TENANTS,
    maxDiskBytes: values.PREFECT_MCP_HTTP_MAX_DISK_BYTES,
    maxBodyBytes: values.PREFECT_MCP_HTTP_MAX_BODY_BYTES,
    requestsPerSecond: values.PREFECT_MCP_HTTP_REQUESTS_PER_SECOND,
    maxConcurrent: values.PREFECT_MCP_HTTP_MAX_CONCURRENT,
    otlpEndpoint: values.PREFECT_MCP_HTTP_OTLP_ENDPOINT,
    tlsCertFile: file(values.PREFECT_MCP_HTTP_TLS_CERT),
    tlsKeyFile: file(values.PREFECT_MCP_HTTP_TLS_KEY),
  };
}

function fleetOf(values: SettingValues): Settings["fleet"] {
  const url = values.PREFECT_MCP_FLEET_URL;
  if (url === null) return null;
  return {
    url,
    node: values.PREFECT_MCP_FLEET_NODE,
    address: values.PREFECT_MCP_FLEET_ADDRESS,
    secret: values.PREFECT_MCP_FLEET_SECRET,
    replica: values.PREFECT_MCP_FLEET_REPLICA,
  };
}

function syncOf(values: SettingValues): Settings["sync"] {
  return {
    enabled: values.PREFECT_MCP_SYNC,
    stream: values.PREFECT_MCP_STREAM,
    backfillUs: Math.round(values.PREFECT_MCP_BACKFILL_DAYS * DAY_US),
    pollMs: ms(values.PREFECT_MCP_POLL_SECONDS),
    pollWithoutStreamMs: ms(values.PREFECT_MCP_POLL_WITHOUT_STREAM_SECONDS),
    overlapMs: ms(values.PREFECT_MCP_OVERLAP_SECONDS),
    requestsPerMinute: values.PREFECT_MCP_REQUESTS_PER_MINUTE,
    retentionUs: Math.round(values.PREFECT_MCP_RETENTION_DAYS * DAY_US),
    retentionBytes: values.PREFECT_MCP_RETENTION_BYTES,
  };
}

export interface Assembled {
  readonly settings: Settings;
  readonly apiUrl: ApiUrl;
  readonly problems: readonly SettingProblem[];
}

/** `problems`: those found so far. With a fatal one, the API URL is null. */
export function assembleSettings(
  resolution: Resolution,
  context: Place & { variable: Variable; profile: string | null; problems: readonly SettingProblem[] },
): Assembled {
  const { values } = resolution;
  const cloudApiUrl = normaliseApiUrl(values.PREFECT_CLOUD_API_URL ?? "") ?? "https://api.prefect.cloud/api";
  const isCertain = context.problems.every(({ level }) => level !== "fatal");
  const apiUrl = findApiUrl(resolution, cloudApiUrl, isCertain);
  const headers = headersOf(resolution);
  const usableUrl = isCertain ? apiUrl.url : null;
  const caFile = values.PREFECT_API_SSL_CERT_FILE;
  const dataDir = values.PREFECT_MCP_DATA_DIR
    ? absolutePath(values.PREFECT_MCP_DATA_DIR, context)
    : defaultDataDir(context, context.variable);
  const uiOptions = { uiUrl: values.PREFECT_UI_URL, cloudApiUrl, cloudUiUrl: values.PREFECT_CLOUD_UI_URL };
  const settings: Settings = {
    apiUrl: usableUrl,
    apiUrlOrigin: apiUrl.origin,
    auth: authOf(values),
    customHeaders: headers.kept,
    csrf: values.PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    requestTimeoutMs: ms(values.PREFECT_API_REQUEST_TIMEOUT),
    maxRetries: values.PREFECT_CLIENT_MAX_RETRIES,
    retryJitterFactor: values.PREFECT_CLIENT_RETRY_JITTER_FACTOR,
    retryExtraCodes: values.PREFECT_CLIENT_RETRY_EXTRA_CODES,
    tls: { insecure: values.PREFECT_API_TLS_INSECURE_SKIP_VERIFY, caFile: caFile && absolutePath(caFile, context) },
    proxy: proxyOf(context.variable),
    uiUrl: uiBaseUrl(usableUrl, uiOptions),
    isCloud: usableUrl !== null && isCloudUrl(usableUrl, cloudApiUrl),
    cloudApiUrl,
    profile: context.profile,
    dataDir,
    sync: syncOf(values),
    follow: values.PREFECT_MCP_FOLLOW,
    freshMs: ms(values.PREFECT_MCP_FRESH_SECONDS),
    liveDeadlineMs: ms(values.PREFECT_MCP_LIVE_DEADLINE_SECONDS),
    logLevel: values.PREFECT_MCP_LOG_LEVEL,
    tools: {
      preset: values.PREFECT_MCP_TOOLS ?? "default",
      allow: values.PREFECT_MCP_TOOLS_ALLOW,
      deny: values.PREFECT_MCP_TOOLS_DENY,
    },
    webhook: {
      secret: values.PREFECT_MCP_WEBHOOK_SECRET,
      allowedHosts: values.PREFECT_MCP_WEBHOOK_ALLOWED_HOSTS,
    },
    writes: values.PREFECT_MCP_WRITES,
    actionLogFile: (context.platform === "win32" ? win32 : posix).join(dataDir, "audit-log.sqlite"),
    docs: values.PREFECT_MCP_DOCS,
    docsUrl: values.PREFECT_MCP_DOCS_URL ?? "https://prefect-docs.fastmcp.app/mcp",
    http: httpOf(values, context),
    fleet: fleetOf(values),
  };
  return { settings, apiUrl, problems: [...apiUrl.problems, ...headers.problems] };
}

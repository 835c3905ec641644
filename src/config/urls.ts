/** Checks API URLs and derives the URL of the UI. */

import { baseUrlOf, parseHttpUrl, withoutEndSlashes } from "../lib/http-url.ts";
import { asPlace, own, type Sentence, sentence } from "../lib/shown-text.ts";

export interface UrlIssue {
  readonly level: "fatal" | "warning";
  /** Completes "The API URL (…) …". */
  readonly message: Sentence;
  readonly fix: Sentence;
}

const ID = "[0-9a-fA-F-]{36}";
const WORKSPACE = new RegExp(`/accounts/(${ID})/workspaces/(${ID})(?=/|$)`);
const UI_WORKSPACE = new RegExp(`/accounts?/(${ID})/workspaces?/(${ID})`);
/** First path parts of Prefect's own web pages. */
const UI_PAGES = new Set(
  "dashboard runs flow-runs task-runs flows deployments work-pools work-queues blocks variables automations events settings concurrency-limits artifacts notifications docs v2".split(
    " ",
  ),
);

/** The API URL in one spelling (`baseUrlOf`); null when it is not an http(s) URL. */
export function normaliseApiUrl(text: string): string | null {
  const url = parseHttpUrl(text);
  return url && baseUrlOf(url);
}

/** The text with user and password masked, for messages. */
export function withoutUserinfo(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i, "$1//***@");
}

function startsWithUrl(url: string, prefix: string): boolean {
  return url === prefix || url.startsWith(`${prefix}/`);
}

/** Whether it starts with the configured Cloud API URL, or has a workspace path (private Cloud hosts). */
export function isCloudUrl(apiUrl: string, cloudApiUrl: string): boolean {
  return startsWithUrl(apiUrl, cloudApiUrl) || WORKSPACE.test(apiUrl);
}

/** The API URL that was probably meant where the URL of a web page is given, or null. */
function meantApiUrl(url: URL): string | null {
  const ids = UI_WORKSPACE.exec(url.pathname);
  const host = url.host.replace(/^app\./, "api.");
  if (ids) return `${url.protocol}//${host}/api/accounts/${ids[1]}/workspaces/${ids[2]}`;
  return url.hostname.endsWith("prefect.cloud") ? null : `${url.protocol}//${url.host}/api`;
}

const CLOUD_FORM = "https://api.prefect.cloud/api/accounts/ACCOUNT-ID/workspaces/WORKSPACE-ID";

function pageIssue(url: URL): UrlIssue | null {
  const parts = url.pathname.split("/").filter((part) => part !== "");
  const isPage =
    url.hostname === "app.prefect.cloud" ||
    parts.includes("account") ||
    parts.includes("workspace") ||
    (UI_PAGES.has(parts[0] ?? "") && !parts.includes("api"));
  if (!isPage) return null;
  const fix = sentence`Use the API URL instead: ${asPlace(meantApiUrl(url) ?? CLOUD_FORM)}`;
  return { level: "fatal", message: own("is the address of a web page, not of the API"), fix };
}

function pathIssue(url: URL, cloudApiUrl: string): UrlIssue | null {
  const normal = baseUrlOf(url);
  const path = withoutEndSlashes(url.pathname);
  if (startsWithUrl(normal, cloudApiUrl) && !WORKSPACE.test(path)) {
    return { level: "fatal", message: own("names Prefect Cloud but no workspace"), fix: sentence`Use ${CLOUD_FORM}` };
  }
  if (path === "") return { level: "fatal", message: own("lacks /api"), fix: sentence`Use ${asPlace(normal)}/api` };
  if (path.split("/").includes("api") || WORKSPACE.test(path)) return null;
  return {
    level: "warning",
    message: own("does not contain /api, which Prefect's API URLs usually do"),
    fix: sentence`Try ${asPlace(normal)}/api, or set PREFECT_SILENCE_API_URL_MISCONFIGURATION=true if the URL is right`,
  };
}

/** All problems of an API URL. `lenient` (a setting of Prefect) leaves only those that make it unusable. */
export function apiUrlIssues(text: string, options: { cloudApiUrl: string; lenient: boolean }): readonly UrlIssue[] {
  const url = parseHttpUrl(text);
  if (!url) {
    return [
      {
        level: "fatal",
        message: own("is not an http or https URL"),
        fix: sentence`Write it like http://${asPlace(hostIn(text))}/api`,
      },
    ];
  }
  const issues: UrlIssue[] = [];
  if (url.username !== "" || url.password !== "") {
    const fix = own("Remove them and set PREFECT_API_AUTH_STRING=user:password instead");
    issues.push({ level: "fatal", message: own("contains a user name or password"), fix });
  }
  if (url.search !== "" || url.hash !== "") {
    const fix = sentence`Use ${asPlace(normaliseApiUrl(text) ?? CLOUD_FORM)}`;
    issues.push({ level: "warning", message: own("has a query or fragment, which is ignored"), fix });
  }
  const shape = options.lenient ? null : (pageIssue(url) ?? pathIssue(url, options.cloudApiUrl));
  return shape ? [...issues, shape] : issues;
}

function hostIn(text: string): string {
  const bare = text.trim().replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  return /^([\w.-]+(?::\d+)?)(?:\/|$)/.exec(bare)?.[1] ?? "127.0.0.1:4200";
}

export interface UiUrlOptions {
  readonly uiUrl: string | null;
  readonly cloudApiUrl: string;
  readonly cloudUiUrl: string | null;
}

/**
 * Base of UI links, without trailing slash; null without an API URL.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/_defaults.py
 */
export function uiBaseUrl(apiUrl: string | null, options: UiUrlOptions): string | null {
  if (options.uiUrl) return withoutEndSlashes(options.uiUrl);
  if (!apiUrl) return null;
  const base = startsWithUrl(apiUrl, options.cloudApiUrl)
    ? `${cloudUiUrl(options)}${apiUrl.slice(options.cloudApiUrl.length)}`
    : apiUrl;
  return base
    .replace(/\/api$/, "")
    .replaceAll("/api/", "/")
    .replaceAll("/accounts/", "/account/")
    .replaceAll("/workspaces/", "/workspace/");
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/cloud.py */
function cloudUiUrl({ cloudApiUrl, cloudUiUrl: configured }: UiUrlOptions): string {
  if (configured) return withoutEndSlashes(configured);
  const host = /^https:\/\/api[.\w]*\.prefect\.[^./]+\//.test(`${cloudApiUrl}/`)
    ? cloudApiUrl.replace("https://api", "https://app")
    : cloudApiUrl;
  return host.replace(/\/api$/, "");
}

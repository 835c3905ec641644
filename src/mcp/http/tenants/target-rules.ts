import { AppError } from "../../../errors.ts";
import { addressKind, isAddressText } from "../../../lib/address-kind.ts";
import type { Clock } from "../../../lib/clock.ts";
import { withoutEndSlashes } from "../../../lib/http-url.ts";
import { asName, type Checked, own, quote, sentence } from "../../../lib/shown-text.ts";
import { visibleText } from "../../../lib/visible-text.ts";

/** Which Prefect API the header X-Prefect-Api-Url may name. */
export interface TargetRules {
  /**
   * API URLs, URL prefixes that end in `*` (`https://host/path*`), origins (`https://host[:port]`), bare hosts, or `*.example.com` for
   * a domain. Empty: any public https host.
   */
  readonly allowed: readonly string[];
  /** Whether loopback targets, also over http, are allowed without being listed. True only when this server listens on loopback. */
  readonly isLoopbackAllowed: boolean;
}

/** `*` is accepted only for the rest of a path or the first labels of a host: `https://example*` would match `https://example.evil`. */
const ENTRY = /^(?:https?:\/\/[^/*]+(?:\/[^*]*\*?)?|(?:\*\.)?[^/*]+)$/;

/** Throws AppError `invalid_config` for an entry of the allow-list that is not valid. */
export function checkAllowed(allowed: readonly string[]): void {
  const wrong = allowed.find((entry) => !ENTRY.test(plainEntry(entry)));
  if (wrong === undefined) return;
  throw new AppError(
    "invalid_config",
    sentence`PREFECT_MCP_HTTP_ALLOWED_TARGETS holds ${quote(wrong)}, which is not a valid target.`,
    {
      hint: "Name API URLs, origins or hosts; * may end a URL with a path (https://host/*) or begin a domain (*.example.com).",
    },
  );
}

/** Scheme and host in lower case. Paths are compared as they are: servers distinguish `/A` and `/a`. */
function plainEntry(entry: string): string {
  const text = entry.trim();
  const origin = /^[^/]*(?:\/\/[^/]*)?/.exec(text)?.[0] ?? "";
  return `${origin.toLowerCase()}${withoutEndSlashes(text.slice(origin.length))}`;
}

export type LookupHost = (host: string) => Promise<readonly string[]>;

/** A lookup that rejects after `ms`. A resolver may take minutes to fail. */
export function lookupWithin(ms: number, clock: Clock, lookup: LookupHost): LookupHost {
  return async (host) => {
    const found = new AbortController();
    const late = clock.sleep(ms, found.signal).then(() => Promise.reject(new Error(`no answer in ${ms} ms`)));
    try {
      return await Promise.race([lookup(host), late]);
    } finally {
      late.catch(() => undefined);
      found.abort();
    }
  };
}

/**
 * Throws AppError `unauthorized` unless requests to the URL are allowed: https (http on loopback), no user info, on the allow-list
 * if there is one, and each address of its host public. Loopback and private addresses are allowed by the rules; link-local
 * addresses and metadata services of clouds never. Throws `unavailable` when the host name cannot be resolved.
 */
export async function checkTarget(url: string, rules: TargetRules, lookup: LookupHost): Promise<URL> {
  const target = parse(url);
  if (target.username !== "" || target.password !== "") throw refused("it contains user info");
  if (target.search !== "" || target.hash !== "") throw refused("it contains a query or a fragment");
  const wrong = pathProblem(target.pathname);
  if (wrong !== null) throw refused(sentence`its path ${wrong}`);
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const isListed = rules.allowed.some((entry) => matchesEntry(entry, target, host));
  if (rules.allowed.length > 0 && !isListed) {
    throw refused("it is not on the list of allowed targets (PREFECT_MCP_HTTP_ALLOWED_TARGETS)");
  }
  // The name may resolve to another address a moment later (DNS rebinding). Only a certificate protects against that.
  const isPlain = target.protocol !== "https:" && !isListed;
  if (isPlain && !isLoopbackName(host)) throw refused("only https is allowed, except on loopback");
  const kinds = new Set((isAddressText(host) ? [host] : await resolve(host, lookup)).map(addressKind));
  for (const kind of ["forbidden", "unknown"] as const) {
    if (kinds.has(kind)) throw refused("its address is link-local, a metadata service or not a public unicast address");
  }
  if (kinds.has("loopback")) {
    if (!rules.isLoopbackAllowed && !isListed) throw refused("loopback targets are allowed on a loopback bind only");
    if (kinds.size > 1) throw refused("its name has loopback and other addresses");
  } else if (isPlain) throw refused("only https is allowed, except on loopback");
  if (kinds.has("private") && !isListed) {
    throw refused("its address is private; put its host on the list of allowed targets to allow it");
  }
  return target;
}

type PathProblem =
  | "holds an encoded slash"
  | "holds bytes that are not UTF-8"
  | "is encoded twice"
  | "holds a semicolon"
  | "holds a blank, a control character or a backslash"
  | "holds an invisible character"
  | "holds an encoded question mark or hash"
  | "holds a wide slash"
  | "holds a segment of dots";

/** Characters that old encodings write as a slash or a backslash, beside those that NFKC does. */
const LIKE_SLASHES = /[\u2044\u2215\u2216\u29f5\u29f8\u29f9]/;
/** A segment that begins with two dots may be read as `..` by what drops the rest; U+3002 is a full stop in host names. */
const DOTS = /^(?:[.\u3002]{2}|[.\u3002]+$)/;

/**
 * Why a path is refused: servers and proxies may read it as another path than the one that is compared with the allow-list. They drop
 * what follows a semicolon, a decoded "?" or "#" (`/..;/`, `/..%23/`), decode twice (`.%252e`), take a backslash for a slash, drop invisible
 * characters, or decode invalid UTF-8 and wide characters to ASCII ones. `URL` has already resolved `..` and `%2e%2e`.
 */
function pathProblem(pathname: string): PathProblem | null {
  if (/%(?:2f|5c)/i.test(pathname)) return "holds an encoded slash";
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return "holds bytes that are not UTF-8";
  }
  if (path.includes("%")) return "is encoded twice";
  if (path.includes(";")) return "holds a semicolon";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused.
  if (/[\x00-\x20\x7f-\x9f\\]/.test(path)) return "holds a blank, a control character or a backslash";
  if (/[?#]/.test(path)) return "holds an encoded question mark or hash";
  if (visibleText(path) !== path) return "holds an invisible character";
  const plain = path.normalize("NFKC");
  if (plain.includes("\\") || LIKE_SLASHES.test(plain) || plain.split("/").length !== path.split("/").length)
    return "holds a wide slash";
  return plain.split("/").some((segment) => DOTS.test(segment)) ? "holds a segment of dots" : null;
}

/** At least one address. Every failure is `unavailable`: it may be temporary. */
async function resolve(host: string, lookup: LookupHost): Promise<readonly string[]> {
  let cause: unknown;
  try {
    const addresses = await lookup(host);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    cause = error;
  }
  throw new AppError("unavailable", sentence`The host ${asName(host)} does not resolve.`, {
    hint: "Check the host in X-Prefect-Api-Url, or try again in a moment.",
    cause,
  });
}

function parse(url: string): URL {
  try {
    const target = new URL(url);
    if (target.protocol === "https:" || target.protocol === "http:") return target;
  } catch {
    // refused below
  }
  throw refused("it is not an http(s) URL");
}

function refused<const Text extends string>(reason: Text & Checked<Text>): AppError {
  return new AppError("unauthorized", sentence`The target in X-Prefect-Api-Url is refused: ${own<Text>(reason)}.`, {
    hint: "Name a Prefect API URL that the operator of this server allows.",
    status: 403,
  });
}

function matchesEntry(entry: string, target: URL, host: string): boolean {
  const wanted = plainEntry(entry);
  if (!ENTRY.test(wanted)) return false;
  if (wanted.includes("://") && wanted.endsWith("*")) return `${plainUrl(target)}/`.startsWith(wanted.slice(0, -1));
  if (wanted.includes("://")) return coversUrl(wanted, target);
  if (wanted.startsWith("*.")) return host.endsWith(wanted.slice(1));
  return wanted === host || wanted === target.host.toLowerCase();
}

/** An entry with a path covers this path and all below it, an origin all of its paths. */
function coversUrl(wanted: string, target: URL): boolean {
  if (!URL.canParse(wanted)) return false;
  const given = plainUrl(new URL(wanted));
  return plainUrl(target) === given || plainUrl(target).startsWith(`${given}/`);
}

function plainUrl({ origin, pathname }: URL): string {
  return `${origin}${withoutEndSlashes(pathname)}`;
}

function isLoopbackName(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || (isAddressText(host) && addressKind(host) === "loopback")
  );
}

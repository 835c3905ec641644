import { AppError } from "../errors.ts";

/** Which Prefect a header may name. */
export interface TargetRules {
  /**
   * API URLs, `…*` for whatever begins so, `https://host[:port]` origins, bare hosts, `*.example.com` for a whole domain;
   * empty = any public https host.
   */
  readonly allowed: readonly string[];
  /** Loopback targets (http allowed there): by default only while this server itself is bound to loopback. */
  readonly allowLoopback: boolean;
}

export type LookupHost = (host: string) => Promise<readonly string[]>;

/**
 * Throws AppError `unauthorized` unless the URL may be asked: https (http on loopback), no user info, on the allow-list,
 * no address that is link-local, a cloud's metadata service, unspecified or multicast, and no private address unless it
 * is on the allow-list by name. Names are resolved and every address they have is judged.
 */
export async function checkTarget(url: string, rules: TargetRules, lookup: LookupHost): Promise<URL> {
  const target = parse(url);
  if (target.username !== "" || target.password !== "") throw refused("it carries user info");
  if (target.search !== "" || target.hash !== "") throw refused("it carries a query or a fragment");
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const isListed = rules.allowed.some((entry) => matchesEntry(entry, target, host));
  if (rules.allowed.length > 0 && !isListed && !(rules.allowLoopback && isLoopbackName(host))) {
    throw refused("it is not on the list of allowed targets (PREFECT_MCP_HTTP_ALLOWED_TARGETS)");
  }
  const addresses = isAddressText(host) ? [host] : await lookup(host);
  if (addresses.length === 0) throw new AppError("unavailable", `The host ${host} does not resolve.`);
  const kinds = new Set(addresses.map(addressKind));
  for (const kind of ["forbidden", "unknown"] as const) {
    if (kinds.has(kind)) throw refused("its address is link-local, a metadata service or not a unicast address");
  }
  if (kinds.has("loopback")) {
    if (!rules.allowLoopback && !isListed) throw refused("loopback targets are allowed on a loopback bind only");
    if (kinds.size > 1) throw refused("its name has loopback and other addresses");
  }
  // A name that anybody may point elsewhere a moment later is only safe behind a certificate.
  if (target.protocol !== "https:" && !isListed && !isLoopbackName(host)) {
    throw refused("only https is allowed, except on loopback");
  }
  if (kinds.has("private") && !isListed) {
    throw refused("its address is private; put its host on the list of allowed targets to allow it");
  }
  return target;
}

function parse(url: string): URL {
  try {
    const target = new URL(url);
    if (target.protocol === "https:" || target.protocol === "http:") return target;
  } catch {
    // said below
  }
  throw refused("it is not an http(s) URL");
}

function refused(reason: string): AppError {
  return new AppError("unauthorized", `The target in X-Prefect-Api-Url is refused: ${reason}.`, {
    hint: "Name a Prefect API URL that the operator of this server allows.",
    status: 403,
  });
}

function matchesEntry(entry: string, target: URL, host: string): boolean {
  const wanted = entry.trim().toLowerCase().replace(/\/+$/, "");
  if (wanted.includes("://") && wanted.endsWith("*")) return `${plainUrl(target)}/`.startsWith(wanted.slice(0, -1));
  if (wanted.includes("://")) return coversUrl(wanted, target);
  if (wanted.startsWith("*.")) return host.endsWith(wanted.slice(1));
  return wanted === host || wanted === target.host.toLowerCase();
}

/** A URL with a path stands for itself and what lies below it, an origin for all of its paths. */
function coversUrl(wanted: string, target: URL): boolean {
  if (!URL.canParse(wanted)) return false;
  const given = plainUrl(new URL(wanted));
  return plainUrl(target) === given || plainUrl(target).startsWith(`${given}/`);
}

function plainUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname.replace(/\/+$/, "")}`.toLowerCase();
}

function isLoopbackName(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || (isAddressText(host) && addressKind(host) === "loopback")
  );
}

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

export function isAddressText(host: string): boolean {
  return IPV4.test(host) || host.includes(":");
}

export type AddressKind = "public" | "private" | "loopback" | "forbidden" | "unknown";

/**
 * Kind of an IP address text. IPv4 ranges: RFC 6890, 169.254/16 holds the metadata services, fd00:ec2::254 likewise.
 * https://www.iana.org/assignments/iana-ipv4-special-registry
 */
export function addressKind(address: string): AddressKind {
  const lower = address.toLowerCase();
  const v4 = IPV4.exec(lower) ?? /^::ffff:(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(lower);
  if (v4) return ipv4Kind(v4.slice(1).map(Number));
  const groups = expandIpv6(lower);
  if (!groups) return "unknown";
  const [first = 0, second = 0] = groups;
  const head = groups.slice(0, 6);
  if (groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || groups[5] === 0)) {
    const low = ((groups[6] ?? 0) << 16) + (groups[7] ?? 0);
    if (groups[5] === 0 && low === 1) return "loopback";
    if (groups[5] === 0 && low === 0) return "forbidden";
    return ipv4Kind([(low >>> 24) & 255, (low >>> 16) & 255, (low >>> 8) & 255, low & 255]);
  }
  if (first === 0x64 && second === 0xff9b) {
    return ipv4Kind([(groups[6] ?? 0) >> 8, (groups[6] ?? 0) & 255, (groups[7] ?? 0) >> 8, (groups[7] ?? 0) & 255]);
  }
  if (first === 0xfd00 && second === 0x0ec2) return "forbidden";
  if ((first & 0xffc0) === 0xfe80 || (first & 0xff00) === 0xff00) return "forbidden";
  if ((first & 0xfe00) === 0xfc00) return "private";
  return head.length === 6 ? "public" : "unknown";
}

function ipv4Kind(parts: readonly number[]): AddressKind {
  const [a = 0, b = 0, c = 0, d = 0] = parts;
  if (parts.some((part) => part > 255)) return "unknown";
  if (a === 127) return "loopback";
  if (a === 0 || a >= 224 || (a === 169 && b === 254)) return "forbidden";
  if (a === 100 && b === 100 && c === 100 && d === 200) return "forbidden";
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 100 && b >= 64 && b < 128)) {
    return "private";
  }
  return "public";
}

function expandIpv6(text: string): number[] | null {
  const bare = text.split("%")[0] ?? "";
  const halves = bare.split("::");
  if (halves.length > 2) return null;
  const read = (half: string | undefined) => (half ? half.split(":").map((group) => Number.parseInt(group, 16)) : []);
  const left = read(halves[0]);
  const right = read(halves[1]);
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array<number>(halves.length === 1 ? 0 : missing).fill(0), ...right];
  return groups.every((group) => Number.isInteger(group) && group >= 0 && group <= 0xffff) ? groups : null;
}

import { AppError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";

/** Which Prefect API the header X-Prefect-Api-Url may name. */
export interface TargetRules {
  /**
   * API URLs, URL prefixes that end in `*` (`https://host/path*`), origins (`https://host[:port]`), bare hosts, or `*.example.com` for
   * a domain. Empty: any public https host.
   */
  readonly allowed: readonly string[];
  /** Whether loopback targets, also over http, are allowed without being listed. True only when this server listens on loopback. */
  readonly allowLoopback: boolean;
}

/** `*` is accepted only for the rest of a path or the first labels of a host: `https://example*` would match `https://example.evil`. */
const ENTRY = /^(?:https?:\/\/[^/*]+(?:\/[^*]*\*?)?|(?:\*\.)?[^/*]+)$/;

/** Throws AppError `invalid_config` for an entry of the allow-list that is not valid. */
export function checkAllowed(allowed: readonly string[]): void {
  const wrong = allowed.find((entry) => !ENTRY.test(plainEntry(entry)));
  if (wrong === undefined) return;
  throw new AppError(
    "invalid_config",
    `PREFECT_MCP_HTTP_ALLOWED_TARGETS holds "${wrong}", which is not a valid target.`,
    {
      hint: "Name API URLs, origins or hosts; * may end a URL with a path (https://host/*) or begin a domain (*.example.com).",
    },
  );
}

function plainEntry(entry: string): string {
  return entry.trim().toLowerCase().replace(/\/+$/, "");
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
  if (target.username !== "" || target.password !== "") throw refused("it holds user info");
  if (target.search !== "" || target.hash !== "") throw refused("it holds a query or a fragment");
  if (/%(?:2f|5c)/i.test(target.pathname)) throw refused("its path holds an encoded slash");
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
    if (!rules.allowLoopback && !isListed) throw refused("loopback targets are allowed on a loopback bind only");
    if (kinds.size > 1) throw refused("its name has loopback and other addresses");
  } else if (isPlain) throw refused("only https is allowed, except on loopback");
  if (kinds.has("private") && !isListed) {
    throw refused("its address is private; put its host on the list of allowed targets to allow it");
  }
  return target;
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
  throw new AppError("unavailable", `The host ${host} does not resolve.`, {
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

function refused(reason: string): AppError {
  return new AppError("unauthorized", `The target in X-Prefect-Api-Url is refused: ${reason}.`, {
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
  return `${origin}${pathname.replace(/(?<!\/)\/+$/, "")}`.toLowerCase();
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

/** The first prefix that fits decides; what none fits is public. 203.0.113.0/24, an example range too, leads nowhere. */
const IPV4_KINDS: readonly (readonly [string, AddressKind])[] = [
  ["127.0.0.0/8", "loopback"],
  // Alibaba's metadata service, inside the range of carriers.
  ["100.100.100.200/32", "forbidden"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "private"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  ["0.0.0.0/8", "forbidden"],
  ["169.254.0.0/16", "forbidden"],
  // Azure's host services, reachable from every machine there.
  ["168.63.129.16/32", "forbidden"],
  ["192.0.0.0/24", "forbidden"],
  ["192.0.2.0/24", "forbidden"],
  ["198.18.0.0/15", "forbidden"],
  ["198.51.100.0/24", "forbidden"],
  ["224.0.0.0/3", "forbidden"],
];

/** Blocks that hold an IPv4 address in their last 32 bits, which decides: mapped, translated (SIIT), NAT64. */
const IPV4_INSIDE = ["::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"];

/** The first prefix that fits decides; what none fits is forbidden: only 2000::/3 is handed out for the public network. */
const IPV6_KINDS: readonly (readonly [string, AddressKind])[] = [
  ["::1/128", "loopback"],
  // Metadata services of Amazon, Google and Oracle, inside the private range.
  ["fd00:ec2::/32", "forbidden"],
  ["fd20:ce::/32", "forbidden"],
  ["fd00:c1::/32", "forbidden"],
  ["fc00::/7", "private"],
  // Teredo and 6to4 hold IPv4 addresses that relays would dial; then benchmarks and examples.
  ["2001::/32", "forbidden"],
  ["2002::/16", "forbidden"],
  ["2001:2::/48", "forbidden"],
  ["2001:db8::/32", "forbidden"],
  ["3fff::/20", "forbidden"],
  ["2000::/3", "public"],
];

/**
 * Kind of an IP address text, by the registries of special-purpose addresses and of what is handed out at all:
 * https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry,
 * https://www.iana.org/assignments/ipv6-address-space. Beside them the fixed addresses of clouds' own services.
 */
export function addressKind(address: string): AddressKind {
  const bits = bitsOf(address.toLowerCase());
  if (bits === null) return "unknown";
  if (bits.length === 32) return kindIn(IPV4_KINDS, bits) ?? "public";
  if (IPV4_INSIDE.some((block) => isIn(block, bits))) return kindIn(IPV4_KINDS, bits.slice(96)) ?? "public";
  return kindIn(IPV6_KINDS, bits) ?? "forbidden";
}

function kindIn(kinds: readonly (readonly [string, AddressKind])[], bits: string): AddressKind | undefined {
  return kinds.find(([block]) => isIn(block, bits))?.[1];
}

/** Whether the bits begin as a block in CIDR notation does. */
function isIn(block: string, bits: string): boolean {
  const [start = "", length] = block.split("/");
  return bits.startsWith((bitsOf(start) ?? "").slice(0, Number(length)));
}

/** 32 or 128 characters 0 and 1; null for what is no address. */
function bitsOf(text: string): string | null {
  const v4 = IPV4.exec(text)?.slice(1).map(Number);
  if (v4) return v4.every((part) => part <= 255) ? inBits(v4, 8) : null;
  const groups = expandIpv6(text);
  return groups && inBits(groups, 16);
}

function inBits(numbers: readonly number[], width: number): string {
  return numbers.map((number) => number.toString(2).padStart(width, "0")).join("");
}

/** Eight groups; a dotted tail counts for two, a zone is left out. */
function expandIpv6(text: string): number[] | null {
  const bare = (text.split("%")[0] ?? "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...found) => {
    const [a = 0, b = 0, c = 0, d = 0] = found.slice(0, 4).map(Number);
    return Math.max(a, b, c, d) > 255 ? "no" : `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const halves = bare.split("::");
  if (halves.length > 2) return null;
  const read = (half: string | undefined) =>
    half
      ? half.split(":").map((group) => (/^[0-9a-f]{1,4}$/.test(group) ? Number.parseInt(group, 16) : Number.NaN))
      : [];
  const left = read(halves[0]);
  const right = read(halves[1]);
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array<number>(halves.length === 1 ? 0 : missing).fill(0), ...right];
  return groups.some(Number.isNaN) ? null : groups;
}

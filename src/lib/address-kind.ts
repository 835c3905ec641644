import { IPv4, IPv6 } from "ipaddr.js";

export type AddressKind = "public" | "private" | "loopback" | "forbidden" | "unknown";

/** Whether a host name is an IP address: four numbers, or IPv6 without brackets. It may still be an invalid one. */
export function isAddressText(host: string): boolean {
  return /^\d+(\.\d+){3}$/.test(host) || host.includes(":");
}

/** Fixed addresses of clouds' own services. Each machine there reaches them, and they may hand out its credentials. */
const CLOUD_SERVICES = [
  // Alibaba's metadata service, inside the shared address space of carriers.
  "100.100.100.200/32",
  // Azure's host services.
  "168.63.129.16/32",
  // Metadata services of Amazon, Google and Oracle, inside the unique local addresses.
  "fd00:ec2::/32",
  "fd20:ce::/32",
  "fd00:c1::/32",
].map((block) => (block.includes(":") ? IPv6.parseCIDR(block) : IPv4.parseCIDR(block)));

/** The only IPv6 block that is assigned for the public network: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL_UNICAST = IPv6.parseCIDR("2000::/3");
/** NAT64 with the well-known prefix: the last 32 bits are the IPv4 address that is dialled (RFC 6052). */
const NAT64 = IPv6.parseCIDR("64:ff9b::/96");

/**
 * Kind of an IP address. Public is only what no registry of special-purpose addresses names, not even as globally reachable:
 * https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry.
 * An IPv6 address that stands for an IPv4 address (mapped, translated, NAT64) has the kind of the latter.
 */
export function addressKind(text: string): AddressKind {
  const address = parse(text);
  if (address === null) return "unknown";
  const isCloudService = CLOUD_SERVICES.some(
    ([block, bits]) => block.kind() === address.kind() && address.match(block, bits),
  );
  if (isCloudService) return "forbidden";
  const range = address.range();
  if (range === "loopback") return "loopback";
  if (range === "private" || range === "carrierGradeNat" || range === "uniqueLocal") return "private";
  if (isTunnel(address)) return "forbidden";
  const isUnicast = range === "unicast" && (address.kind() === "ipv4" || address.match(...GLOBAL_UNICAST));
  return isUnicast ? "public" : "forbidden";
}

/** ISATAP: the last 32 bits are the IPv4 address to which a tunnel leads (RFC 5214, section 6.1). */
function isTunnel(address: IPv4 | IPv6): boolean {
  const [high = 0, low = 0] = address.toByteArray().slice(8, 10);
  const mark = address.toByteArray().slice(10, 12);
  return address.kind() === "ipv6" && (high & 0xfd) === 0 && low === 0 && mark[0] === 0x5e && mark[1] === 0xfe;
}

/** Null for text that is not an address. Short, octal and hexadecimal forms of IPv4 are not accepted. */
function parse(text: string): IPv4 | IPv6 | null {
  if (!text.includes(":")) return IPv4.isValidFourPartDecimal(text) ? IPv4.parse(text) : null;
  if (!IPv6.isValid(text)) return null;
  const address = IPv6.parse(text);
  const range = address.range();
  const holdsIpv4 = range === "ipv4Mapped" || range === "rfc6145" || address.match(...NAT64);
  return holdsIpv4 ? new IPv4(address.toByteArray().slice(12)) : address;
}

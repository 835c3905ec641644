/** Which URLs messages may be sent to: the rules for the API URLs that callers of `serve --http` name. */
import { AppError } from "../errors.ts";
import { addressKind, isAddressText } from "../lib/address-kind.ts";
import { asName, type Checked, own, sentence } from "../lib/shown-text.ts";

export interface WebhookRules {
  /** Hosts, with or without a port, that may have a private address or plain http. */
  readonly allowed: readonly string[];
  /** The addresses of a host name. */
  lookup(host: string): Promise<readonly string[]>;
}

/**
 * Throws AppError `invalid_config` unless messages may be sent to the URL: https (http on loopback), no user info, and each address of
 * the host public or loopback. Private addresses have to be allowed; link-local addresses and metadata services of clouds never are.
 * Throws `unavailable` when the host name cannot be resolved.
 */
export async function checkWebhookTarget(text: string, { allowed, lookup }: WebhookRules): Promise<URL> {
  if (!URL.canParse(text)) throw refused("it is no URL");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refused("it is not an http(s) URL");
  if (url.username !== "" || url.password !== "") throw refused("it contains user info");
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const isListed = allowed.some((entry) => [host, url.host.toLowerCase()].includes(entry.trim().toLowerCase()));
  const addresses = isAddressText(host) ? [host] : await resolve(host, lookup);
  const kinds = new Set(addresses.map(addressKind));
  if (kinds.has("forbidden") || kinds.has("unknown"))
    throw refused("its address is link-local, a metadata service or not a public unicast address");
  if (kinds.has("loopback") && kinds.size > 1) throw refused("its name has loopback and other addresses");
  if (kinds.has("private") && !isListed)
    throw refused("its address is private; PREFECT_MCP_WEBHOOK_ALLOWED_HOSTS has to name its host");
  if (url.protocol === "http:" && !kinds.has("loopback") && !isListed)
    throw refused("only https is allowed, except on loopback");
  return url;
}

async function resolve(host: string, lookup: WebhookRules["lookup"]): Promise<readonly string[]> {
  let cause: unknown;
  try {
    const addresses = await lookup(host);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    cause = error;
  }
  throw new AppError("unavailable", sentence`The host ${asName(host)} of the webhook does not resolve.`, {
    hint: "Check the URL given to --webhook, or try again in a moment.",
    cause,
  });
}

function refused<const Text extends string>(reason: Text & Checked<Text>): AppError {
  return new AppError("invalid_config", sentence`The URL of the webhook is refused: ${own<Text>(reason)}.`, {
    hint: "Give a public https URL, or one on this machine, to --webhook.",
  });
}

import { isPlaceholder } from "../../../config/placeholders.ts";
import { AppError } from "../../../errors.ts";
import { type Checked, own, sentence } from "../../../lib/shown-text.ts";
import type { PrefectAuth } from "../../../model/prefect-auth.ts";

/** The headers that Prefect's own MCP server has too. They name a caller's Prefect, to be used instead of the server's own. */
export const TENANT_HEADERS = {
  url: "x-prefect-api-url",
  key: "x-prefect-api-key",
  authString: "x-prefect-api-auth-string",
} as const;

/** The Prefect that a caller names in its headers. */
export interface TenantTarget {
  readonly url: string;
  readonly credential: PrefectAuth;
}

/**
 * Null without any tenant header: the server's own Prefect. An incomplete or contradictory set throws AppError `unauthorized` and
 * never uses the server's own credentials. A URL without a credential header is complete: a Prefect with authentication answers 401.
 */
export function readTenantHeaders(headers: Headers): TenantTarget | null {
  const url = headers.get(TENANT_HEADERS.url);
  const key = headers.get(TENANT_HEADERS.key);
  const authString = headers.get(TENANT_HEADERS.authString);
  if (url === null && key === null && authString === null) return null;
  for (const name of Object.values(TENANT_HEADERS)) {
    if (isPlaceholder(headers.get(name) ?? "")) {
      throw unusableHeaders(`${name} holds a placeholder that the client did not replace`);
    }
  }
  if (url !== null && url.trim() === "" && key === null && authString === null) {
    throw unusableHeaders(`${TENANT_HEADERS.url} is empty`);
  }
  if (url === null || url.trim() === "") {
    throw unusableHeaders(
      `${key !== null ? TENANT_HEADERS.key : TENANT_HEADERS.authString} was sent without ${TENANT_HEADERS.url}`,
    );
  }
  if (key !== null && authString !== null) {
    throw unusableHeaders(`${TENANT_HEADERS.key} and ${TENANT_HEADERS.authString} were both sent`);
  }
  if (key !== null) {
    if (key.trim() === "") throw unusableHeaders(`${TENANT_HEADERS.key} is empty`);
    return { url: url.trim(), credential: { kind: "key", key: key.trim() } };
  }
  if (authString !== null) {
    if (authString.trim() === "") throw unusableHeaders(`${TENANT_HEADERS.authString} is empty`);
    return { url: url.trim(), credential: { kind: "basic", authString } };
  }
  return { url: url.trim(), credential: { kind: "none" } };
}

function unusableHeaders<const Text extends string>(what: Text & Checked<Text>): AppError {
  return new AppError("unauthorized", sentence`The Prefect headers cannot be used: ${own<Text>(what)}.`, {
    hint: `Send ${TENANT_HEADERS.url} with exactly one of ${TENANT_HEADERS.key} and ${TENANT_HEADERS.authString}, or none of the three.`,
    status: 400,
  });
}

/** OAuth protected resource metadata: where a client gets an access token. https://www.rfc-editor.org/rfc/rfc9728 */
import type { CallerAuthSettings } from "./caller-auth.ts";

export const METADATA_PATH = "/.well-known/oauth-protected-resource";

/** The metadata document, or null where no issuer is configured. */
export function resourceMetadata({ oidc }: CallerAuthSettings): Record<string, unknown> | null {
  if (!oidc) return null;
  return {
    resource: oidc.audience,
    authorization_servers: [oidc.issuer],
    bearer_methods_supported: ["header"],
    ...(oidc.scopes.length > 0 ? { scopes_supported: oidc.scopes } : {}),
    resource_name: "prefect-mcp-bun",
  };
}

/** Value of the `WWW-Authenticate` header of a refusal with this status. */
export function challenge({ oidc }: CallerAuthSettings, status: number, hadToken: boolean): string {
  const parts = ['realm="prefect-mcp-bun"'];
  if (status === 403) parts.push('error="insufficient_scope"');
  else if (hadToken) parts.push('error="invalid_token"');
  if (oidc) {
    const { origin, pathname } = new URL(oidc.audience);
    if (oidc.scopes.length > 0) parts.push(`scope="${oidc.scopes.join(" ")}"`);
    parts.push(`resource_metadata="${origin}${METADATA_PATH}${pathname === "/" ? "" : pathname}"`);
  }
  return `Bearer ${parts.join(", ")}`;
}

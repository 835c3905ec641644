/** Checks of the settings that must pass before the server listens. */

import { readFileSync } from "node:fs";
import type { HttpSettings } from "../../config/settings.ts";
import { AppError } from "../../errors.ts";
import { addressKind } from "../../lib/address-kind.ts";
import { asPlace, asReason, sentence } from "../../lib/shown-text.ts";
import { systemReason } from "../../lib/system-errors.ts";
import type { CallerAuthSettings } from "./caller-auth.ts";
import { checkAllowed } from "./tenants/target-rules.ts";

export function isLoopbackBind(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "localhost" || addressKind(bare) === "loopback";
}

/** Throws AppError `invalid_config` with the sentence that fixes it. */
export function checkBind({ host, tokens, oidc, allowedTargets }: HttpSettings): void {
  checkAllowed(allowedTargets);
  if (isLoopbackBind(host) || tokens.length > 0 || oidc !== null) return;
  throw new AppError(
    "invalid_config",
    sentence`Refusing to listen on ${asPlace(host)} without caller authentication: anyone who can reach it could read the workspace.`,
    {
      hint: "Set PREFECT_MCP_HTTP_TOKENS to a long random token (or PREFECT_MCP_HTTP_OIDC_ISSUER), or leave out --host to listen on 127.0.0.1 only.",
    },
  );
}

/** Throws AppError `invalid_config` when the settings of the issuer are incomplete. */
export function callerAuthOf({ tokens, oidc }: HttpSettings): CallerAuthSettings {
  if (oidc === null) return { tokens, oidc };
  const { audience } = oidc;
  if (audience === null || !URL.canParse(audience)) {
    throw new AppError("invalid_config", "PREFECT_MCP_HTTP_OIDC_AUDIENCE must be the URL of this server's /mcp.", {
      hint: "Set it to the address that callers use, for example https://mcp.example.com/mcp.",
    });
  }
  for (const [name, url] of [
    ["PREFECT_MCP_HTTP_OIDC_ISSUER", oidc.issuer],
    ["PREFECT_MCP_HTTP_OIDC_JWKS_URL", oidc.jwksUrl],
  ] as const) {
    if (URL.canParse(url) && (url.startsWith("https:") || isLoopbackBind(new URL(url).hostname))) continue;
    throw new AppError("invalid_config", `${name} must be an https URL.`, { hint: `Correct ${name}.` });
  }
  return { tokens, oidc: { ...oidc, audience } };
}

/** Certificate and key; null to serve plain http. Throws AppError `invalid_config`. */
export function tlsOf({ tlsCertFile, tlsKeyFile }: HttpSettings): { cert: string; key: string } | null {
  if (tlsCertFile === null && tlsKeyFile === null) return null;
  if (tlsCertFile === null || tlsKeyFile === null) {
    throw new AppError("invalid_config", "Serving over TLS needs both a certificate and its key.", {
      hint: "Give --tls-cert and --tls-key together.",
    });
  }
  return { cert: readPem(tlsCertFile, "--tls-cert"), key: readPem(tlsKeyFile, "--tls-key") };
}

function readPem(file: string, flag: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new AppError(
      "invalid_config",
      sentence`${asPlace(flag)} cannot be read: ${asReason(systemReason(error) ?? "unknown reason")}.`,
      {
        hint: sentence`Name a readable PEM file with ${asPlace(flag)}.`,
      },
    );
  }
}

/**
 * Authentication of callers to this server: bearer tokens set by the operator, or access tokens of an OIDC/OAuth issuer for which this
 * server is the resource (RFC 9728, RFC 8707). It does not decide which Prefect a caller may see; `tenants/` does.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { AppError } from "../../errors.ts";
import { asNames, type Checked, own, sentence } from "../../lib/shown-text.ts";

export interface OidcSettings {
  readonly issuer: string;
  /** Value that `aud` must hold: this server's own URL. */
  readonly audience: string;
  readonly jwksUrl: string;
  readonly scopes: readonly string[];
}

export interface CallerAuthSettings {
  /** Static bearer tokens; each of them is accepted. */
  readonly tokens: readonly string[];
  readonly oidc: OidcSettings | null;
}

export interface Caller {
  /** Stable and never the token: used in limits, metrics and log lines. */
  readonly id: string;
  readonly scopes: readonly string[];
  /** When the access token expires, milliseconds since 1970; absent for tokens that do not. */
  readonly expiresMs?: number;
}

export interface CallerAuth {
  readonly isRequired: boolean;
  /** Throws AppError `unauthorized`; its message never holds the token. */
  authenticate(headers: Headers): Promise<Caller>;
}

const ANONYMOUS: Caller = { id: "anonymous", scopes: [] };

export function createCallerAuth(settings: CallerAuthSettings): CallerAuth {
  const digests = settings.tokens.map(digest);
  const oidc = settings.oidc;
  const keys = oidc ? createRemoteJWKSet(new URL(oidc.jwksUrl)) : null;
  const isRequired = digests.length > 0 || oidc !== null;

  return {
    isRequired,
    async authenticate(headers) {
      if (!isRequired) return ANONYMOUS;
      const token = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
      if (token === undefined) throw refused("A bearer token is required.");
      const given = digest(token);
      // All digests are compared in constant time, so that the duration reveals nothing about a token.
      const known = digests.filter((one) => timingSafeEqual(one, given)).length > 0;
      if (known) return { id: `token:${given.toString("hex").slice(0, 12)}`, scopes: [] };
      if (!oidc || !keys) throw refused("The bearer token is unknown.");
      return await verifyAccessToken(token, oidc, keys);
    },
  };
}

async function verifyAccessToken(
  token: string,
  oidc: OidcSettings,
  keys: ReturnType<typeof createRemoteJWKSet>,
): Promise<Caller> {
  let payload: Awaited<ReturnType<typeof jwtVerify>>["payload"];
  try {
    ({ payload } = await jwtVerify(token, keys, {
      issuer: oidc.issuer,
      audience: oidc.audience,
      clockTolerance: 30,
      // A token that never expires cannot be revoked, and all tokens without a subject would count as one caller.
      requiredClaims: ["exp", "sub"],
    }));
  } catch (cause) {
    if (cause instanceof errors.JWKSTimeout || cause instanceof TypeError || isKeyFetch(cause)) {
      throw new AppError("unavailable", "The keys of the token issuer cannot be read at the moment.", {
        cause,
        status: 503,
      });
    }
    throw refused("The access token is not valid for this server.", cause);
  }
  if (typeof payload.sub !== "string" || payload.sub === "") throw refused("The access token names no subject.");
  const granted = typeof payload.scope === "string" ? payload.scope.split(" ") : [];
  const missing = oidc.scopes.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) {
    throw new AppError("unauthorized", sentence`The access token lacks the scope ${asNames(missing)}.`, {
      hint: "Ask the issuer for a token with this scope.",
      status: 403,
    });
  }
  const subject = `${payload.iss ?? ""} ${payload.sub}`;
  return {
    id: `sub:${digest(subject).toString("hex").slice(0, 12)}`,
    scopes: granted,
    ...(payload.exp === undefined ? {} : { expiresMs: payload.exp * 1000 }),
  };
}

/** jose throws a plain JOSEError when the issuer's key server refuses; each fault of the token itself has its own error class. */
function isKeyFetch(cause: unknown): boolean {
  return cause instanceof errors.JOSEError && cause.code === "ERR_JOSE_GENERIC";
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refused<const Text extends string>(message: Text & Checked<Text>, cause?: unknown): AppError {
  return new AppError("unauthorized", own<Text>(message), {
    hint: "Send Authorization: Bearer <token> with a token that the operator of this server gave you.",
    status: 401,
    ...(cause === undefined ? {} : { cause }),
  });
}

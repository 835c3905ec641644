/**
 * Authentication of callers to this server: bearer tokens set by the operator, or access tokens of an OIDC/OAuth issuer for which this
 * server is the resource (RFC 9728, RFC 8707). It does not decide which Prefect a caller may see; `tenants/` does.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { asNames, type Checked, own, sentence } from "../../lib/shown-text.ts";
import { addMs, NEVER_MS, type SteadyMs, toDate } from "../../lib/time.ts";

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

/** The issuer's keys are read again after this time, so that one that it has withdrawn is not accepted for long. */
const KEYS_VALID_MS = 10 * 60_000;
/** How far the issuer's clock may differ from this machine's. */
const TOLERANCE_S = 30;
/** Access tokens whose end is remembered. */
const MAX_TOKENS = 10_000;

const ANONYMOUS: Caller = { id: "anonymous", scopes: [] };

export function createCallerAuth(settings: CallerAuthSettings, clock: Clock): CallerAuth {
  const digests = settings.tokens.map(digest);
  const oidc = settings.oidc;
  const issuer = oidc ? new Issuer(oidc, clock) : null;
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
      if (!issuer) throw refused("The bearer token is unknown.");
      return await issuer.verify(token, given.toString("hex"));
    },
  };
}

/**
 * Verifies access tokens. Their times can only be compared with the wall clock, which may be set back; then a token that has ended
 * would be valid again. So the end of each token is kept on the steady clock from when it was first accepted, and the age of the keys
 * is measured there too.
 */
class Issuer {
  private readonly oidc: OidcSettings;
  private readonly clock: Clock;
  private readonly keys: ReturnType<typeof createRemoteJWKSet>;
  private keysReadMs: SteadyMs = NEVER_MS;
  private reading: Promise<void> | null = null;
  private readonly ends = new LRUCache<string, SteadyMs>({ max: MAX_TOKENS });

  constructor(oidc: OidcSettings, clock: Clock) {
    this.oidc = oidc;
    this.clock = clock;
    this.keys = createRemoteJWKSet(new URL(oidc.jwksUrl), { cacheMaxAge: Number.POSITIVE_INFINITY });
  }

  /** `id`: the same for each use of the token. */
  async verify(token: string, id: string): Promise<Caller> {
    const caller = await verifyAccessToken(token, this.oidc, this.clock, () => this.currentKeys());
    const nowMs = this.clock.steadyMs();
    const leftMs = (caller.expiresMs ?? 0) + TOLERANCE_S * 1000 - this.clock.nowUs() / 1000;
    const endMs = this.ends.get(id) ?? addMs(nowMs, leftMs);
    this.ends.set(id, endMs);
    if (nowMs >= endMs) throw refused("The access token is not valid for this server.");
    return caller;
  }

  private async currentKeys(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.keysReadMs >= KEYS_VALID_MS) {
      this.reading ??= this.keys.reload().finally(() => {
        this.reading = null;
      });
      await this.reading;
      this.keysReadMs = nowMs;
    }
    return this.keys;
  }
}

async function verifyAccessToken(
  token: string,
  oidc: OidcSettings,
  clock: Clock,
  currentKeys: () => Promise<ReturnType<typeof createRemoteJWKSet>>,
): Promise<Caller> {
  let payload: Awaited<ReturnType<typeof jwtVerify>>["payload"];
  try {
    ({ payload } = await jwtVerify(token, await currentKeys(), {
      issuer: oidc.issuer,
      audience: oidc.audience,
      clockTolerance: TOLERANCE_S,
      currentDate: toDate(clock.nowUs()),
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

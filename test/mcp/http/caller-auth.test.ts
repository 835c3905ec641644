import { describe, expect, test } from "bun:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { AppError } from "../../../src/errors.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { type CallerAuth, createCallerAuth } from "../../../src/mcp/http/caller-auth.ts";
import { failureOf } from "../../support/failure-of.ts";
import { SettableClock } from "../../support/time/settable-clock.ts";

async function outcome(auth: CallerAuth, authorization?: string): Promise<string> {
  try {
    const caller = await auth.authenticate(new Headers(authorization === undefined ? {} : { authorization }));
    return caller.id.split(":")[0] ?? "";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe("unauthorized");
    for (const word of (authorization ?? "").split(" ").slice(1).filter(Boolean))
      expect(error.message).not.toContain(word);
    return error.message;
  }
}

describe("bearer tokens", () => {
  test("are not asked for when none is set", async () => {
    const auth = createCallerAuth({ tokens: [], oidc: null }, systemClock);
    expect(auth.isRequired).toBe(false);
    expect(await outcome(auth)).toBe("anonymous");
  });

  test("that are set are accepted; any other is refused without being echoed", async () => {
    const auth = createCallerAuth({ tokens: ["first-token", "second-token"], oidc: null }, systemClock);
    expect(await outcome(auth, "Bearer second-token")).toBe("token");
    expect(await outcome(auth)).toBe("A bearer token is required.");
    expect(await outcome(auth, "Basic second-token")).toBe("A bearer token is required.");
    expect(await outcome(auth, "Bearer second-toke")).toBe("The bearer token is unknown.");
    expect(await outcome(auth, "Bearer ")).toBe("A bearer token is required.");
  });
});

describe("access tokens of an issuer", () => {
  test("are accepted only with the right issuer, audience, scope, time and signature", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const stranger = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" };
    await using server = Bun.serve({ port: 0, fetch: () => Response.json({ keys: [jwk] }) });
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
      scopes: ["prefect:read"],
    };
    const auth = createCallerAuth({ tokens: [], oidc }, systemClock);
    const sign = (over: { iss?: string; aud?: string; scope?: string; exp?: string; key?: CryptoKey }) =>
      new SignJWT({ scope: over.scope ?? "prefect:read other" })
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setSubject("someone")
        .setIssuer(over.iss ?? oidc.issuer)
        .setAudience(over.aud ?? oidc.audience)
        .setExpirationTime(over.exp ?? "5m")
        .sign(over.key ?? privateKey);
    expect(await outcome(auth, `Bearer ${await sign({})}`)).toBe("sub");
    expect(await outcome(auth, `Bearer ${await sign({ scope: "other" })}`)).toContain("lacks the scope");
    for (const wrong of [
      { iss: "https://evil.example.com" },
      { aud: "https://other.example.com" },
      { exp: "-5m" },
      { key: stranger.privateKey },
    ]) {
      expect(await outcome(auth, `Bearer ${await sign(wrong)}`)).toBe("The access token is not valid for this server.");
    }
    expect(await outcome(auth, "Bearer not.a.jwt")).toBe("The access token is not valid for this server.");
  });

  test("without an expiry or a subject are refused; the caller carries the expiry", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" };
    await using server = Bun.serve({ port: 0, fetch: () => Response.json({ keys: [jwk] }) });
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
      scopes: [],
    };
    const auth = createCallerAuth({ tokens: ["a-token-that-stays"], oidc }, systemClock);
    const endless = new SignJWT({})
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject("someone")
      .setIssuer(oidc.issuer)
      .setAudience(oidc.audience);
    expect(await outcome(auth, `Bearer ${await endless.sign(privateKey)}`)).toBe(
      "The access token is not valid for this server.",
    );
    const subject = (sub?: string) =>
      new SignJWT(sub === undefined ? { client_id: "someone" } : { sub })
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setIssuer(oidc.issuer)
        .setAudience(oidc.audience)
        .setExpirationTime("5m")
        .sign(privateKey);
    expect(await outcome(auth, `Bearer ${await subject()}`)).toBe("The access token is not valid for this server.");
    expect(await outcome(auth, `Bearer ${await subject("")}`)).toBe("The access token names no subject.");
    const endS = Math.floor(systemClock.nowUs() / 1_000_000) + 300;
    const ending = `Bearer ${await endless.setExpirationTime(endS).sign(privateKey)}`;
    expect((await auth.authenticate(new Headers({ authorization: ending }))).expiresMs).toBe(endS * 1000);
    const lasting = await auth.authenticate(new Headers({ authorization: "Bearer a-token-that-stays" }));
    expect(lasting).not.toHaveProperty("expiresMs");
  });

  test("that have ended stay so when the wall clock is set back, and so do keys that the issuer has withdrawn", async () => {
    const pair = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" };
    let keys = [jwk];
    await using server = Bun.serve({ port: 0, fetch: () => Response.json({ keys }) });
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
      scopes: [],
    };
    const clock = new SettableClock(systemClock.nowUs());
    const auth = createCallerAuth({ tokens: [], oidc }, clock);
    const sign = async (endsInS: number) =>
      `Bearer ${await new SignJWT({})
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setSubject("someone")
        .setIssuer(oidc.issuer)
        .setAudience(oidc.audience)
        .setExpirationTime(Math.floor(clock.nowUs() / 1_000_000) + endsInS)
        .sign(pair.privateKey)}`;
    const short = await sign(300);
    expect(await outcome(auth, short)).toBe("sub");
    clock.pass(400_000);
    clock.step(-2 * 3_600_000);
    expect(await outcome(auth, short)).toBe("The access token is not valid for this server.");
    expect(await outcome(auth, await sign(300))).toBe("sub");
    keys = [];
    clock.pass(600_000);
    expect(await outcome(auth, await sign(300))).toBe("The access token is not valid for this server.");
  });

  test("are answered with `unavailable` while the issuer's keys cannot be read", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const answers: (() => Response)[] = [
      () => new Response("busy", { status: 500 }),
      () => new Response("<html>", { status: 200 }),
      () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/elsewhere" } }),
    ];
    await using server = Bun.serve({
      port: 0,
      fetch: (request) => answers[Number(new URL(request.url).pathname.slice(1))]?.() ?? new Response(),
    });
    const away = `http://127.0.0.1:${server.port}`;
    for (const jwksUrl of [`${away}/0`, `${away}/1`, `${away}/2`, "http://127.0.0.1:1/jwks"]) {
      const oidc = {
        issuer: "https://login.example.com",
        audience: "https://mcp.example.com/mcp",
        jwksUrl,
        scopes: [],
      };
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setIssuer(oidc.issuer)
        .setAudience(oidc.audience)
        .setExpirationTime("5m")
        .sign(privateKey);
      const failure = await failureOf(
        createCallerAuth({ tokens: [], oidc }, systemClock).authenticate(
          new Headers({ authorization: `Bearer ${token}` }),
        ),
      );
      expect({ jwksUrl, code: failure.code, status: failure.status }).toEqual({
        jwksUrl,
        code: "unavailable",
        status: 503,
      });
      expect(failure.message).not.toContain(token);
    }
  });
});

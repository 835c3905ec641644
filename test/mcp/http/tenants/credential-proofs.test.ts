import { describe, expect, test } from "bun:test";
import { CredentialProofs } from "../../../../src/mcp/http/tenants/credential-proofs.ts";
import type { TenantTarget } from "../../../../src/mcp/http/tenants/tenant-headers.ts";

const settings = { recheckMs: 1_000, offlineMs: 10_000, maxProofs: 2 };
const target = (key: string): TenantTarget => ({
  url: "https://p.example.com/api",
  credential: { kind: "key", key },
});

describe("credential proofs", () => {
  test("age from fresh to aging to none; a new acceptance makes them fresh again", () => {
    const proofs = new CredentialProofs(settings);
    const key = proofs.keyOf(target("a"));
    expect(proofs.state(key, 0)).toBe("none");
    proofs.accept(key, 0);
    expect([999, 1_000, 9_999].map((at) => proofs.state(key, at))).toEqual(["fresh", "aging", "aging"]);
    proofs.accept(key, 9_999);
    expect(proofs.state(key, 10_500)).toBe("fresh");
    expect(proofs.state(key, 30_000)).toBe("none");
  });

  test("end at once with a refusal", () => {
    const proofs = new CredentialProofs(settings);
    const key = proofs.keyOf(target("a"));
    proofs.accept(key, 0);
    proofs.refuse(key);
    expect(proofs.state(key, 1)).toBe("none");
  });

  test("have keys that differ by URL, kind and secret, hold none of them, and differ in each process", () => {
    const proofs = new CredentialProofs(settings);
    const keys = [
      target("a"),
      target("b"),
      { ...target("a"), url: "https://q.example.com/api" },
      { url: "https://p.example.com/api", credential: { kind: "basic", authString: "a" } },
      { url: "https://p.example.com/api", credential: { kind: "none" } },
    ].map((one) => proofs.keyOf(one as TenantTarget));
    expect(new Set(keys).size).toBe(5);
    expect(keys.every((key) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
    expect(new CredentialProofs(settings).keyOf(target("a"))).not.toBe(keys[0] ?? "");
  });

  test("beyond the limit drop the oldest first", () => {
    const proofs = new CredentialProofs(settings);
    for (const key of ["1", "2", "3"]) proofs.accept(key, 0);
    expect(["1", "2", "3"].map((key) => proofs.state(key, 1))).toEqual(["none", "fresh", "fresh"]);
  });
});

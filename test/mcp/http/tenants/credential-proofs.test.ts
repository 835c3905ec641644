import { describe, expect, test } from "bun:test";
import { CredentialProofs } from "../../../../src/mcp/http/tenants/credential-proofs.ts";
import type { TenantTarget } from "../../../../src/mcp/http/tenants/tenant-headers.ts";
import { T0_US } from "../../../support/builders.ts";
import { SettableClock } from "../../../support/time/settable-clock.ts";

const settings = { recheckMs: 1_000, offlineMs: 10_000, maxProofs: 2 };
const target = (key: string): TenantTarget => ({
  url: "https://p.example.com/api",
  credential: { kind: "key", key },
});

const HOUR_MS = 3_600_000;

/** Credentials that Prefect has just accepted. */
function accepted() {
  const clock = new SettableClock(T0_US);
  const proofs = new CredentialProofs(settings, clock);
  const key = proofs.keyOf(target("a"));
  proofs.accept(key, proofs.now());
  return { clock, proofs, key };
}

describe("credential proofs", () => {
  test("age from fresh to aging to none; a new acceptance makes them fresh again", () => {
    const { clock, proofs, key } = accepted();
    expect(proofs.state(proofs.keyOf(target("b")))).toBe("none");
    const states = [999, 1, 8_999].map((ms) => {
      clock.pass(ms);
      return proofs.state(key);
    });
    expect(states).toEqual(["fresh", "aging", "aging"]);
    proofs.accept(key, proofs.now());
    clock.pass(501);
    expect(proofs.state(key)).toBe("fresh");
    clock.pass(19_500);
    expect(proofs.state(key)).toBe("none");
  });

  test("end at once with a refusal", () => {
    const { proofs, key } = accepted();
    proofs.refuse(key);
    expect(proofs.state(key)).toBe("none");
  });

  test("do not become younger when the clock is set back: then their age is unknown, and they are none", () => {
    const { clock, proofs, key } = accepted();
    clock.pass(500);
    clock.step(-2 * HOUR_MS);
    expect(proofs.state(key)).toBe("none");
    clock.step(2 * HOUR_MS);
    expect(proofs.state(key)).toBe("none");
  });

  test("age by the steady clock when the wall clock was set back by less than their age", () => {
    const { clock, proofs, key } = accepted();
    clock.pass(9_000);
    clock.step(-8_500);
    expect(proofs.state(key)).toBe("aging");
    clock.pass(1_000);
    expect(proofs.state(key)).toBe("none");
  });

  test("age by the wall clock after a suspend that the steady clock does not count", () => {
    const { clock, proofs, key } = accepted();
    clock.suspendUncounted(HOUR_MS);
    expect(proofs.state(key)).toBe("none");
  });

  test("have keys that differ by URL, kind and secret, hold none of them, and differ in each process", () => {
    const proofs = new CredentialProofs(settings, new SettableClock(T0_US));
    const keys = [
      target("a"),
      target("b"),
      { ...target("a"), url: "https://q.example.com/api" },
      { url: "https://p.example.com/api", credential: { kind: "basic", authString: "a" } },
      { url: "https://p.example.com/api", credential: { kind: "none" } },
    ].map((one) => proofs.keyOf(one as TenantTarget));
    expect(new Set(keys).size).toBe(5);
    expect(keys.every((key) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
    expect(new CredentialProofs(settings, new SettableClock(T0_US)).keyOf(target("a"))).not.toBe(keys[0] ?? "");
  });

  test("beyond the limit drop the oldest first", () => {
    const proofs = new CredentialProofs(settings, new SettableClock(T0_US));
    for (const key of ["1", "2", "3"]) proofs.accept(key, proofs.now());
    expect(["1", "2", "3"].map((key) => proofs.state(key))).toEqual(["none", "fresh", "fresh"]);
  });
});

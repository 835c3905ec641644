import { describe, expect, test } from "bun:test";
import { createConfirmations, newChangeId, VALID_MS } from "../../src/acting/confirmations.ts";

const digest = (letter: string) => letter.repeat(32);
const proposal = () => ({
  seed: { id: newChangeId(), nowUs: 1_700_000_000_123_456 },
  call: digest("a"),
  plan: digest("b"),
});

function start() {
  let nowMs = 1_000;
  const confirmations = createConfirmations({ steadyMs: () => nowMs });
  return {
    confirmations,
    later: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("a confirmation token", () => {
  test("gives back what was sealed, and reveals nothing of it", () => {
    const { confirmations } = start();
    const given = proposal();
    const token = confirmations.seal("tenant", given);
    expect(confirmations.open("tenant", token)).toEqual(given);
    expect(token).toMatch(/^[0-9a-f]{184}$/);
    expect(confirmations.seal("tenant", given)).not.toBe(token);
  });

  test("is refused for another tenant, by another process, when a letter differs, and when it is no token", () => {
    const { confirmations } = start();
    const token = confirmations.seal("tenant", proposal());
    const changed = `${token.slice(0, 40)}${token[40] === "a" ? "b" : "a"}${token.slice(41)}`;
    for (const [tenant, text] of [
      ["other", token],
      ["tenant", changed],
      ["tenant", token.slice(1)],
      ["tenant", "yes"],
      ["tenant", ""],
    ] as const)
      expect(() => confirmations.open(tenant, text)).toThrow("was not given by this server for this workspace");
    expect(() => start().confirmations.open("tenant", token)).toThrow("was not given by this server");
  });

  test("counts once", () => {
    const { confirmations } = start();
    const given = proposal();
    const token = confirmations.seal("tenant", given);
    expect([confirmations.use(given), confirmations.use(given)]).toEqual([true, false]);
    expect(() => confirmations.open("tenant", token)).toThrow("was used before");
  });

  test("counts for ten minutes of the steady clock, and a used one is never forgotten before", () => {
    const { confirmations, later } = start();
    const given = proposal();
    const token = confirmations.seal("tenant", given);
    const used = proposal();
    const usedToken = confirmations.seal("tenant", used);
    later(VALID_MS - 1);
    expect(confirmations.use(used)).toBe(true);
    expect(confirmations.open("tenant", token)).toEqual(given);
    expect(() => confirmations.open("tenant", usedToken)).toThrow("was used before");
    later(1);
    expect(() => confirmations.open("tenant", token)).toThrow("older than ten minutes");
    confirmations.use(proposal());
    expect(() => confirmations.open("tenant", usedToken)).toThrow("older than ten minutes");
  });
});

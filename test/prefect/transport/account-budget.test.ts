import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { createPrefectClient } from "../../../src/prefect/client.ts";
import { AccountBudget } from "../../../src/prefect/transport/account-budget.ts";
import { RequestBudget } from "../../../src/sync/server/request-budget.ts";
import { DEFAULT_CONNECTION } from "../../support/default-connection.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { ManualClock, neverAborted } from "../../sync/engine-harness.ts";

function anAccount(perMinute: number) {
  const clock = new ManualClock();
  const account = new AccountBudget(clock);
  account.limitTo(perMinute);
  return { clock, account };
}
const engineOf = (clock: ManualClock, account: AccountBudget) =>
  new RequestBudget({ clock, perMinute: 600, idlePerMinute: 2, account });

describe("the budget of an account", () => {
  test("allows its workspaces the requests of one minute together, and then one after the other", async () => {
    const { clock, account } = anAccount(60);
    const engines = [engineOf(clock, account), engineOf(clock, account)];
    for (let i = 0; i < 30; i += 1) for (const engine of engines) await engine.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([]);
    for (let i = 0; i < 2; i += 1) for (const engine of engines) await engine.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  test("reserves a share for more urgent requests of any of its workspaces", async () => {
    const { clock, account } = anAccount(100);
    const [one, other] = [engineOf(clock, account), engineOf(clock, account)];
    for (let i = 0; i < 60; i += 1) await one.take("verify", neverAborted);
    await one.take("verify", neverAborted);
    expect(clock.slept).toHaveLength(1);
    for (let i = 0; i < 30; i += 1) await other.take("catch-up", neverAborted);
    expect(clock.slept).toHaveLength(1);
  });

  test("delays all its workspaces by a Retry-After of one, and a pause is never made shorter", async () => {
    const { clock, account } = anAccount(600);
    const [one, other] = [engineOf(clock, account), engineOf(clock, account)];
    one.pause(7_000);
    account.pause(1_000);
    await other.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([7_000]);
    expect(account.pausedMs()).toBe(0);
  });

  test("counts requests that clients wait for, which delay the others by at most another minute", () => {
    const { account } = anAccount(60);
    for (let i = 0; i < 61; i += 1) account.spend();
    expect(account.take(0)).toBe(2_000);
    for (let i = 0; i < 1_000; i += 1) account.spend();
    expect(account.take(0)).toBe(61_000);
  });

  test("is that of the workspace with the lowest limit", () => {
    const { account } = anAccount(600);
    account.limitTo(30);
    account.limitTo(6_000);
    expect(account.capacity).toBe(30);
  });

  test("counts the same moments in another thread, whose clock began later", () => {
    const { clock, account } = anAccount(60);
    const later = { steadyMs: () => clock.steadyMs() - 5_000 };
    const other = new AccountBudget(later, account.memory, 5_000);
    other.pause(3_000);
    expect([account.pausedMs(), other.pausedMs()]).toEqual([3_000, 3_000]);
    clock.us += 3_000_000;
    for (let i = 0; i < 30; i += 1) expect([account.take(0), other.take(0)]).toEqual([0, 0]);
    expect(other.take(0)).toBe(1_000);
  });

  test("loses no request when threads take at the same time", async () => {
    const account = new AccountBudget({ steadyMs: () => 0 });
    account.limitTo(3_000);
    const source = `
      const { AccountBudget } = await import(${JSON.stringify(`${import.meta.dir}/../../../src/prefect/transport/account-budget.ts`)});
      self.onmessage = ({ data }) => {
        const budget = new AccountBudget({ steadyMs: () => 0 }, data);
        let taken = 0;
        for (let i = 0; i < 2_000; i += 1) if (budget.take(0) === 0) taken += 1;
        self.postMessage(taken);
      };
      self.postMessage("ready");`;
    const url = URL.createObjectURL(new Blob([source], { type: "application/typescript" }));
    const taken = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<number>((resolve, reject) => {
            const worker = new Worker(url);
            worker.onerror = reject;
            worker.onmessage = ({ data }) => {
              if (data === "ready") return worker.postMessage(account.memory);
              worker.terminate();
              resolve(data);
            };
          }),
      ),
    );
    expect((taken[0] ?? 0) + (taken[1] ?? 0)).toBe(3_000);
  });
});

describe("a client of the account", () => {
  test.each([
    { isNamedByCaller: false, pausedBefore: true },
    { isNamedByCaller: true, pausedBefore: false },
  ])("delays the others: %p; a caller's only after Prefect has answered it", async (given) => {
    await using fake = await startFakePrefect();
    const budget = new AccountBudget(systemClock);
    const client = createPrefectClient(
      { ...DEFAULT_CONNECTION, url: fake.url, csrf: false, maxRetries: 0, isNamedByCaller: given.isNamedByCaller },
      { clock: systemClock, logger: silentLogger, account: { budget, isTakenBefore: false } },
    );
    const refused = async () => {
      fake.faults.fail("/flows/filter", { status: 429, headers: { "retry-after": "30" } });
      return await client.filterObjects("flow", { limit: 1 }).catch((error: unknown) => error);
    };
    expect(await refused()).toMatchObject({ code: "rate_limited" });
    expect(budget.pausedMs() > 0).toBe(given.pausedBefore);
    if (given.pausedBefore) return;
    await client.filterObjects("flow", { limit: 1 });
    await refused();
    expect(budget.pausedMs()).toBeGreaterThan(0);
  });

  test("does not send what the pause makes impossible; a change then was not sent, and is not unknown", async () => {
    await using fake = await startFakePrefect();
    const budget = new AccountBudget(systemClock);
    const client = createPrefectClient(
      { ...DEFAULT_CONNECTION, url: fake.url, csrf: false },
      { clock: systemClock, logger: silentLogger, account: { budget, isTakenBefore: false } },
    );
    budget.pause(60_000);
    const request = { method: "POST", path: "/flow_runs/x/set_state", body: {} } as const;
    expect(await client.writer.send(request, 1_000)).toMatchObject({
      kind: "not_sent",
      error: { code: "rate_limited" },
    });
    expect(fake.requests).toEqual([]);
  });
});

import { expect, test } from "bun:test";
import { AccountBudgets } from "../../src/app/account-budgets.ts";
import type { Settings } from "../../src/config/settings.ts";

const settings = (apiUrl: string | null, isCloud = true) =>
  ({ apiUrl, isCloud, sync: { requestsPerMinute: 0 } }) as unknown as Settings;
const cloud = (account: number, workspace: number) => {
  const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  return settings(`https://api.prefect.cloud/api/accounts/${id(account)}/workspaces/${id(workspace)}`);
};

test("workspaces of one account have one budget; other accounts and servers have others", () => {
  const budgets = new AccountBudgets({ steadyMs: () => 0 });
  const one = budgets.of(cloud(1, 1));
  expect(budgets.of(cloud(1, 2))).toBe(one);
  expect(budgets.of(cloud(2, 1))).not.toBe(one);
  const local = budgets.of(settings("http://127.0.0.1:4200/api", false));
  expect(budgets.of(settings("http://127.0.0.1:4200/api", false))).toBe(local);
  expect([one?.capacity, local?.capacity]).toEqual([600, 6_000]);
  expect(budgets.of(settings(null))).toBeNull();
});

test("accounts that callers name do not grow without limit, and the ones in use stay", () => {
  const budgets = new AccountBudgets({ steadyMs: () => 0 });
  const [used, forgotten] = [budgets.of(cloud(1, 1)), budgets.of(cloud(2, 1))];
  for (let n = 3; n < 1_500; n += 1) {
    budgets.of(cloud(n, 1));
    expect(budgets.of(cloud(1, 1))).toBe(used);
  }
  expect(budgets.of(cloud(2, 1))).not.toBe(forgotten);
});

import type { Settings } from "../config/settings.ts";
import type { Clock } from "../lib/clock.ts";
import { cloudIds } from "../prefect/cloud.ts";
import { AccountBudget, requestsPerMinute } from "../prefect/transport/account-budget.ts";

/** Over HTTP, callers name accounts. Beyond this number the one that was opened longest ago is forgotten. */
const MAX_ACCOUNTS = 1_000;

/** The budgets of one process, by account. They are kept: a `Retry-After` counts also for a workspace that is opened later. */
export class AccountBudgets {
  private readonly clock: Pick<Clock, "steadyMs">;
  private readonly budgets = new Map<string, AccountBudget>();

  constructor(clock: Pick<Clock, "steadyMs">) {
    this.clock = clock;
  }

  /** Of the workspace of the settings, or null without an API URL. The lowest limit of the workspaces of an account counts for all. */
  of({ apiUrl, isCloud, sync }: Settings): AccountBudget | null {
    if (apiUrl === null) return null;
    const account = accountOf(apiUrl);
    const budget = this.budgets.get(account) ?? new AccountBudget(this.clock);
    this.budgets.delete(account);
    this.budgets.set(account, budget);
    const [oldest] = this.budgets.keys();
    if (this.budgets.size > MAX_ACCOUNTS && oldest !== undefined) this.budgets.delete(oldest);
    budget.limitTo(requestsPerMinute(sync.requestsPerMinute, isCloud));
    return budget;
  }
}

/** The same for all workspaces whose requests Prefect counts together: those of a Cloud account, or the one of a self-hosted server. */
function accountOf(apiUrl: string): string {
  const ids = cloudIds(apiUrl);
  return ids === null ? apiUrl : `${ids.root}/accounts/${ids.accountId.toLowerCase()}`;
}

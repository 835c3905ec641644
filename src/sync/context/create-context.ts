import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { NEVER_MS } from "../../lib/time.ts";
import type { Redact } from "../../model/secrets/redact.ts";
import type { SyncSettings } from "../../model/sync-settings.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import { type AccountBudget, requestsPerMinute } from "../../prefect/transport/account-budget.ts";
import { isReplaced, type RecordDb } from "../../store/database.ts";
import { ClockWatch } from "../server/clock-watch.ts";
import { Connectivity } from "../server/connectivity.ts";
import { RequestBudget } from "../server/request-budget.ts";
import { Requests } from "../server/requests.ts";
import { ServerClock } from "../server/server-clock.ts";
import { ChangeSource } from "./changes.ts";
import { isSameLocalClock, trustedUntilUs } from "./clock-fact.ts";
import type { EngineContext } from "./engine-context.ts";
import { Ingest } from "./ingest.ts";
import { assumedFacts } from "./server-facts.ts";
import type { Tuning } from "./tuning.ts";

/** Servers behind one address may have different clocks, and each answer then seems to set it. */
const LOG_APART_MS = 60_000;

export interface ContextOptions {
  readonly db: RecordDb;
  /** Default: whether the file was neither replaced nor removed. */
  readonly isRecordCurrent?: () => boolean;
  readonly api: PrefectApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: SyncSettings;
  readonly redact: Redact;
  readonly random: () => number;
  readonly tuning: Tuning;
  /** Default: a new one. */
  readonly budget?: RequestBudget;
}

interface BudgetFor extends Pick<ContextOptions, "api" | "clock" | "settings" | "tuning"> {
  /** Shared with other workspaces and threads. */
  readonly account?: AccountBudget;
}

/** The limit of requests to one server. */
export function createBudget({ api, clock, settings, tuning, account }: BudgetFor): RequestBudget {
  const perMinute = requestsPerMinute(settings.requestsPerMinute, api.isCloud);
  const { idlePerMinute } = tuning;
  return new RequestBudget({ clock, perMinute, idlePerMinute, ...(account ? { account } : {}) });
}

/** Creates and connects what the parts of one engine share. */
export function createContext(options: ContextOptions): EngineContext {
  const { db, isRecordCurrent, api, clock, logger, settings, redact, random, tuning } = options;
  const budget = options.budget ?? createBudget(options);
  const changes = new ChangeSource();
  const connectivity = new Connectivity(clock, (isReachable) => changes.publish("connectivity", { isReachable }));
  let loggedMs = NEVER_MS;
  // The fact of the local clock may be replaced before the server clock is known: a record that is used again gets it at once.
  const wasSameClock = isSameLocalClock(db, clock);
  const clockWatch = new ClockWatch(clock, (byMs) => {
    logger.warn("the clock of this machine was set, or the machine was suspended", {
      by_seconds: Math.round(byMs / 1000),
    });
    connectivity.localClockSet(byMs);
    if (byMs < 0) ingest.repairs.localClockSetBack(Math.round(byMs * 1000));
    changes.publish("clockSet", { which: "local", byMs });
  });
  const serverClock = new ServerClock(api, clock, {
    beforeMark: () => clockWatch.check(),
    onDispute: () => changes.publish("clockDisputed", {}),
    onChange({ byMs, untilUs }) {
      const isSameClock = wasSameClock && isSameLocalClock(db, clock);
      ingest.repairs.serverClockChanged(byMs === null ? trustedUntilUs(db, clock, untilUs, isSameClock) : untilUs);
      if (byMs === null) return;
      const isNews = clock.steadyMs() - loggedMs > LOG_APART_MS;
      if (isNews) logger.warn("Prefect's clock was set", { by_seconds: Math.round(byMs / 1000) });
      if (isNews) loggedMs = clock.steadyMs();
      changes.publish("clockSet", { which: "server", byMs });
    },
  });
  const requests = new Requests({ api, budget, connectivity, clock, serverClock });
  const ingest = new Ingest({ db, clock, redact, serverClock, changes });
  const server = assumedFacts(api.isCloud);
  return {
    db,
    isRecordCurrent: isRecordCurrent ?? (() => db.file === ":memory:" || !isReplaced(db)),
    clock,
    clockWatch,
    logger,
    settings,
    tuning,
    random,
    requests,
    connectivity,
    serverClock,
    ingest,
    changes,
    server,
  };
}

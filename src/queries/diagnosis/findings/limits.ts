/** What is common to the limits: when they are full, who holds them, and how slots without a holder are freed. */
import { asShellWord, type Sentence, sentence } from "../../../lib/shown-text.ts";
import type { ConcurrencyLimit } from "../../../model/objects.ts";
import type { Holder, Lead, LimitFacts } from "./types.ts";

const MAX_LEADS = 3;

/** Its slots become free with time, whether or not a run holds them. */
export function isRateLimit(limit: ConcurrencyLimit): boolean {
  return Number(limit.slot_decay_per_second ?? 0) > 0;
}

/** Every slot is occupied. A limit that is not active holds nothing back. */
export function isFull({ limit }: Pick<LimitFacts, "limit">): boolean {
  return limit.active !== false && Number(limit.active_slots ?? 0) >= Number(limit.limit);
}

/** Slots that are occupied although no run in progress can hold them; 0 for a rate limit, which no run holds. */
export function leakedSlots({ limit, holders }: LimitFacts): number {
  if (isRateLimit(limit)) return 0;
  return Math.max(0, Number(limit.active_slots ?? 0) - holders.length);
}

/**
 * The command that sets the occupied slots of a limit. `concurrency-limit reset` frees nothing where a tag limit is one among all limits:
 * it removes the leases and leaves the number of occupied slots (checked on Prefect 3.4.25 and 3.8.8; on 3.2.15, which keeps tag limits apart, it frees them).
 * https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/api/concurrency_limits.py
 */
export function releaseSlots({ kind, key, limit }: LimitFacts, slots: number): Sentence {
  return kind === "tag" && limit.tag !== undefined
    ? sentence`prefect concurrency-limit reset ${asShellWord(key)}`
    : sentence`prefect global-concurrency-limit update ${asShellWord(limit.name)} --active-slots ${slots}`;
}

export function raiseLimit({ name, limit }: Pick<ConcurrencyLimit, "name" | "limit">): Sentence {
  return sentence`prefect global-concurrency-limit update ${asShellWord(name)} --limit ${Number(limit) + 1}`;
}

/** The flow runs that hold slots. A task run leads to its flow run, where that is known. */
export function holderLeads(holders: readonly Holder[]): Lead[] {
  return holders.slice(0, MAX_LEADS).map(({ id, name, ofId, of }) => ({
    kind: "flow_run",
    id: ofId ?? id,
    name: of ?? name ?? id,
  }));
}

import { asName, asShellWord, joined, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { holderLeads } from "../../findings/limits.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Holder, NextCall, QueueFacts } from "../../findings/types.ts";
import { isPaused, waitingInPool, waitingInQueue } from "../../findings/waiting.ts";
import { holderEvidence, nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/** PENDING and RUNNING runs occupy all slots of the pool. Proof: occupied slots reach `concurrency_limit`. */
export const workPoolLimit: CauseModule = {
  code: "work_pool_limit",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools
      .filter((pool) => !isPaused(pool))
      .flatMap((pool) => {
        const limit = pool.pool.concurrency_limit ?? null;
        const waiting = waitingInPool(facts, pool);
        if (limit === null || pool.activeSlots === null || pool.activeSlots < Number(limit) || waiting.length === 0)
          return [];
        const { name, id } = pool.pool;
        const servedFirst = queuesServedFirst(pool.queues, waiting[0]?.run.work_queue_id ?? null);
        return [
          {
            code: "work_pool_limit",
            severity: "problem" as const,
            summary: sentence`Work pool ${asName(name)} ${fullText(Number(limit), pool.activeSlots, pool.holders)}; ${runsWait(waiting.length)} (${nameList(waiting.map((one) => one.run.name))}).${servedFirst}`,
            evidence: {
              work_pool: { id, name, concurrency_limit: limit, active_slots: pool.activeSlots },
              holders: holderEvidence(pool.holders),
              waiting: waitingEvidence(waiting, facts.nowUs),
            },
            fix: sentence`${wayOut(Number(limit))}: prefect work-pool set-concurrency-limit ${asShellWord(name)} ${Number(limit) + 1}`,
            next: diagnoseHolder(pool.holders),
            leads: [...holderLeads(pool.holders), { kind: "work_pool", id, name, fields: ["concurrency_limit"] }],
            certainty: 1,
            runsExplained: waiting.length,
          },
        ];
      }),
  ruledOut: (facts) => {
    const limited = facts.pools.filter((pool) => pool.pool.concurrency_limit !== null && pool.activeSlots !== null);
    return limited.length === 0
      ? null
      : joined(
          limited.map(
            (pool) =>
              sentence`pool ${asName(pool.pool.name)} ${pool.activeSlots ?? "unknown"} of ${asName(String(pool.pool.concurrency_limit))} slots`,
          ),
          ", ",
        );
  },
};

/** The same for the limit of a work queue. */
export const workQueueLimit: CauseModule = {
  code: "work_queue_limit",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools
      .filter((pool) => !isPaused(pool))
      .flatMap((pool) =>
        pool.queues.flatMap((queueFacts) => {
          const limit = queueFacts.queue.concurrency_limit ?? null;
          const waiting = waitingInQueue(facts, queueFacts);
          if (
            limit === null ||
            queueFacts.activeSlots === null ||
            queueFacts.activeSlots < Number(limit) ||
            waiting.length === 0
          )
            return [];
          const { name, id } = queueFacts.queue;
          return [
            {
              code: "work_queue_limit",
              severity: "problem" as const,
              summary: sentence`Queue ${asName(name)} of work pool ${asName(pool.pool.name)} ${fullText(Number(limit), queueFacts.activeSlots, queueFacts.holders)}; ${runsWait(waiting.length)} (${nameList(waiting.map((one) => one.run.name))}).`,
              evidence: {
                work_queue: { id, name, concurrency_limit: limit, active_slots: queueFacts.activeSlots },
                work_pool: { id: pool.pool.id, name: pool.pool.name },
                holders: holderEvidence(queueFacts.holders),
                waiting: waitingEvidence(waiting, facts.nowUs),
              },
              fix: sentence`${wayOut(Number(limit))}: prefect work-queue set-concurrency-limit ${asShellWord(name)} ${Number(limit) + 1} --pool ${asShellWord(pool.pool.name)}`,
              next: diagnoseHolder(queueFacts.holders),
              leads: [
                ...holderLeads(queueFacts.holders),
                { kind: "work_queue", id, name, fields: ["concurrency_limit"] },
              ],
              certainty: 1,
              runsExplained: waiting.length,
            },
          ];
        }),
      ),
};

/** A limit of 0 lets no run start, and no run holds a slot of it. */
function fullText(limit: number, activeSlots: number, holders: readonly Holder[]): Sentence {
  if (limit === 0) return own("lets no run start, because its limit is 0");
  const held = holders.length === 0 ? own("runs that are not known") : nameList(holders.map(nameOf));
  return sentence`is full: ${activeSlots} of ${asName(String(limit))} slots held by ${held}`;
}

function wayOut(limit: number): Sentence {
  return own(limit === 0 ? "Raise the limit" : "Wait for the holders, cancel one that hangs, or raise the limit");
}

function nameOf(holder: Holder): string {
  return holder.name ?? holder.id;
}

function diagnoseHolder(holders: readonly Holder[]): NextCall[] {
  const [first] = holders;
  return first
    ? [{ tool: "diagnose", args: { flow_run: first.id }, why: own("whether the run that holds the slot still runs") }]
    : [];
}

/** A free slot goes to the queue with the lowest priority number, even when runs of other queues wait longer. */
function queuesServedFirst(queues: readonly QueueFacts[], waitingIn: string | null): Sentence | "" {
  const waited = queues.find(({ queue }) => queue.id === waitingIn)?.queue;
  if (!waited || waited.priority === undefined) return "";
  const priority = waited.priority;
  const ahead = queues.filter(
    ({ queue, holders, waiting }) => (queue.priority ?? 0) < priority && (holders.length > 0 || waiting > 0),
  );
  if (ahead.length === 0) return "";
  return sentence` Queue ${nameList(ahead.map(({ queue }) => queue.name))} is served before ${asName(waited.name)} (priority ${asName(String(ahead[0]?.queue.priority))} against ${asName(String(priority))}).`;
}

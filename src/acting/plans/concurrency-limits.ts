/** Concurrency limits. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/concurrency_limits_v2.py */
import { AppError } from "../../errors.ts";
import { asName, asNames, counted, joined, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { ConcurrencyLimit } from "../../model/objects.ts";
import { readWholeList } from "../../prefect/paging/list-pages.ts";
import type { WriteRequest } from "../../prefect/write-api.ts";
import { limitSubject } from "../../queries/limits/limit-slots.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { LiveReader } from "../../queries/source/live.ts";
import type { ChangePlan, PlanContext, RecordedAs, Step, Target } from "../plan.ts";
import { type LimitHolder, readHolders } from "./limit-holders.ts";
import { seenAs } from "./schedules.ts";

export interface LimitChange {
  readonly action: "limit" | "free";
  /** Name or id of a global limit, or a tag. */
  readonly name?: string | undefined;
  /** The limit of this deployment. */
  readonly deployment?: string | undefined;
  readonly limit?: number | undefined;
}

export async function planConcurrencyLimits(ctx: PlanContext, change: LimitChange): Promise<ChangePlan> {
  const limit = await findLimit(ctx, change);
  return change.action === "limit" ? planLimit(limit, change.limit) : planFree(ctx, limit);
}

function planLimit(limit: ConcurrencyLimit, to: number | undefined): ChangePlan {
  if (to === undefined) {
    throw new AppError("invalid_input", "action limit needs limit, the new number of slots.", {
      hint: 'Such as {"limit": 5}.',
    });
  }
  const taken = Number(limit.active_slots ?? 0);
  // A server that keeps limits of tags apart has no route to change one: creating it again sets its number.
  const request: WriteRequest =
    limit.tag === undefined
      ? { method: "PATCH", path: `/v2/concurrency_limits/${limit.id}`, body: { limit: to } }
      : { method: "POST", path: "/concurrency_limits/", body: { tag: limit.tag, concurrency_limit: to } };
  return {
    summary: sentence`Set the concurrency limit ${asName(limit.name)} from ${asName(String(limit.limit))} to ${to}.`,
    targets: [targetOf(limit)],
    steps: [
      {
        request,
        target: 0,
        observe: async (live) => {
          const now = await readLimit(live, limit);
          return seenAs(
            Number(now.limit) === to,
            `limit ${now.limit}`,
            shownIn(limit, (doc) => Number(doc.limit) === to),
          );
        },
      },
    ],
    notes: [
      ...(to === 0 ? [own("A limit of 0 lets nothing start.")] : []),
      ...(taken > to ? [sentence`Taken now: ${counted(taken, "slot")}; what holds them continues.`] : []),
    ],
    seen: [limit.limit],
  };
}

async function planFree({ query, live }: PlanContext, limit: ConcurrencyLimit): Promise<ChangePlan> {
  if (Number(limit.slot_decay_per_second ?? 0) > 0) {
    throw new AppError("invalid_input", sentence`the slots of ${asName(limit.name)} become free with time`, {
      hint: "It is a rate limit; no run holds its slots.",
    });
  }
  const taken = Number(limit.active_slots ?? 0);
  const { alive, dead, isEveryHolderKnown } = await readHolders(query, live, limit);
  const leaked = isEveryHolderKnown ? Math.max(0, taken - alive.length) : Math.min(taken, dead.length);
  if (leaked === 0) throw nothingLeaked(limit, taken, alive);
  const left = taken - leaked;
  const { kind, key } = limitSubject(limit);
  const released = kind === "tag" ? dead.slice(0, leaked) : [];
  return {
    summary: sentence`Free ${counted(leaked, "slot")} of the concurrency limit ${asName(limit.name)} that no run in progress holds.`,
    targets: [{ ...targetOf(limit), alive: alive.map(toJson), ended: dead.map(toJson) }],
    steps: [
      ...released.map((holder) => releaseStep(limit, taken, key, holder)),
      ...(released.length < leaked ? [setTakenStep(limit, taken, left)] : []),
    ],
    notes: [
      sentence`${counted(taken, "slot")} taken; held by runs in progress: ${alive.length === 0 ? "none" : named(alive)}.`,
      ...(dead.length > 0 ? [sentence`Acquired and not released by runs that have ended: ${named(dead)}.`] : []),
      ...(isEveryHolderKnown
        ? []
        : [own("Code outside of flow runs may hold slots of this limit, which nothing lists; these are left.")]),
    ],
    seen: [taken, limit.limit, alive.map(({ id }) => id)],
  };
}

/**
 * Releases the slot of a task run that has ended, together with its lease. With the number of slots alone the lease would remain, and
 * Prefect would free the slot a second time when it expires.
 */
function releaseStep(limit: ConcurrencyLimit, taken: number, tag: string, { id }: LimitHolder): Step {
  return {
    request: { method: "POST", path: "/concurrency_limits/decrement", body: { names: [tag], task_run_id: id } },
    target: 0,
    observe: async (live) => {
      const row = (await live.api.filterTagLimits(live.options())).find((one) => one.tag === tag);
      const holders = Array.isArray(row?.active_slots) ? row.active_slots : [];
      return seenAs(
        !holders.includes(id),
        `held by ${counted(holders.length, "task run")}`,
        shownIn(limit, (doc) => Number(doc.active_slots) < taken),
      );
    },
  };
}

function setTakenStep(limit: ConcurrencyLimit, taken: number, left: number): Step {
  return {
    request: { method: "PATCH", path: `/v2/concurrency_limits/${limit.id}`, body: { active_slots: left } },
    target: 0,
    observe: async (live) => {
      const now = Number((await readLimit(live, limit)).active_slots ?? 0);
      // Others may have taken some of the freed slots meanwhile.
      const isFreed = (slots: number) => slots < taken || slots === left;
      return seenAs(
        isFreed(now),
        takenText(now, limit),
        shownIn(limit, (doc) => isFreed(Number(doc.active_slots))),
      );
    },
  };
}

function shownIn({ id }: ConcurrencyLimit, isShown: (doc: Partial<ConcurrencyLimit>) => boolean): RecordedAs {
  return { kind: "concurrency_limit", id, isShown };
}

const toJson = ({ id, name, state }: LimitHolder) => ({ id, name, state });

function named(holders: readonly LimitHolder[]): Sentence {
  const shown = holders
    .slice(0, 5)
    .map(({ name, id, state }) => sentence`${asName(name)} (${asName(id)}, ${asName(state)})`);
  return sentence`${joined(shown, ", ")}${holders.length > 5 ? sentence` and ${holders.length - 5} more` : ""}`;
}

function nothingLeaked(limit: ConcurrencyLimit, taken: number, alive: readonly LimitHolder[]): AppError {
  if (taken === 0) {
    return new AppError("invalid_input", sentence`no slot of ${asName(limit.name)} is taken`, {
      hint: "Nothing was sent.",
    });
  }
  const who =
    alive.length > 0
      ? sentence`runs in progress hold them: ${named(alive)}`
      : own("nothing shows that the holders have ended");
  return new AppError(
    "invalid_input",
    sentence`${counted(taken, "slot")} of ${asName(limit.name)} cannot be freed: ${who}`,
    { hint: "Nothing was sent. Cancel a holder that hangs, or raise the limit." },
  );
}

function takenText(taken: number, { limit }: ConcurrencyLimit): string {
  return sentence`${taken} of ${counted(Number(limit), "slot")} taken`;
}

function targetOf(limit: ConcurrencyLimit): Target {
  const state = takenText(Number(limit.active_slots ?? 0), limit);
  return { kind: "concurrency_limit", id: limit.id, name: limit.name, state };
}

async function readLimit(live: LiveReader, { id, tag }: ConcurrencyLimit): Promise<ConcurrencyLimit> {
  if (tag === undefined)
    return (await live.api.get(`/v2/concurrency_limits/${id}`, live.options())) as ConcurrencyLimit;
  const rows = await readAllLimits(live);
  const found = rows.find((limit) => limit.id === id);
  if (found) return found;
  throw new AppError("not_found", sentence`the concurrency limit ${asName(id)} is deleted`);
}

async function readAllLimits(live: LiveReader): Promise<readonly ConcurrencyLimit[]> {
  return (await readWholeList((page) => live.api.filterObjects("concurrency_limit", page, live.options()))).rows;
}

async function findLimit({ query, live }: PlanContext, { name, deployment }: LimitChange): Promise<ConcurrencyLimit> {
  if ((name === undefined) === (deployment === undefined)) {
    throw new AppError("invalid_input", "Give either name (of a limit, or a tag) or deployment.", {
      hint: "get_dashboard lists all limits with their holders.",
    });
  }
  const rows = await readAllLimits(live);
  const key = deployment === undefined ? (name ?? "").trim() : await keyOf(live, query, deployment);
  const found =
    rows.find((limit) => limit.name === key || limit.id === key) ?? rows.find((limit) => limit.name === `tag:${key}`);
  if (found) return found;
  const names = rows.map((limit) => limit.name.replace(/^tag:/, ""));
  const near = closest(key, names, 5);
  throw new AppError("not_found", sentence`no concurrency limit ${asName(deployment ?? key)}`, {
    hint: sentence`${near.length > 0 ? sentence`Nearest names: ${asNames(near)}. ` : ""}get_dashboard lists all limits with their holders.`,
  });
}

async function keyOf(live: LiveReader, query: PlanContext["query"], deployment: string): Promise<string> {
  const { id } = await resolveName(query, "deployment", deployment);
  const row = (await live.api.get(`/deployments/${id}`, live.options())) as {
    readonly global_concurrency_limit?: { readonly id: string } | null;
  };
  return row.global_concurrency_limit?.id ?? `deployment:${id}`;
}

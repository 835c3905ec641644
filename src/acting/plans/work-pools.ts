/** Work pools and their queues. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/workers.py */
import { AppError } from "../../errors.ts";
import { asName, own, sentence } from "../../lib/shown-text.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { JsonObject, WorkPool, WorkQueue } from "../../model/objects.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { ChangePlan, PlanContext, Target } from "../plan.ts";
import { isAlready, seenAs } from "./schedules.ts";

export interface WorkPoolChange {
  readonly action: "pause" | "resume" | "limit";
  readonly work_pool?: string | undefined;
  /** `pool/queue`, id, or the name of a queue of `work_pool`. */
  readonly work_queue?: string | undefined;
  readonly limit?: number | undefined;
  /** Removes the limit. */
  readonly no_limit?: boolean | undefined;
}

export async function planWorkPools(ctx: PlanContext, change: WorkPoolChange): Promise<ChangePlan> {
  const { live } = ctx;
  const { path, kind, label } = await findPlace(ctx, change);
  const read = async () => (await live.api.get(path, live.options())) as WorkPool | WorkQueue;
  const before = await read();
  const isPause = change.action === "pause";
  const name = label ?? before.name;
  if (change.action !== "limit" && (before.is_paused === true) === isPause) throw isAlready(name, isPause);
  const body = bodyFor(change);
  const target: Target = {
    kind,
    id: before.id,
    name,
    state: before.is_paused === true ? "paused" : String(before.status ?? "not paused"),
    concurrency_limit: before.concurrency_limit ?? null,
  };
  const what = kind === "work_pool" ? own("work pool") : own("work queue");
  const to =
    change.action === "limit"
      ? change.no_limit === true
        ? own("Remove the limit of")
        : sentence`Set the limit to ${change.limit ?? 0} of`
      : isPause
        ? own("Pause")
        : own("Resume");
  return {
    summary: sentence`${to} ${what} ${asName(name)}.`,
    targets: [target],
    steps: [
      {
        request: { method: "PATCH", path, body },
        target: 0,
        observe: async (reader) => {
          const now = (await reader.api.get(path, reader.options())) as WorkPool | WorkQueue;
          const limit = now.concurrency_limit ?? null;
          const state =
            change.action === "limit"
              ? limit === null
                ? "no limit"
                : `limit ${limit}`
              : now.is_paused === true
                ? "paused"
                : "not paused";
          return seenAs(isDone(change, now), state, {
            kind,
            id: before.id,
            isShown: (doc: Partial<WorkPool | WorkQueue>) => isDone(change, doc),
          });
        },
      },
    ],
    notes: change.limit === 0 ? [own("A limit of 0 lets no run start.")] : [],
    seen: [before.is_paused ?? null, before.concurrency_limit ?? null],
  };
}

function isDone({ action, limit, no_limit }: WorkPoolChange, now: Partial<WorkPool | WorkQueue>): boolean {
  if (action !== "limit") return (now.is_paused === true) === (action === "pause");
  const has = now.concurrency_limit ?? null;
  return has === null ? no_limit === true : Number(has) === limit;
}

interface Place {
  readonly path: string;
  readonly kind: "work_pool" | "work_queue";
  /** Null: the name that Prefect has. */
  readonly label: string | null;
}

async function findPlace({ query }: PlanContext, { work_pool, work_queue }: WorkPoolChange): Promise<Place> {
  if (work_queue !== undefined) {
    const isWhole = work_pool === undefined || work_queue.includes("/");
    const found = await resolveName(query, "work_queue", isWhole ? work_queue : `${work_pool}/${work_queue}`);
    return { path: `/work_queues/${found.id}`, kind: "work_queue", label: fullName(found.parent, found.name) };
  }
  if (work_pool === undefined) {
    throw new AppError("invalid_input", "Give work_pool, or work_queue.", {
      hint: 'Such as {"work_pool": "etl-pool"}.',
    });
  }
  const { name } = await resolveName(query, "work_pool", work_pool);
  return { path: `/work_pools/${encodeURIComponent(name)}`, kind: "work_pool", label: null };
}

function bodyFor({ action, limit, no_limit }: WorkPoolChange): JsonObject {
  if (action !== "limit") return { is_paused: action === "pause" };
  if ((limit === undefined) === (no_limit !== true))
    throw new AppError("invalid_input", "action limit needs either limit or no_limit.", {
      hint: 'Such as {"limit": 5}, or {"no_limit": true} to remove it.',
    });
  return { concurrency_limit: limit ?? null };
}

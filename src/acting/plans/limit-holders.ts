/** Who holds the slots of a concurrency limit, and whether these runs are still in progress. Everything is read from Prefect. */
import { KINDS } from "../../model/kinds.ts";
import type { ConcurrencyLimit, FlowRun, TaskRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import {
  limitSubject,
  listGlobalHolders,
  readDeploymentHolders,
  readTagHolders,
} from "../../queries/limits/limit-slots.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import type { LiveReader } from "../../queries/source/live.ts";

export interface LimitHolder {
  readonly id: string;
  readonly name: string;
  readonly kind: "flow_run" | "task_run";
  readonly state: string;
}

export interface LimitHolders {
  /** Runs in progress, each of which may hold a slot. */
  readonly alive: readonly LimitHolder[];
  /** Runs that acquired a slot, did not release it, and have ended or are deleted. */
  readonly dead: readonly LimitHolder[];
  /**
   * All holders are known, so a slot that no run in `alive` holds has no holder. Slots of global limits can also be taken by code outside of
   * runs, which nothing lists: of these only what `dead` held is free.
   */
  readonly isEveryHolderKnown: boolean;
}

export async function readHolders(ctx: QueryContext, live: LiveReader, limit: ConcurrencyLimit): Promise<LimitHolders> {
  const { kind, key } = limitSubject(limit);
  if (kind === "deployment") {
    const holders = (await readDeploymentHolders(live, [key])).get(key) ?? [];
    const runs = await readRuns(
      live,
      holders.map(({ id }) => id),
    );
    return { ...judged(holders, "flow_run", (id) => runs.get(id)), isEveryHolderKnown: holders.length < ROWS_PER_PAGE };
  }
  if (kind === "tag") {
    const holders = (await readTagHolders(ctx, live)).get(key) ?? [];
    const tasks = await readTasks(
      live,
      holders.map(({ id }) => id),
    );
    return { ...judged(holders, "task_run", (id) => tasks.get(id)), isEveryHolderKnown: true };
  }
  const holders = (await listGlobalHolders(ctx, [limit.id])).get(limit.id) ?? [];
  const runs = await readRuns(
    live,
    holders.map(({ id }) => id),
  );
  return { ...judged(holders, "flow_run", (id) => runs.get(id)), isEveryHolderKnown: false };
}

interface Progress {
  readonly isAlive: boolean;
  readonly state: string;
}

function judged(
  holders: readonly { readonly id: string; readonly name: string | null }[],
  kind: LimitHolder["kind"],
  progressOf: (id: string) => Progress | undefined,
): Pick<LimitHolders, "alive" | "dead"> {
  const all = holders.map(({ id, name }) => {
    const { isAlive, state } = progressOf(id) ?? { isAlive: false, state: "deleted" };
    return { isAlive, holder: { id, name: name ?? id, kind, state } };
  });
  return {
    alive: all.filter(({ isAlive }) => isAlive).map(({ holder }) => holder),
    dead: all.filter(({ isAlive }) => !isAlive).map(({ holder }) => holder),
  };
}

async function readRuns(live: LiveReader, ids: readonly string[]): Promise<Map<string, Progress>> {
  if (ids.length === 0) return new Map();
  const body = { [KINDS.flow_run.filterKey]: { id: { any_: [...ids] } }, limit: ROWS_PER_PAGE };
  const rows = await live.api.filterFlowRuns(body, live.options());
  return new Map(rows.map((run) => [run.id, progressOf(run)]));
}

/** A task run in state RUNNING is not alive when its flow run has ended: no process is left that could release its slot. */
async function readTasks(live: LiveReader, ids: readonly string[]): Promise<Map<string, Progress>> {
  if (ids.length === 0) return new Map();
  const body = { [KINDS.task_run.filterKey]: { id: { any_: [...ids] } }, limit: ROWS_PER_PAGE };
  const tasks = await live.api.filterTaskRuns(body, live.options());
  const parents = tasks.flatMap(({ flow_run_id: id }) => (typeof id === "string" ? [id] : []));
  const runs = await readRuns(live, [...new Set(parents)]);
  return new Map(
    tasks.map((task) => {
      const own = progressOf(task);
      const parent = runs.get(task.flow_run_id ?? "");
      const hasEnded = task.flow_run_id !== null && task.flow_run_id !== undefined && parent?.isAlive !== true;
      const state = hasEnded ? `${own.state}, its flow run is ${parent?.state ?? "deleted"}` : own.state;
      return [task.id, { isAlive: own.isAlive && !hasEnded, state }];
    }),
  );
}

function progressOf({ state_type, state_name }: FlowRun | TaskRun): Progress {
  return { isAlive: !isTerminal(state_type ?? null), state: state_name ?? state_type ?? "unknown" };
}

/** The replayed workspace: everything that has happened up to a moment, and what is due next. */
import { append } from "../lib/lists.ts";
import { SECOND_US } from "../lib/time.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { Deployment, FlowRun, Log, State, TaskRun, Worker, WorkPool, WorkQueue } from "../model/objects.ts";
import { FamilyReplay, usOf, withLiveFigures } from "./family-replay.ts";
import { expectedUs, Plan, SETUP_AGO_US } from "./plan.ts";
import { rewriteFamily, rewriteText, type Template, toTemplate, wholeSeconds } from "./rewrite.ts";
import { UpcomingRuns } from "./upcoming.ts";
import type { FamilyRows, Workspace } from "./workspace.ts";

export interface StoredEvent {
  readonly occurredUs: number;
  readonly receivedUs: number;
  readonly event: PrefectEvent;
}

/** Families are placed this long before they are due. */
const PREPARE_AHEAD_US = 40 * SECOND_US;
/** A demo that runs for most of a day drops its oldest runs. */
const MAX_REPLAYS = 3000;

export class Replay {
  readonly startUs: number;
  /** All objects except runs, moved to the time when the workspace was created. */
  readonly objects: Workspace;
  /** Published events, ascending by `occurred`. */
  readonly events: StoredEvent[] = [];
  private readonly plan: Plan;
  private readonly templates = new Map<string, Template>();
  private readonly upcoming = new Map<string, UpcomingRuns>();
  private readonly names: readonly string[];
  private readonly recordedUs: number;
  private replays: FamilyReplay[] = [];
  private pending: StoredEvent[] = [];
  private plannedUs: number;
  private copies = 0;

  constructor(workspace: Workspace, startUs: number) {
    this.startUs = startUs;
    this.recordedUs = usOf(workspace.recorded_at);
    this.plan = new Plan(workspace);
    const runs = [...workspace.families.flatMap((family) => family.flow_runs), ...workspace.upcoming];
    this.names = [...new Set(runs.map((run) => run.name))];
    const { families: _, upcoming, ...objects } = workspace;
    const setupShiftUs = wholeSeconds(startUs - SETUP_AGO_US - this.recordedUs);
    this.objects = { ...JSON.parse(rewriteText(JSON.stringify(objects), setupShiftUs)), families: [], upcoming: [] };
    this.enqueue(this.objects.events);
    const seen = new Set<string>();
    for (const { family, expectedUs: us } of this.plan.history(startUs)) {
      this.place(family, us, seen.has(family.root) ? this.nextCopy() : null);
      seen.add(family.root);
    }
    const fromUs = startUs - 2 * 60 * SECOND_US;
    for (const [deployment, rows] of Map.groupBy(upcoming, (run) => run.deployment_id ?? "")) {
      if (rows.length > 1) this.upcoming.set(deployment, new UpcomingRuns(rows, this.names, fromUs));
    }
    this.plannedUs = fromUs;
    this.advance(startUs);
  }

  /** Publishes the events due by `nowUs` and returns them in the order of publication. */
  advance(nowUs: number): PrefectEvent[] {
    this.prepare(nowUs);
    const due = this.pending.findIndex((stored) => stored.receivedUs > nowUs);
    const published = this.pending.splice(0, due < 0 ? this.pending.length : due);
    for (const stored of published) insertSorted(this.events, stored);
    return published.map((stored) => stored.event);
  }

  flowRuns(nowUs: number): FlowRun[] {
    const rows = this.replays.flatMap((replay) => replay.flowRuns(nowUs));
    const known = new Set(rows.map((run) => run.id));
    const ahead = [...this.upcoming.values()].flatMap((runs) => runs.rows).filter((run) => !known.has(run.id));
    return [...rows, ...ahead.map((run) => withLiveFigures(run, nowUs))];
  }

  taskRuns(nowUs: number): TaskRun[] {
    return this.replays.flatMap((replay) => replay.taskRuns(nowUs));
  }

  logs(nowUs: number): Log[] {
    return this.replays.flatMap((replay) => replay.logs(nowUs));
  }

  flowRunStates(flowRunId: string, nowUs: number): State[] {
    return this.replays.flatMap((replay) => replay.flowRunStates(flowRunId, nowUs));
  }

  taskRunStates(taskRunId: string, nowUs: number): State[] {
    return this.replays
      .filter((replay) => replay.rows.task_runs.some((run) => run.id === taskRunId))
      .flatMap((replay) => replay.taskRunStates(taskRunId, nowUs));
  }

  /** Workers with heartbeats that are at most one interval old. */
  workers(poolName: string, nowUs: number): readonly Worker[] | undefined {
    return this.objects.workers[poolName]?.map((worker) => ({
      ...worker,
      last_heartbeat_time: this.lastBeat(
        worker.last_heartbeat_time,
        nowUs,
        Number(worker.heartbeat_interval_seconds ?? 30) * SECOND_US,
      ),
    }));
  }

  deployments(nowUs: number): Deployment[] {
    return this.objects.deployments.map((row) => ({
      ...row,
      last_polled: this.lastBeat(row.last_polled, nowUs, POLL_US),
    }));
  }

  workQueues(nowUs: number): WorkQueue[] {
    return this.objects.work_queues.map((row) => ({
      ...row,
      last_polled: this.lastBeat(row.last_polled, nowUs, POLL_US),
    }));
  }

  workPools(): readonly WorkPool[] {
    return this.objects.work_pools;
  }

  private lastBeat(recorded: string | null | undefined, nowUs: number, intervalUs: number): string | null {
    if (!recorded) return null;
    const phaseUs = usOf(recorded) % intervalUs;
    const lastUs = Math.floor((nowUs - phaseUs) / intervalUs) * intervalUs + phaseUs;
    return rewriteText(recorded, Math.round((lastUs - usOf(recorded)) / SECOND_US) * SECOND_US);
  }

  private prepare(nowUs: number): void {
    const untilUs = nowUs + PREPARE_AHEAD_US;
    if (untilUs <= this.plannedUs) return;
    for (const { family, expectedUs: us } of this.plan.live(this.startUs, this.plannedUs, untilUs)) {
      this.place(family, us, this.nextCopy());
    }
    for (const [deployment, runs] of this.upcoming) {
      const family = this.plan.familyOf(deployment);
      for (const run of runs.takeDue(nowUs, PREPARE_AHEAD_US)) {
        if (family) this.place(family, usOf(run.expected_start_time), this.nextCopy(), run);
      }
    }
    this.plannedUs = untilUs;
    if (this.replays.length > MAX_REPLAYS) this.dropOldest(nowUs);
  }

  private place(family: FamilyRows, dueUs: number, copy: string | null, root?: FlowRun): void {
    const template = this.templates.get(family.root) ?? toTemplate(family);
    this.templates.set(family.root, template);
    const shiftUs = wholeSeconds(dueUs - expectedUs(family));
    const rows = rewriteFamily(template, { shiftUs, copy, ...(root && { root }) }, this.names);
    this.replays.push(new FamilyReplay(rows));
    this.enqueue(rows.events);
  }

  private enqueue(events: readonly PrefectEvent[]): void {
    for (const event of events) {
      this.pending.push({ occurredUs: usOf(event.occurred), receivedUs: usOf(event.received), event });
    }
    this.pending.sort((a, b) => a.receivedUs - b.receivedUs);
  }

  private dropOldest(nowUs: number): void {
    const oldest = this.replays
      .filter((replay) => replay.settledUs < nowUs - 3600 * SECOND_US)
      .slice(0, MAX_REPLAYS / 10);
    const ids = new Set(oldest.flatMap((replay) => replay.rows.events.map((event) => event.id)));
    this.replays = this.replays.filter((replay) => !oldest.includes(replay));
    const kept = this.events.filter((stored) => !ids.has(stored.event.id));
    this.events.length = 0;
    append(this.events, kept);
  }

  private nextCopy(): string {
    this.copies += 1;
    return String(this.copies);
  }
}

/** Interval at which workers poll their queues. */
const POLL_US = 15 * SECOND_US;

/** Searches the position from the end, because most events are newer than all others. */
function insertSorted(events: StoredEvent[], stored: StoredEvent): void {
  let index = events.length;
  while (index > 0 && (events[index - 1]?.occurredUs ?? 0) > stored.occurredUs) index -= 1;
  events.splice(index, 0, stored);
}

/**
 * Puts composed worlds onto one real Prefect server: objects over its REST API, runs and task runs by the states that a client sets.
 * Prefect takes the times of states from its clock alone, so afterwards these times are moved in its database to those of the world.
 */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { formatIsoUs, parseIsoUs, SECOND_US } from "../../../../src/lib/time.ts";
import type { Deployment, FlowRun, TaskRun } from "../../../../src/model/objects.ts";
import { isTerminal } from "../../../../src/model/state.ts";
import { T0_US } from "../../builders.ts";
import type { RealPrefect } from "../../real-prefect/real-prefect.ts";
import { waitUntil } from "../../time/wait-until.ts";
import { PrefectDriver } from "../prefect-driver.ts";
import { NOW_S, type World } from "./world.ts";

/** An older heartbeat is that of a worker that has stopped. */
const ALIVE_S = 60;
/** Changes of objects that are made over REST; their events are Prefect's own. */
const CHANGES = /^prefect\.(work-pool|work-queue)\.(updated|paused)$/;
const AUTOMATION_EVENTS = /^prefect\.automation\./;

interface HasId {
  readonly id: string;
  readonly name: string;
}

interface Move {
  readonly fromUs: number;
  readonly toUs: number;
}

export class RealWorlds {
  readonly driver: PrefectDriver;
  private readonly prefect: RealPrefect;
  /** The moment that is the worlds' now: a whole second, because answers show whole seconds. */
  private nowUs = Math.floor(Date.now() / 1000) * SECOND_US;
  /** Times that were given to the server: at the end they are moved by what setting up has taken. */
  private readonly given = new Set<number>();
  private readonly late: HasId[] = [];
  private readonly workers: (readonly [string, string])[] = [];
  private readonly statements: (readonly [string, ...(string | number)[]])[] = [];
  private readonly moves = new Map<string, Move>();

  constructor(prefect: RealPrefect) {
    this.prefect = prefect;
    this.driver = new PrefectDriver(prefect);
  }

  open(world: World, prefix: string): RealWorld {
    return new RealWorld(world, prefix, this);
  }

  /** A world's time as a time of the server, and back. */
  timeOf(time: string): string {
    const us = this.usOf(time);
    this.given.add(us);
    return formatIsoUs(us);
  }

  usOf(time: string): number {
    return (parseIsoUs(time) ?? 0) - T0_US - NOW_S * SECOND_US + this.nowUs;
  }

  withWorldTimes(text: string): string {
    return text.replace(/20\d\d-\d\d-\d\dT[\d:.]+Z/g, (time) => {
      const us = parseIsoUs(time);
      if (us === undefined) return time;
      const ofWorld = formatIsoUs(us - this.nowUs + T0_US + NOW_S * SECOND_US);
      return time.includes(".") ? ofWorld : ofWorld.replace(/\.\d+/, "");
    });
  }

  willBeLate(run: HasId): void {
    this.late.push(run);
  }

  willBeat(pool: string, name: string): void {
    this.workers.push([pool, name]);
  }

  /** Changed in the database once everything is written. */
  afterwards(statement: string, ...values: (string | number)[]): void {
    this.statements.push([statement, ...values]);
  }

  /** Moves the states of a run to these times, in their order. */
  async moveStates(kind: "flow_run" | "task_run", id: string, times: readonly string[]): Promise<void> {
    const states = await this.prefect.api<{ id: string; timestamp: string }[]>(
      "GET",
      `/${kind}_states/?${kind}_id=${id}`,
    );
    const sorted = states.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp));
    for (const [index, state] of sorted.entries()) {
      const to = times[index] ?? times.at(-1);
      if (to === undefined) continue;
      this.moves.set(state.id, { fromUs: parseIsoUs(state.timestamp) ?? 0, toUs: this.usOf(to) + index });
    }
  }

  async finish(): Promise<void> {
    await this.driver.untilLate(this.late);
    await this.written();
    const db = new Database(join(this.prefect.home, "prefect.db"));
    db.run("PRAGMA busy_timeout = 300000");
    db.transaction(() => {
      for (const [statement, ...values] of this.statements) db.prepare(statement).run(...values);
      this.moveAll(db);
    }).immediate();
    db.close();
  }

  /** Last, because their heartbeats are many writes. */
  async startWorkers(): Promise<void> {
    for (const [pool, name] of this.workers) await this.driver.worker(pool, name);
  }

  /** The workers of one world send a heartbeat now. */
  async beat(prefix: string): Promise<void> {
    for (const [pool, name] of this.workers) if (pool.startsWith(prefix)) await this.driver.sendHeartbeat(name);
  }

  /** Prefect writes events in their order: those that came before this one are written. Not `settled`: automations of worlds seem to act. */
  private async written(): Promise<void> {
    const id = Bun.randomUUIDv7();
    await this.driver.event("test.written", { "prefect.resource.id": "test.written" }, [], { id });
    const occurred = { since: "1970-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z" };
    const body = { filter: { occurred, id: { id: [id] } }, limit: 0 };
    const count = () => this.prefect.api<{ total: number }>("POST", "/events/filter", body);
    await waitUntil("every event is written", count, ({ total }) => total > 0);
  }

  private moveAll(db: Database): void {
    const laterUs = Math.floor(Date.now() / 1000) * SECOND_US - this.nowUs;
    this.nowUs += laterUs;
    const times = new Map([...this.given].map((us) => [us, us + laterUs]));
    for (const { fromUs, toUs } of this.moves.values()) times.set(fromUs, toUs + laterUs);
    const moved = (text: string) =>
      text.replace(/20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{6})?(?:Z|\+00:00)?/g, (time) => {
        const zone = /(?:Z|\+00:00)$/.exec(time)?.[0] ?? "";
        const bare = time.slice(0, time.length - zone.length);
        const toUs = times.get(parseIsoUs(`${bare.replace(" ", "T")}Z`) ?? -1);
        if (toUs === undefined) return time;
        const iso = withMicroseconds(formatIsoUs(toUs));
        return `${iso.slice(0, 10)}${time[10]}${iso.slice(11, bare.length)}${zone}`;
      });
    const tables = [
      "flow_run",
      "flow_run_state",
      "task_run",
      "task_run_state",
      "events",
      "event_resources",
      "worker",
      "automation",
      "log",
    ];
    for (const table of tables) {
      const columns = db
        .query<{ name: string; type: string }, [string]>("SELECT name, type FROM pragma_table_info(?)")
        .all(table)
        .filter(({ type }) => /DATE|TIME|JSON/i.test(type))
        .map(({ name }) => name);
      const rows = db.query<Record<string, string | number | null>, []>(
        `SELECT rowid AS row_number, ${columns.join(", ")} FROM ${table}`,
      );
      for (const { row_number, ...row } of rows.all())
        for (const [column, value] of Object.entries(row)) {
          const text = typeof value === "string" ? moved(value) : value;
          if (text !== value)
            db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(text, row_number ?? 0);
        }
    }
  }
}

/** One world. Its names get a prefix, which the answers lose again before they are judged. */
export class RealWorld {
  private readonly ids = new Map<string, string>();
  private readonly made = new Set<string>();
  private readonly world: World;
  private readonly prefix: string;
  private readonly all: RealWorlds;

  constructor(world: World, prefix: string, all: RealWorlds) {
    this.world = world;
    this.prefix = prefix;
    this.all = all;
  }

  idOf(id: string): string {
    return this.ids.get(id) ?? id;
  }

  beat(): Promise<void> {
    return this.all.beat(this.prefix);
  }

  nameOf(name: string): string {
    return this.prefix + name;
  }

  /** A text of an answer as if it were about the world. */
  asOfWorld(text: string): string {
    return this.all.withWorldTimes(text.replaceAll(this.prefix, ""));
  }

  /** Objects, and what has ended. */
  async begin(): Promise<void> {
    const { world } = this;
    const { driver } = this.all;
    for (const flow of world.flows) this.keep(flow.id, await driver.post("/flows/", { name: this.nameOf(flow.name) }));
    for (const pool of world.pools) {
      const isLowered = this.changeOf("work-pool", pool.id) === "updated";
      const concurrency_limit = isLowered ? 8 : pool.concurrency_limit;
      this.keep(pool.id, await driver.pool(this.nameOf(pool.name), { concurrency_limit }));
    }
    for (const queue of world.queues) {
      const pool = world.pools.find(({ id }) => id === queue.work_pool_id);
      const path = `/work_pools/${this.nameOf(pool?.name ?? "")}/queues/${queue.name}`;
      this.keep(queue.id, await driver.get(path));
      const isLowered = this.changeOf("work-queue", queue.id) === "updated";
      if (queue.concurrency_limit != null)
        await driver.patch(path, { concurrency_limit: isLowered ? 8 : queue.concurrency_limit });
    }
    for (const deployment of world.deployments) await this.deploy(deployment);
    for (const limit of world.limits.filter(({ name }) => !name.startsWith("deployment:"))) {
      const isTag = limit.name.startsWith("tag:");
      const name = isTag ? this.nameOf(limit.name.slice(4)) : this.nameOf(limit.name);
      const { slot_decay_per_second, active_slots } = limit;
      const body = isTag
        ? { tag: name, concurrency_limit: limit.limit }
        : { name, limit: limit.limit, active_slots, slot_decay_per_second };
      this.keep(limit.id, await driver.post(isTag ? "/concurrency_limits/" : "/v2/concurrency_limits/", body));
    }
    for (const run of world.runs.filter((one) => hasRun(one) && !this.namesAutomation(one))) await this.play(run);
    for (const deployment of world.deploymentsBefore) await this.changeDeployment(deployment);
    await this.postEvents(
      (name) => !CHANGES.test(name) && !AUTOMATION_EVENTS.test(name),
      (text) => this.mentionsUnmade(text),
    );
  }

  /** What holds and waits, and what the automations did. Automations are created after the events that would make them act. */
  async end(): Promise<void> {
    const { world } = this;
    const { driver } = this.all;
    for (const worker of world.workers) {
      const pool = this.nameOf(world.pools.find(({ id }) => id === worker.work_pool_id)?.name ?? "");
      const name = this.nameOf(worker.name);
      const isAlive =
        this.all.usOf(worker.last_heartbeat_time ?? "") > this.all.usOf(this.nowOfWorld()) - ALIVE_S * SECOND_US;
      if (isAlive) this.all.willBeat(pool, name);
      else {
        await driver.post(`/work_pools/${pool}/workers/heartbeat`, { name, heartbeat_interval_seconds: 30 });
        const beat = this.all.timeOf(worker.last_heartbeat_time ?? "");
        this.all.afterwards("UPDATE worker SET last_heartbeat_time = ? WHERE name = ?", asColumn(beat), name);
      }
    }
    for (const deployment of world.deployments) {
      const isHeld = world.runs.some((run) => run.deployment_id === deployment.id && run.state_type === "RUNNING");
      const active_slots = deployment.global_concurrency_limit?.active_slots ?? 0;
      if (isHeld || active_slots === 0) continue;
      await driver.patch(`/v2/concurrency_limits/deployment:${this.idOf(deployment.id)}`, { active_slots });
    }
    for (const run of world.runs.filter((one) => !hasRun(one))) await this.play(run);
    for (const task of world.tasks) await this.task(task);
    for (const log of world.logs) {
      const { level, message, name, flow_run_id, timestamp } = log;
      const own = { flow_run_id: this.idOf(flow_run_id ?? ""), timestamp: this.all.timeOf(timestamp ?? "") };
      await driver.post("/logs/", [{ level, message, name, ...own }]);
    }
    for (const { name, enabled, trigger, actions, id, created } of world.automations) {
      const body = this.mapped({ name: this.nameOf(name), enabled, trigger, actions });
      const made = await driver.post("/automations/", body);
      this.keep(id, { ...made, name });
      this.all.afterwards(
        "UPDATE automation SET created = ? WHERE id = ?",
        asColumn(this.all.timeOf(created ?? "")),
        made.id,
      );
    }
    // A state's message names the automation by its id.
    for (const run of world.runs.filter((one) => this.namesAutomation(one))) await this.play(run);
    await this.postEvents(
      (name) => !CHANGES.test(name),
      () => false,
    );
    await this.changePoolsAndQueues();
  }

  private namesAutomation(run: FlowRun): boolean {
    return this.world.automations.some(({ id }) => run.state?.message?.includes(id));
  }

  private nowOfWorld(): string {
    return formatIsoUs(T0_US + NOW_S * SECOND_US);
  }

  private keep(id: string, made: HasId): void {
    this.ids.set(id, made.id);
  }

  private changeOf(kind: string, id: string): string | null {
    const event = this.world.events.find(
      (one) => one.resource["prefect.resource.id"] === `prefect.${kind}.${id}` && CHANGES.test(one.event),
    );
    return event?.event.split(".").at(-1) ?? null;
  }

  private async deploy(deployment: Deployment): Promise<void> {
    const { world } = this;
    const before = world.deploymentsBefore.find(({ id }) => id === deployment.id) ?? deployment;
    const { name, entrypoint, parameters, concurrency_options, version } = before;
    const made = await this.all.driver.post("/deployments/", {
      name,
      flow_id: this.idOf(deployment.flow_id ?? ""),
      work_pool_name: this.nameOf(deployment.work_pool_name ?? ""),
      work_queue_name: deployment.work_queue_name,
      entrypoint,
      parameters,
      version,
      concurrency_options,
      concurrency_limit: before.global_concurrency_limit?.limit,
    });
    this.keep(deployment.id, made);
  }

  private async changeDeployment({ id }: Deployment): Promise<void> {
    const now = this.world.deployments.find((one) => one.id === id);
    const { entrypoint, global_concurrency_limit } = now ?? {};
    const limit = global_concurrency_limit ? { concurrency_limit: global_concurrency_limit.limit } : {};
    await this.all.driver.patch(`/deployments/${this.idOf(id)}`, { entrypoint, ...limit });
    const resource = `prefect.deployment.${this.idOf(id)}`;
    const time = asColumn(formatIsoUs(T0_US + (NOW_S - 600) * SECOND_US));
    const own = asColumn(this.all.timeOf(`${time.replace(" ", "T")}Z`));
    this.all.afterwards(
      "UPDATE events SET occurred = ? WHERE event = 'prefect.deployment.updated' AND resource_id = ?",
      own,
      resource,
    );
    this.all.afterwards(
      "UPDATE event_resources SET occurred = ? WHERE event_id IN (SELECT id FROM events WHERE event = 'prefect.deployment.updated' AND resource_id = ?)",
      own,
      resource,
    );
  }

  private async changePoolsAndQueues(): Promise<void> {
    const { world } = this;
    const { driver } = this.all;
    for (const pool of world.pools) {
      const path = `/work_pools/${this.nameOf(pool.name)}`;
      const isLowered = this.changeOf("work-pool", pool.id) === "updated";
      if (isLowered) await driver.patch(path, { concurrency_limit: pool.concurrency_limit });
      if (pool.is_paused === true) await driver.patch(path, { is_paused: true });
      this.moveChange("work-pool", pool.id);
      const queue = world.queues.find(({ work_pool_id }) => work_pool_id === pool.id);
      if (!queue) continue;
      if (this.changeOf("work-queue", queue.id) === "updated")
        await driver.patch(`${path}/queues/${queue.name}`, { concurrency_limit: queue.concurrency_limit });
      if (queue.is_paused === true) await driver.patch(`${path}/queues/${queue.name}`, { is_paused: true });
      this.moveChange("work-queue", queue.id);
    }
  }

  private moveChange(kind: string, id: string): void {
    const event = this.world.events.find(
      (one) => one.resource["prefect.resource.id"] === `prefect.${kind}.${id}` && CHANGES.test(one.event),
    );
    if (!event) return;
    const values = [asColumn(this.all.timeOf(event.occurred)), event.event, `prefect.${kind}.${this.idOf(id)}`];
    const where = "event = ? AND resource_id = ?";
    this.all.afterwards(`UPDATE events SET occurred = ? WHERE ${where}`, ...values);
    this.all.afterwards(
      `UPDATE event_resources SET occurred = ? WHERE event_id IN (SELECT id FROM events WHERE ${where})`,
      ...values,
    );
  }

  private async postEvents(isWanted: (name: string) => boolean, isLater: (text: string) => boolean): Promise<void> {
    for (const event of this.world.events) {
      if (this.made.has(event.id) || !isWanted(event.event) || isLater(JSON.stringify(event))) continue;
      this.made.add(event.id);
      const id = Bun.randomUUIDv7();
      const { payload, related, resource, follows } = event;
      const body = this.mapped({ id, event: this.eventName(event.event), resource, related, payload, follows });
      await this.all.driver.post("/events", [{ ...body, occurred: this.all.timeOf(event.occurred) }]);
      this.ids.set(event.id, id);
    }
  }

  private mentionsUnmade(text: string): boolean {
    const later = [
      ...this.world.automations,
      ...this.world.runs.filter((run) => !hasRun(run) || this.namesAutomation(run)),
      ...this.world.tasks,
    ];
    return later.some(({ id }) => text.includes(id));
  }

  private eventName(name: string): string {
    return name.startsWith("prefect.") ? name : this.nameOf(name);
  }

  /** With the server's ids, and with prefixed names. */
  private mapped<T>(value: T): T {
    const ids = JSON.stringify(value).replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) =>
      this.idOf(id),
    );
    return JSON.parse(ids, (key, inner: unknown) => {
      if (key === "prefect.resource.name" && typeof inner === "string") return this.nameOf(inner);
      if (key === "expect" && Array.isArray(inner)) return inner.map((name: string) => this.eventName(name));
      return inner;
    }) as T;
  }

  private async play(run: FlowRun): Promise<void> {
    const { driver } = this.all;
    const { world } = this;
    const parent = run.parent_task_run_id ? world.tasks.find(({ id }) => id === run.parent_task_run_id) : undefined;
    if (parent) await this.task(parent);
    const due = run.expected_start_time ?? run.start_time ?? "";
    const made = await driver.post(`/deployments/${this.idOf(run.deployment_id ?? "")}/create_flow_run`, {
      name: this.nameOf(run.name),
      parameters: run.parameters ?? {},
      tags: run.tags ?? [],
      empirical_policy: run.empirical_policy ?? {},
      ...(parent ? { parent_task_run_id: this.idOf(parent.id) } : {}),
      state: { type: "SCHEDULED", state_details: { scheduled_time: this.all.timeOf(due) } },
    });
    this.keep(run.id, made);
    const { state_type: type, state_name: name, state } = run;
    if (type === "SCHEDULED" && (name === "Late" || name === "Scheduled")) {
      this.all.willBeLate(made);
      return;
    }
    if (name === "AwaitingConcurrencySlot" || (type === "CANCELLED" && run.start_time == null)) {
      await driver.state(made, "PENDING");
      await this.all.moveStates("flow_run", made.id, [due, state?.timestamp ?? due]);
      return;
    }
    await driver.start(made);
    const start = run.start_time ?? due;
    const details = (state?.state_details ?? {}) as { scheduled_time?: string };
    const own = details.scheduled_time
      ? { state_details: { ...details, scheduled_time: this.all.timeOf(details.scheduled_time) } }
      : { state_details: details };
    if (type !== "RUNNING") {
      const message =
        state?.message == null ? undefined : this.mapped(state.message).replace(/(?<=Error: )/, this.prefix);
      await driver.state(made, type ?? "", name ?? undefined, message, own);
    }
    const end = run.end_time ?? state?.timestamp ?? start;
    await this.all.moveStates("flow_run", made.id, [due, start, start, end]);
    if (typeof run.total_run_time === "number" && run.total_run_time > 0 && isTerminal(type ?? null)) {
      const total = asColumn(formatIsoUs(run.total_run_time * SECOND_US));
      this.all.afterwards("UPDATE flow_run SET run_count = 1, total_run_time = ? WHERE id = ?", total, made.id);
    }
  }

  private async task(task: TaskRun): Promise<void> {
    if (this.ids.has(task.id)) return;
    const { driver } = this.all;
    const made = await driver.post("/task_runs/", {
      flow_run_id: this.idOf(task.flow_run_id ?? ""),
      task_key: task.name,
      dynamic_key: task.id.slice(0, 8),
      name: this.nameOf(task.name),
      tags: (task.tags ?? []).map((tag) => this.nameOf(tag)),
    });
    this.keep(task.id, made);
    // As the client does: it takes the slots of tags itself, and tells the server the states of task runs.
    const set = async (type: string, message?: string) => {
      const state = { type, ...(message ? { message } : {}) };
      await driver.post(`/task_runs/${made.id}/set_state`, { state, force: true });
    };
    await set("PENDING");
    if (task.state_type !== "PENDING") await set("RUNNING");
    // Afterwards: a state before RUNNING gives back what the task holds.
    if (task.state_type === "RUNNING") await this.takeTagSlots(task, made.id);
    if (isTerminal(task.state_type ?? null)) await set(task.state_type ?? "", task.state?.message ?? undefined);
    const start = task.start_time ?? task.state?.timestamp ?? "";
    await this.all.moveStates("task_run", made.id, [start, start, task.state?.timestamp ?? start]);
  }

  private async takeTagSlots(task: TaskRun, id: string): Promise<void> {
    const tags = (task.tags ?? []).filter((tag) => this.world.limits.some(({ name }) => name === `tag:${tag}`));
    if (tags.length === 0) return;
    await this.all.driver.post("/v2/concurrency_limits/increment-with-lease", {
      names: tags.map((tag) => `tag:${this.nameOf(tag)}`),
      slots: 1,
      mode: "concurrency",
      lease_duration: 3_600,
      holder: { type: "task_run", id },
    });
  }
}

/** It has run and ended: nothing that waits or holds depends on it. */
function hasRun(run: FlowRun): boolean {
  return isTerminal(run.state_type ?? null) && run.start_time != null;
}

/** As Prefect's SQLite has times, always with six digits: it compares them as texts. */
function asColumn(iso: string): string {
  return withMicroseconds(iso).replace("T", " ").replace("Z", "");
}

function withMicroseconds(iso: string): string {
  const [whole = "", fraction = ""] = iso.replace("Z", "").split(".");
  return `${whole}.${fraction.padEnd(6, "0")}Z`;
}

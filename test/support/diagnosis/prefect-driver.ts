/** Creates objects and states on a real Prefect server over REST, one write at a time: SQLite answers 503 to concurrent writes. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import type { RealPrefect } from "../real-prefect/real-prefect.ts";
import { waitUntil } from "../time/wait-until.ts";

interface HasId {
  readonly id: string;
  readonly name: string;
}

export interface Deployed extends HasId {
  readonly flowId: string;
  readonly pool: string | null;
}

const MINUTE_MS = 60_000;
const HEARTBEAT_EVERY_MS = 10_000;

export function hoursFromNow(hours: number): string {
  return new Date(Date.now() + hours * 60 * MINUTE_MS).toISOString();
}

export class PrefectDriver {
  private readonly prefect: RealPrefect;
  private readonly stopping = new AbortController();
  private beating: Promise<void> | null = null;
  private readonly workers = new Map<string, { pool: string; queues: readonly string[] | null }>();

  constructor(prefect: RealPrefect) {
    this.prefect = prefect;
  }

  post<T = HasId>(path: string, body: unknown = {}): Promise<T> {
    return this.prefect.api<T>("POST", path, body);
  }

  get<T = HasId>(path: string): Promise<T> {
    return this.prefect.api<T>("GET", path);
  }

  async patch(path: string, body: unknown): Promise<void> {
    await this.prefect.api("PATCH", path, body);
  }

  pool(name: string, over: object = {}): Promise<HasId> {
    return this.post("/work_pools/", { name, type: "process", ...over });
  }

  async deployment(flow: string, name: string, pool: string | null, over: object = {}): Promise<Deployed> {
    const { id: flowId } = await this.post("/flows/", { name: flow });
    const made = await this.post("/deployments/", {
      name,
      flow_id: flowId,
      work_pool_name: pool,
      entrypoint: "flows.py:main",
      ...over,
    });
    return { id: made.id, name, flowId, pool };
  }

  /**
   * An online worker: it sends a heartbeat and polls now, and then every 10 s until `stopHeartbeats()`, because the server counts a
   * queue as polled for little more than a minute.
   */
  async worker(pool: string, name = `${pool}-worker`, queues: readonly string[] | null = null): Promise<void> {
    this.workers.set(name, { pool, queues });
    await this.sendHeartbeat(name);
    this.beating ??= this.sendHeartbeats();
  }

  stopHeartbeats(): void {
    this.stopping.abort();
  }

  private async sendHeartbeats(): Promise<void> {
    for (;;) {
      await systemClock.sleep(HEARTBEAT_EVERY_MS, this.stopping.signal);
      for (const name of this.workers.keys()) {
        if (this.stopping.signal.aborted) return;
        // The server may be stopped or suspended; the next round tries again.
        await this.sendHeartbeat(name).catch(() => undefined);
      }
    }
  }

  /** Also out of turn: on a busy machine a round over many workers takes longer than a heartbeat counts. */
  async sendHeartbeat(name: string): Promise<void> {
    const own = this.workers.get(name);
    if (!own) return;
    await this.post(`/work_pools/${own.pool}/workers/heartbeat`, { name, heartbeat_interval_seconds: 30 });
    const queues = own.queues ? { work_queue_names: own.queues } : {};
    await this.post(`/work_pools/${own.pool}/get_scheduled_flow_runs`, {
      ...queues,
      scheduled_before: "2020-01-01T00:00:00Z",
    });
  }

  /** A run that was due minutes ago: the server marks it Late within seconds. */
  lateRun(deployment: Deployed, name: string, over: object = {}): Promise<HasId> {
    const scheduled_time = new Date(Date.now() - 5 * MINUTE_MS).toISOString();
    return this.run(deployment, name, { state: { type: "SCHEDULED", state_details: { scheduled_time } }, ...over });
  }

  run(deployment: Deployed, name: string, over: object = {}): Promise<HasId> {
    return this.post(`/deployments/${deployment.id}/create_flow_run`, { name, ...over });
  }

  async state(run: HasId, type: string, name?: string, message?: string, over: object = {}): Promise<void> {
    const state = { type, ...(name ? { name } : {}), ...(message ? { message } : {}), ...over };
    const set = async () => {
      const response = await fetch(`${this.prefect.url}/flow_runs/${run.id}/set_state`, {
        method: "POST",
        // The server closes idle connections after 5 s, also one on which a call was just sent.
        keepalive: false,
        headers: { "content-type": "application/json", "user-agent": "prefect/3.8.8 (API 0.8.4)" },
        body: JSON.stringify({ state }),
      });
      const text = await response.text();
      if (!response.ok && response.status !== 503) throw new Error(`set_state ${type}: ${response.status} ${text}`);
      return response.status;
    };
    await waitUntil(`${run.name} is ${name ?? type}`, set, (status) => status !== 503);
  }

  async start(run: HasId): Promise<void> {
    await this.state(run, "PENDING");
    await this.state(run, "RUNNING");
  }

  /** Fails the run as Prefect's engine does: the traceback in the log, the exception in the state message. */
  async fail(
    run: HasId,
    type: string,
    message: string,
    frame = "load_rows",
    lines: readonly [number, string][] = [],
  ): Promise<void> {
    const traceback = [
      `Encountered exception during execution: ${type}(${JSON.stringify(message)})`,
      "Traceback (most recent call last):",
      '  File "/srv/venv/lib/site-packages/prefect/flow_engine.py", line 1330, in run_context',
      "    yield self",
      `  File "/srv/flows/etl.py", line 41, in ${frame}`,
      "    raise boom",
      `${type}: ${message}`,
    ].join("\n");
    await this.log(run, [...lines, [40, traceback]]);
    await this.state(run, "FAILED", "Failed", `Flow run encountered an exception: ${type}: ${message}`);
  }

  async log(run: HasId, lines: readonly (readonly [number, string])[]): Promise<void> {
    const start = Date.now() - lines.length;
    await this.post(
      "/logs/",
      lines.map(([level, message], index) => ({
        name: "prefect.flow_runs",
        level,
        message,
        timestamp: new Date(start + index).toISOString(),
        flow_run_id: run.id,
      })),
    );
  }

  event(
    name: string,
    resource: Record<string, string>,
    related: readonly Record<string, string>[] = [],
    over: object = {},
  ): Promise<unknown> {
    const event = {
      id: Bun.randomUUIDv7(),
      occurred: new Date().toISOString(),
      event: name,
      resource,
      related,
      payload: {},
      ...over,
    };
    return this.post("/events", [event]);
  }

  /** The event of a worker that took a run (`submitted`) or saw its process end (`executed`). */
  workerEvent(
    what: "submitted" | "executed",
    worker: string,
    run: HasId,
    labels: Record<string, string> = {},
  ): Promise<unknown> {
    const resource = {
      "prefect.resource.id": `prefect.worker.process.${worker}`,
      "prefect.resource.name": worker,
    };
    const id = `prefect.flow-run.${run.id}`;
    const related = {
      "prefect.resource.id": id,
      "prefect.resource.role": "flow-run",
      "prefect.resource.name": run.name,
      ...labels,
    };
    return this.event(`prefect.worker.${what}-flow-run`, resource, [related]);
  }

  /** The task run that represents a subflow in its parent. */
  subflowTask(parent: HasId): Promise<HasId> {
    return this.post("/task_runs/", { flow_run_id: parent.id, task_key: "child", dynamic_key: "0", name: "child-0" });
  }

  /** Waits until the server's loop has marked these runs as Late. */
  async untilLate(runs: readonly HasId[]): Promise<void> {
    const flow_runs = { id: { any_: runs.map((run) => run.id) }, state: { name: { not_any_: ["Late"] } } };
    const left = () => this.post<HasId[]>("/flow_runs/filter", { flow_runs });
    await waitUntil("every run is marked as Late", left, (found) => found.length === 0);
  }

  /** Changes the server's database while it runs: for rows that no route can create. */
  sql(text: string, ...values: (string | number)[]): void {
    const db = new Database(join(this.prefect.home, "prefect.db"));
    // A statement of the server may hold the lock for long on a busy machine.
    db.run("PRAGMA busy_timeout = 300000");
    db.prepare(text).run(...values);
    db.close();
  }
}

/** The parts of one engine on an empty record, with a fake Prefect that answers at once. Time passes only while it sleeps. */
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { formatIsoUs, HOUR_US, parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { type EventFilter, matchesEventFilter } from "../../src/model/events/event-filter.ts";
import type { ListedKind } from "../../src/model/kinds.ts";
import type { FlowRun, JsonObject, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../../src/model/objects.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import type { SyncSettings } from "../../src/model/sync-settings.ts";
import type { EventPage, FilterBody, PrefectApi } from "../../src/prefect/api.ts";
import type { ServerOffset } from "../../src/prefect/transport/server-offset.ts";
import { coveredRanges } from "../../src/store/coverage.ts";
import { openRecord } from "../../src/store/database.ts";
import type { Commit } from "../../src/sync/context/changes.ts";
import { createContext } from "../../src/sync/context/create-context.ts";
import type { EngineContext } from "../../src/sync/context/engine-context.ts";
import { TUNING, type Tuning } from "../../src/sync/context/tuning.ts";
import { anId, T0_US } from "../support/builders.ts";
import { DEFAULT_SYNC_SETTINGS } from "../support/default-sync-settings.ts";

export const SECOND = 1_000_000;

export class ManualClock implements Clock {
  /** Moves when time passes. */
  us = T0_US;
  /** By how much the wall clock was set. */
  setUs = 0;
  readonly slept: number[] = [];
  nowUs = () => this.us + this.setUs;
  steadyMs = () => this.us / 1000;
  bootedUs = () => this.setUs;
  sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve();
    this.slept.push(ms);
    this.us += ms * 1000;
    return Promise.resolve();
  };
}

/** An event that occurred this many seconds after T0; mostly negative. */
export function anEventAt(seconds: number, given: Partial<PrefectEvent> = {}): PrefectEvent {
  const us = T0_US + Math.round(seconds * SECOND);
  return {
    id: anId(),
    occurred: formatIsoUs(us),
    event: "lake.loaded",
    resource: { "prefect.resource.id": "lake.1" },
    related: [],
    payload: {},
    follows: null,
    received: formatIsoUs(us + 2_000),
    ...given,
  };
}

export class TinyPrefect {
  readonly url = "http://tiny/api";
  isCloud = false;
  skewMs: number | null = 0;
  private readonly clock: Clock;
  /** The wall clock minus the steady one as it was at the beginning: setting the wall clock does not change the server. */
  private readonly startMs: number;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
    this.startMs = clock.nowUs() / 1000 - clock.steadyMs();
  }

  /** As if each answer had told the skew, and its lower bound 1.5 s before. */
  get serverOffset(): ServerOffset | null {
    if (this.skewMs === null) return null;
    const [ms, observedMs] = [this.skewMs + this.startMs, this.clock.steadyMs()];
    return { lowMs: ms - 1_500, highMs: ms + 1_500, newestLowMs: ms - 1_500, observedMs, wallMs: 0, disputed: null };
  }

  requests = 0;
  events: PrefectEvent[] = [];
  flowRuns: FlowRun[] = [];
  taskRuns: TaskRun[] = [];
  logs: Log[] = [];
  objects: { [K in SnapshotKind]?: SnapshotObjects[K][] } = {};
  settings: JsonObject = {};
  /** All requests: the route and the relevant part of the body. */
  readonly asked: string[] = [];
  /** Called before each answer; may throw, or change the data. */
  before: (asked: string) => void = () => {};
  /** Changes an event page before it is returned. */
  alterPage: (page: EventPage, limit: number) => EventPage = (page) => page;

  filterEvents = async (filter: EventFilter, limit: number): Promise<EventPage> => {
    this.note(
      `events ${filter.id?.id ? "by id" : `${seconds(filter.occurred?.since)}..${seconds(filter.occurred?.until)}`} ${limit}`,
    );
    const rows = this.between(filter);
    const more = limit > 0 && rows.length > limit;
    const nextToken = more ? JSON.stringify({ filter, limit, offset: limit }) : null;
    return this.alterPage({ events: rows.slice(0, limit), total: rows.length, nextToken }, limit);
  };

  nextEvents = async (token: string): Promise<EventPage> => {
    const { filter, limit, offset } = JSON.parse(token) as { filter: EventFilter; limit: number; offset: number };
    this.note(`next ${offset}`);
    const rows = this.between(filter);
    const nextToken = rows.length > offset + limit ? JSON.stringify({ filter, limit, offset: offset + limit }) : null;
    return this.alterPage({ events: rows.slice(offset, offset + limit), total: rows.length, nextToken }, limit);
  };

  countEvents = async (_what: string, body: { filter: EventFilter }) => {
    this.note("count by hour");
    const counts = new Map<number, number>();
    for (const event of this.between(body.filter)) {
      const hour = Math.floor((parseIsoUs(event.occurred) ?? 0) / HOUR_US);
      counts.set(hour, (counts.get(hour) ?? 0) + 1);
    }
    return [...counts].map(([hour, count]) => ({
      value: "",
      label: "",
      count,
      start_time: formatIsoUs(hour * HOUR_US),
      end_time: formatIsoUs((hour + 1) * HOUR_US - 1),
    }));
  };

  /** As on PostgreSQL, which sorts missing values as the largest. */
  areNullsLargest = false;

  filterFlowRuns = async (body: FilterBody): Promise<FlowRun[]> => {
    const { id, expected_start_time, state } = (body.flow_runs ?? {}) as {
      id?: { any_: string[] };
      expected_start_time?: { after_: string; before_: string };
      state?: { type: { any_: string[] } };
    };
    this.note(
      `flow_runs ${id ? `by id ${id.any_.length}` : state ? "planned" : `${seconds(expected_start_time?.after_)}..${seconds(expected_start_time?.before_)}`}`,
    );
    const us = (run: FlowRun) => parseIsoUs(run.expected_start_time ?? "") ?? 0;
    const rows = this.flowRuns.filter(
      (run) =>
        (!id || id.any_.includes(run.id)) &&
        (!state || state.type.any_.includes(run.state_type ?? "")) &&
        (!expected_start_time ||
          (us(run) >= (parseIsoUs(expected_start_time.after_) ?? 0) &&
            us(run) <= (parseIsoUs(expected_start_time.before_) ?? 0))),
    );
    const end = (run: FlowRun) => parseIsoUs(run.end_time ?? "") ?? (this.areNullsLargest ? Infinity : -Infinity);
    rows.sort((a, b) => {
      if (body.sort === "ID_DESC") return a.id < b.id ? 1 : -1;
      if (body.sort === "END_TIME_DESC" && end(a) !== end(b)) return end(a) < end(b) ? 1 : -1;
      return us(b) - us(a);
    });
    return page(rows, body);
  };

  filterTaskRuns = async (body: FilterBody): Promise<TaskRun[]> => {
    const { id, expected_start_time } = (body.task_runs ?? {}) as {
      id?: { any_: string[] };
      expected_start_time?: { after_: string; before_: string };
    };
    const flow = (body.flow_runs as { id?: { any_: string[] } } | undefined)?.id?.any_;
    const { after_, before_ } = expected_start_time ?? {};
    const us = (run: TaskRun) => parseIsoUs(run.expected_start_time ?? "") ?? 0;
    const toUs = parseIsoUs(before_ ?? "") ?? 0;
    const range = `${seconds(after_)}..${toUs > T0_US + 365 * 86_400 * SECOND ? "" : seconds(before_)}`;
    this.note(`task_runs ${id ? `by id ${id.any_.length}` : flow ? `of ${flow.length} runs` : range}`);
    const rows = this.taskRuns.filter(
      (run) =>
        (!id || id.any_.includes(run.id)) &&
        (!flow || flow.includes(run.flow_run_id ?? "")) &&
        (!expected_start_time || (us(run) >= (parseIsoUs(after_ ?? "") ?? 0) && us(run) <= toUs)),
    );
    if (body.sort === "EXPECTED_START_TIME_DESC") rows.sort((a, b) => us(b) - us(a));
    return page(rows, body);
  };

  countFlowRuns = async (body: FilterBody) => this.countRuns("flow_runs", this.flowRuns, body);
  countTaskRuns = async (body: FilterBody) => this.countRuns("task_runs", this.taskRuns, body);

  private countRuns(what: string, runs: readonly (FlowRun | TaskRun)[], body: FilterBody): number {
    const filter = body[what] as { expected_start_time: { after_: string; before_: string } };
    const { after_, before_ } = filter.expected_start_time;
    this.note(`count ${what} ${seconds(after_)}..${seconds(before_)}`);
    const [fromUs, toUs] = [parseIsoUs(after_) ?? 0, parseIsoUs(before_) ?? 0];
    const us = (run: FlowRun | TaskRun) => parseIsoUs(run.expected_start_time ?? "") ?? 0;
    return runs.filter((run) => us(run) >= fromUs && us(run) <= toUs).length;
  }

  filterLogs = async (body: FilterBody): Promise<Log[]> => {
    const logs = body.logs as { flow_run_id: { any_: string[] }; timestamp?: { after_?: string; before_?: string } };
    this.note("logs");
    const after = parseIsoUs(logs.timestamp?.after_ ?? "") ?? 0;
    const before = parseIsoUs(logs.timestamp?.before_ ?? "") ?? Number.MAX_SAFE_INTEGER;
    const us = (line: Log) => parseIsoUs(line.timestamp) ?? 0;
    const rows = this.logs.filter(
      (line) => logs.flow_run_id.any_.includes(line.flow_run_id ?? "") && us(line) >= after && us(line) <= before,
    );
    rows.sort((a, b) => us(a) - us(b));
    return page(rows, body);
  };

  filterObjects = <K extends ListedKind>(kind: K, body: FilterBody) => this.list(kind, body);
  filterWorkers = (pool: string) => {
    this.note(`workers of ${pool}`);
    return Promise.resolve(this.objects.worker ?? []);
  };

  readServerSettings = async () => {
    this.note("settings");
    return this.settings;
  };
  blockTypes: ReadonlyMap<string, string> = new Map([["secret", anId()]]);
  /** Not in `asked`: at the start of a record, and where it has no events. */
  readBlockTypeIds = async () => {
    this.before("block types");
    return this.blockTypes;
  };
  readVersion = async () => {
    this.note("version");
    return "3.8.8";
  };

  private async list<K extends SnapshotKind>(kind: K, body: FilterBody): Promise<SnapshotObjects[K][]> {
    this.note(`${kind} ${body.offset ?? 0}`);
    return page((this.objects[kind] ?? []) as SnapshotObjects[K][], body);
  }

  private note(asked: string): void {
    this.requests += 1;
    this.asked.push(asked);
    this.before(asked);
  }

  private between(filter: EventFilter): PrefectEvent[] {
    const since = parseIsoUs(filter.occurred?.since ?? "") ?? 0;
    const until = parseIsoUs(filter.occurred?.until ?? "") ?? Number.MAX_SAFE_INTEGER;
    const us = (event: PrefectEvent) => parseIsoUs(event.occurred) ?? 0;
    const ids = filter.id?.id;
    return this.events
      .filter((event) => us(event) >= since && us(event) <= until && (!ids || ids.includes(event.id)))
      .filter((event) => matchesEventFilter(filter, event))
      .sort((a, b) => us(a) - us(b));
  }
}

function page<T>(rows: readonly T[], body: FilterBody): T[] {
  const offset = Number(body.offset ?? 0);
  return rows.slice(offset, offset + Number(body.limit ?? 200));
}

/** Whole seconds after T0; "-" for no bound. */
function seconds(text: string | undefined): string {
  const us = parseIsoUs(text ?? "");
  return us === undefined ? "-" : String(Math.round((us - T0_US) / SECOND));
}

export interface EngineHarness {
  readonly ctx: EngineContext;
  readonly prefect: TinyPrefect;
  readonly clock: ManualClock;
  readonly commits: Commit[];
  /** Claims of events: from and to in seconds after T0, and the source. */
  covered(): [number, number, string][];
}

export function aHarness(
  given: { settings?: Partial<SyncSettings>; tuning?: Partial<Tuning>; skewMs?: number | null } = {},
): EngineHarness {
  const clock = new ManualClock();
  const prefect = new TinyPrefect(clock);
  prefect.skewMs = given.skewMs === undefined ? 0 : given.skewMs;
  const commits: Commit[] = [];
  const ctx = createContext({
    db: openRecord(":memory:", "write"),
    api: prefect as unknown as PrefectApi,
    clock,
    logger: silentLogger,
    settings: { ...DEFAULT_SYNC_SETTINGS, ...given.settings },
    redact: createRedactor({ credentials: [] }),
    random: () => 0.5,
    tuning: { ...TUNING, eventPage: 5, rowPage: 4, ...given.tuning },
  });
  ctx.changes.subscribe({ commit: (commit) => void commits.push(commit) });
  return {
    ctx,
    prefect,
    clock,
    commits,
    covered: () =>
      coveredRanges(ctx.db, "event", "").map((range) => [
        Math.round((range.fromUs - T0_US) / SECOND),
        Math.round((range.toUs - T0_US) / SECOND),
        range.source,
      ]),
  };
}

export const neverAborted = new AbortController().signal;

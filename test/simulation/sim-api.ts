/** The simulated server as one process sees it: PrefectApi with delays, failures and contradictory answers. */

import { AppError } from "../../src/errors.ts";
import { sentence } from "../../src/lib/shown-text.ts";
import { formatIsoUs, HOUR_US, parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { EventFilter } from "../../src/model/events/event-filter.ts";
import type { ListedKind } from "../../src/model/kinds.ts";
import type { FlowRun, Log, TaskRun } from "../../src/model/objects.ts";
import type {
  CallOptions,
  CountBucket,
  EventPage,
  EventStream,
  FilterBody,
  PrefectApi,
} from "../../src/prefect/api.ts";
import {
  markServerClock,
  measureServerOffset,
  type ServerOffset,
  wallMinusSteadyMs,
} from "../../src/prefect/transport/server-offset.ts";
import type { Knobs } from "./plan.ts";
import type { Prng } from "./prng.ts";
import type { SimDatabase, SimRun, SimTaskRun, StoredEvent } from "./sim-database.ts";
import type { SimProcess } from "./sim-process.ts";
import { travelMs } from "./sim-process.ts";
import type { SimServer } from "./sim-server.ts";
import { openSimStream } from "./sim-stream.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface SimApiOptions {
  readonly time: VirtualTime;
  readonly server: SimServer;
  readonly process: SimProcess;
  readonly knobs: Knobs;
  readonly random: Prng;
  /** To be called when something happens that must not. */
  readonly fail: (what: string) => void;
  /** `database`: of the server that sent them. */
  readonly onDelivery: (events: readonly PrefectEvent[], database: SimDatabase) => void;
}

interface Token {
  readonly filter: EventFilter;
  readonly since: number;
  readonly until: number;
  readonly count: number;
  readonly limit: number;
  readonly offset: number;
}

const RETRY_AFTER_MS = 4_000;
/** Of a page that claims that another one follows. */
const UNKNOWN_TOKEN = "{}";

export class SimApi implements PrefectApi {
  readonly url = "http://simulated/api";
  readonly isCloud = false;
  requests = 0;
  /** Attempts to open a websocket; they are counted in `requests` too. */
  dials = 0;
  private readonly o: SimApiOptions;
  private readonly offset = measureServerOffset();
  private forbiddenUntilMs = 0;
  private lastNext: EventPage | null = null;

  constructor(options: SimApiOptions) {
    this.o = options;
  }

  get serverOffset(): ServerOffset | null {
    return this.o.knobs.skewKnown ? this.offset.read(this.o.process.clock.steadyMs()) : null;
  }

  /** See `markServerClock`. */
  mark(): () => number | null {
    return markServerClock(() => this.serverOffset, this.o.process.clock);
  }

  filterEvents(filter: EventFilter, limit: number, options?: CallOptions): Promise<EventPage> {
    return this.call(options, "events", () => {
      const since = parseIsoUs(filter.occurred?.since ?? "") ?? Number.MIN_SAFE_INTEGER;
      const until = parseIsoUs(filter.occurred?.until ?? "") ?? this.o.server.nowUs();
      const rows = this.eventRows(filter, since, until, limit);
      const token: Token = { filter, since, until, count: rows.length, limit, offset: limit };
      const more = limit > 0 && rows.length > limit;
      const page = {
        events: rows.slice(0, limit).map((row) => row.event),
        total: rows.length,
        nextToken: more ? JSON.stringify(token) : null,
      };
      return this.lie(page, limit);
    });
  }

  nextEvents(text: string, options?: CallOptions): Promise<EventPage> {
    return this.call(options, "events", () => {
      if (text === UNKNOWN_TOKEN) return { events: [], total: 0, nextToken: null };
      const token = JSON.parse(text) as Token;
      const end = token.offset + token.limit;
      const rows = this.eventRows(token.filter, token.since, token.until, end);
      const page = {
        events: rows.slice(token.offset, end).map((row) => row.event),
        total: token.count,
        nextToken: end < token.count ? JSON.stringify({ ...token, offset: end }) : null,
      };
      if (this.o.server.hasFault("lie-repeat") && this.lastNext) return this.lastNext;
      this.lastNext = page;
      return this.lie(page, token.limit);
    });
  }

  /** In the order of the filter. As PostgreSQL, a query may order ties as it orders them for no other end of a page. */
  private eventRows(filter: EventFilter, since: number, until: number, end: number): StoredEvent[] {
    const { occurred: _, ...asked } = filter;
    const rows = this.o.server.between(since, until, filter, `${JSON.stringify(asked)} ${end}`);
    return filter.order === "ASC" ? rows : rows.reverse();
  }

  countEvents(
    countable: "day" | "time" | "event" | "resource",
    body: { filter: EventFilter },
    options?: CallOptions,
  ): Promise<readonly CountBucket[]> {
    return this.call(options, "count", () => {
      const since = parseIsoUs(body.filter.occurred?.since ?? "") ?? 0;
      const until = parseIsoUs(body.filter.occurred?.until ?? "") ?? this.o.server.nowUs();
      const rows = this.o.server.between(since, until, body.filter, "");
      if (countable === "event" || countable === "resource") return countParts(countable, rows);
      const first = Math.floor(since / HOUR_US);
      const last = Math.floor(until / HOUR_US);
      const counts = new Array<number>(last - first + 1).fill(0);
      for (const row of rows) {
        const at = Math.floor((row.us + (this.o.knobs.rounds ? 500_000 : 0)) / HOUR_US) - first;
        if (at >= counts.length) throw failure("unavailable", 500);
        counts[at] = (counts[at] ?? 0) + 1;
      }
      return counts.map((count, index) => ({
        value: String(index),
        label: "",
        count,
        start_time: formatIsoUs((first + index) * HOUR_US),
        end_time: formatIsoUs((first + index + 1) * HOUR_US - 1),
      }));
    });
  }

  filterFlowRuns(body: FilterBody, options?: CallOptions): Promise<readonly FlowRun[]> {
    return this.call(options, "runs", () => {
      const filter = (body.flow_runs ?? {}) as RunFilter;
      const rows = [...this.o.server.database.runs.values()].filter(
        (run) => run.deletedMs > this.o.time.nowMs && matchesRun(run.row, run.expectedUs, filter),
      );
      rows.sort((a, b) => (body.sort === "ID_DESC" ? (a.row.id < b.row.id ? 1 : -1) : b.expectedUs - a.expectedUs));
      if (body.sort === "NEXT_SCHEDULED_START_TIME_ASC") rows.reverse();
      return page(
        rows.map((run) => run.row),
        body,
      );
    });
  }

  filterTaskRuns(body: FilterBody, options?: CallOptions): Promise<readonly TaskRun[]> {
    return this.call(options, "runs", () => {
      const filter = (body.task_runs ?? {}) as RunFilter;
      const flow = ((body.flow_runs ?? {}) as RunFilter).id?.any_;
      const rows = [...this.o.server.database.taskRuns.values()].filter(
        (one) => one.deletedMs > this.o.time.nowMs && matchesRun(one.row, one.expectedUs, filter),
      );
      const found = rows.filter(({ row }) => !flow || flow.includes(row.flow_run_id ?? ""));
      const isById = body.sort !== "EXPECTED_START_TIME_DESC";
      found.sort((a, b) => (isById ? 0 : b.expectedUs - a.expectedUs) || (a.row.id < b.row.id ? 1 : -1));
      return page(
        found.map(({ row }) => row),
        body,
      );
    });
  }

  countFlowRuns(body: FilterBody, options?: CallOptions): Promise<number> {
    return this.countRuns(this.o.server.database.runs, body.flow_runs, options);
  }

  countTaskRuns(body: FilterBody, options?: CallOptions): Promise<number> {
    return this.countRuns(this.o.server.database.taskRuns, body.task_runs, options);
  }

  private countRuns(
    runs: ReadonlyMap<string, SimRun | SimTaskRun>,
    filter: unknown,
    options: CallOptions | undefined,
  ): Promise<number> {
    const isCounted = (run: SimRun | SimTaskRun) =>
      run.deletedMs > this.o.time.nowMs && matchesRun(run.row, run.expectedUs, filter as RunFilter);
    return this.call(options, "count", () => [...runs.values()].filter(isCounted).length);
  }

  filterLogs(body: FilterBody, options?: CallOptions): Promise<readonly Log[]> {
    return this.call(options, "logs", () => {
      const logs = body.logs as { flow_run_id: { any_: string[] }; timestamp?: { after_?: string; before_?: string } };
      const after = parseIsoUs(logs.timestamp?.after_ ?? "") ?? Number.MIN_SAFE_INTEGER;
      const before = parseIsoUs(logs.timestamp?.before_ ?? "") ?? Number.MAX_SAFE_INTEGER;
      const rows = this.o.server.database.logs
        .filter(
          (log) => log.storedMs <= this.o.time.nowMs && logs.flow_run_id.any_.includes(log.line.flow_run_id ?? ""),
        )
        .map((log) => ({ line: log.line, us: parseIsoUs(log.line.timestamp) ?? 0 }))
        .filter((log) => log.us >= after && log.us <= before);
      rows.sort((a, b) => a.us - b.us);
      return page(
        rows.map((log) => log.line),
        body,
      );
    });
  }

  readServerSettings(options?: CallOptions) {
    const retention_period = `PT${this.o.knobs.retentionMs / 1000}S`;
    return this.call(options, "admin", () => ({ server: { events: { retention_period } } }));
  }

  readBlockTypeIds = (_slugs: readonly string[], options?: CallOptions) =>
    this.call(options, "admin", () => this.o.server.database.blockTypes);
  readVersion = (options?: CallOptions) => this.call(options, "admin", () => "3.8.8");
  filterObjects = (_kind: ListedKind, _body: FilterBody, options?: CallOptions) => this.list(options);
  filterWorkers = (_pool: string, options?: CallOptions) => this.list(options);

  openEventStream(filter: EventFilter, signal: AbortSignal): EventStream {
    this.requests += 1;
    this.dials += 1;
    return openSimStream(this.o, filter, signal);
  }

  readFlowRun = () => unused();
  readFlowRunStates = () => unused();
  readWorkPoolSlots = () => unused();
  filterTagLimits = () => unused();
  readHealth = () => unused();
  get = () => unused();
  getCloud = () => unused();

  /** The oracle does not check objects. Most servers here lack these routes, which makes a schedule faster. */
  private list(options: CallOptions | undefined): Promise<never[]> {
    return this.call(options, "objects", () => {
      if (!this.o.knobs.objects) throw new AppError("not_found", "no such route", { status: 404 });
      return [];
    });
  }

  /** Delays the request, computes the answer from the server at that moment, and delays the answer. */
  private call<T>(options: CallOptions | undefined, route: string, answer: () => T): Promise<T> {
    const { time, server, process, random } = this.o;
    this.requests += 1;
    if (process.isDead) return new Promise(() => {});
    const sentMs = time.nowMs;
    if (sentMs < this.forbiddenUntilMs - 1)
      this.o.fail(`a request ${this.forbiddenUntilMs - sentMs} ms before Retry-After allows one`);
    const sentAtMs = process.clock.steadyMs();
    return new Promise<T>((resolve, reject) => {
      const { signal } = options ?? {};
      if (signal?.aborted) return reject(signal.reason);
      const isSlow = server.hasFault("slow");
      const wayBack = travelMs(random, isSlow);
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      const arrive = (deliver: () => void) =>
        process.later(wayBack, () => {
          signal?.removeEventListener("abort", onAbort);
          deliver();
        });
      time.after(travelMs(random, isSlow), () => {
        const problem = this.problem(route);
        if (problem === "hanging") return void process.later(20_000, () => reject(failure("unavailable")));
        if (problem !== null) return void arrive(() => this.refuse(problem, reject));
        try {
          const value = answer();
          server.clock.show();
          const date = new Date(
            Math.floor(server.headerUs() / 1_000_000) * 1000 - random.int(0, 1) * 1000,
          ).toUTCString();
          arrive(() => {
            const { clock } = process;
            this.offset.observe(date, sentAtMs, clock.steadyMs(), wallMinusSteadyMs(clock));
            resolve(value);
          });
        } catch (error) {
          arrive(() => reject(error));
        }
      });
    });
  }

  private refuse(problem: AppError, reject: (error: AppError) => void): void {
    if (problem.retryAfterMs !== undefined)
      this.forbiddenUntilMs = Math.max(this.forbiddenUntilMs, this.o.time.nowMs + problem.retryAfterMs);
    reject(problem);
  }

  private problem(route: string): AppError | "hanging" | null {
    const { server, random } = this.o;
    if (!server.isUp || server.hasFault("down")) return failure("unavailable");
    if (server.hasFault("hanging") && random.chance(0.5)) return "hanging";
    if (server.hasFault("error-429") && random.chance(0.7)) return failure("rate_limited", 429, RETRY_AFTER_MS);
    if (server.hasFault("error-401")) return failure("unauthorized", 401);
    if (server.hasFault("error-403")) return failure("unauthorized", 403);
    if (server.hasFault("error-422") && route === "events") return failure("invalid_input", 422);
    if (server.hasFault("count-500") && route === "count") return failure("unavailable", 500);
    if (server.hasFault("error-500") && random.chance(0.6)) return failure("unavailable", 500);
    if (server.hasFault("error-502") && random.chance(0.6)) return failure("unavailable", 502);
    if (server.hasFault("error-503") && random.chance(0.8)) return failure("unavailable", 503);
    return null;
  }

  /** Makes an answer contradict itself. A wrong answer without a contradiction cannot be detected. */
  private lie(page: EventPage, limit: number): EventPage {
    const { server } = this.o;
    if (limit === 0 || page.events.length === 0) return page;
    if (server.hasFault("lie-empty-next")) return { ...page, events: [], nextToken: page.nextToken ?? UNKNOWN_TOKEN };
    if (server.hasFault("lie-short") && page.events.length > 1) {
      const events = page.events.slice(0, Math.ceil(page.events.length / 2));
      return { ...page, events, nextToken: page.nextToken ?? UNKNOWN_TOKEN };
    }
    if (server.hasFault("lie-disorder") && page.events.length > 2)
      return { ...page, events: [...page.events].reverse() };
    const outside = server.database.rows[0];
    if (server.hasFault("lie-outside") && outside) return { ...page, events: [...page.events.slice(1), outside.event] };
    return page;
  }
}

function countParts(by: "event" | "resource", rows: readonly StoredEvent[]): CountBucket[] {
  const counts = new Map<string, number>();
  for (const { event } of rows) {
    const value = by === "event" ? event.event : (event.resource["prefect.resource.id"] ?? "");
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const time = formatIsoUs(0);
  return [...counts].map(([value, count]) => ({ value, label: value, count, start_time: time, end_time: time }));
}

interface RunFilter {
  readonly id?: { readonly any_?: readonly string[] };
  readonly expected_start_time?: { readonly after_?: string; readonly before_?: string };
  readonly state?: { readonly type?: { readonly any_?: readonly string[] } };
}

function matchesRun(row: FlowRun | TaskRun, expectedUs: number, filter: RunFilter): boolean {
  const { id, expected_start_time, state } = filter;
  if (id?.any_ && !id.any_.includes(row.id)) return false;
  if (state?.type?.any_ && !state.type.any_.includes(row.state_type ?? "")) return false;
  const after = parseIsoUs(expected_start_time?.after_ ?? "") ?? Number.MIN_SAFE_INTEGER;
  const before = parseIsoUs(expected_start_time?.before_ ?? "") ?? Number.MAX_SAFE_INTEGER;
  return expectedUs >= after && expectedUs <= before;
}

function page<T>(rows: readonly T[], body: FilterBody): T[] {
  const offset = typeof body.offset === "number" ? body.offset : 0;
  const limit = typeof body.limit === "number" ? body.limit : 200;
  return rows.slice(offset, offset + limit);
}

function failure(
  code: "unavailable" | "rate_limited" | "unauthorized" | "invalid_input",
  status?: number,
  retryAfterMs?: number,
): AppError {
  const options = {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  return new AppError(code, sentence`simulated ${status ?? "loss of connection"}`, options);
}

function unused(): never {
  throw new Error("the engine is not expected to send this request");
}

/**
 * Prefect's API as far as this program uses it: reads only. `client.ts` implements it over HTTP; the simulation has its own.
 * Every call throws AppError (`unauthorized`, `rate_limited`, `unavailable`, `not_found`, `invalid_input`) and takes a signal.
 */
import type { PrefectEvent } from "../model/events/event.ts";
import type { EventFilter } from "../model/events/event-filter.ts";
import type { ListedKind } from "../model/kinds.ts";
import type { FlowRun, JsonObject, Log, SnapshotObjects, State, TaskRun, Worker } from "../model/objects.ts";
import type { CallOptions } from "./transport/call-options.ts";
import type { FilterBody } from "./transport/pages.ts";
import type { ServerOffset } from "./transport/server-offset.ts";

export type { CallOptions, FilterBody };

export interface EventPage {
  readonly events: readonly PrefectEvent[];
  /** Rows that matched when the first page was read. */
  readonly total: number;
  /** Only the token of the link `next_page`, whose host may be wrong behind a proxy. Null on the last page. */
  readonly nextToken: string | null;
}

export interface CountBucket {
  readonly value: string;
  readonly label: string;
  readonly count: number;
  readonly start_time: string;
  readonly end_time: string;
}

export interface PrefectApi {
  /** Normalised base URL without credentials; ends in `/api` or `/workspaces/{id}`. */
  readonly url: string;
  readonly isCloud: boolean;

  /** POST /events/filter. `limit` 0..50; 0 reads only the total. */
  filterEvents(filter: EventFilter, limit: number, options?: CallOptions): Promise<EventPage>;
  /** GET /events/filter/next. */
  nextEvents(token: string, options?: CallOptions): Promise<EventPage>;
  /** POST /events/count-by/{countable}. */
  countEvents(
    countable: "day" | "time" | "event" | "resource",
    body: { filter: EventFilter; time_unit?: "week" | "day" | "hour" | "minute" | "second"; time_interval?: number },
    options?: CallOptions,
  ): Promise<readonly CountBucket[]>;

  filterFlowRuns(body: FilterBody, options?: CallOptions): Promise<readonly FlowRun[]>;
  countFlowRuns(body: FilterBody, options?: CallOptions): Promise<number>;
  readFlowRun(id: string, options?: CallOptions): Promise<FlowRun>;
  readFlowRunStates(flowRunId: string, options?: CallOptions): Promise<readonly State[]>;
  filterTaskRuns(body: FilterBody, options?: CallOptions): Promise<readonly TaskRun[]>;
  countTaskRuns(body: FilterBody, options?: CallOptions): Promise<number>;
  filterLogs(body: FilterBody, options?: CallOptions): Promise<readonly Log[]>;
  /** The list route of a kind of object. */
  filterObjects<K extends ListedKind>(
    kind: K,
    body: FilterBody,
    options?: CallOptions,
  ): Promise<readonly SnapshotObjects[K][]>;
  filterWorkers(workPoolName: string, options?: CallOptions): Promise<readonly Worker[]>;
  /** POST /work_pools/{name}/concurrency_status: occupancy and holders per queue. */
  readWorkPoolSlots(workPoolName: string, options?: CallOptions): Promise<JsonObject>;
  /**
   * POST /block_types/filter: the ids of block types by slug; absent ones are missing. The server registers its own types with random
   * ids when its database is created, and never deletes the protected ones.
   * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/models/block_registration.py
   */
  readBlockTypeIds(slugs: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, string>>;
  /** POST /concurrency_limits/filter: v1 tag limits, `active_slots` are ids of the holding task runs. */
  filterTagLimits(options?: CallOptions): Promise<readonly JsonObject[]>;

  /** GET /health, /admin/version, /version, /admin/settings; Cloud's /me, accounts … */
  readHealth(options?: CallOptions): Promise<boolean>;
  readVersion(options?: CallOptions): Promise<string>;
  readServerSettings(options?: CallOptions): Promise<JsonObject>;
  /** Any other GET below the API URL, for single facts (Cloud identity, run input …). Path starts with "/". */
  get(path: string, options?: CallOptions): Promise<unknown>;
  /** GET below Cloud's API root instead of the workspace (`/me/`, `/accounts/{id}`). */
  getCloud(path: string, options?: CallOptions): Promise<unknown>;

  /** `wss …/events/out`, live events only (`backfill: false`). One connection: iteration returns or throws AppError when it ends. */
  openEventStream(filter: EventFilter, signal: AbortSignal): EventStream;

  /** Whether the server is certainly older than this version. Asks for its version when it is not known. Absent: it is not. */
  isServerBefore?(version: string, options?: CallOptions): Promise<boolean>;

  /** Requests sent so far, by this client: HTTP requests with their retries, and websocket dials. */
  readonly requests: number;
  /**
   * Where the server clock is, from the `Date` headers: accurate to 1.1 s plus half the fastest round trip, and more accurate with each
   * answer. Null before the first answer.
   */
  readonly serverOffset?: ServerOffset | null;
}

export interface EventStream extends AsyncIterable<readonly PrefectEvent[]> {
  /**
   * Resolves when Prefect accepted token and filter; rejects with AppError otherwise. A filter is not confirmed by the
   * server: it counts as accepted when an event arrives or the socket outlives the time a refusal takes.
   */
  readonly ready: Promise<void>;
  close(): void;
}

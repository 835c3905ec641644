/**
 * Which of the watched `prefect://` resources have become another: read from the record, so it does not matter whether this
 * process or another one follows Prefect. One look serves every subscriber, and no look is made while there is none.
 */
import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { type Kind, kindOfResource } from "../model/kinds.ts";
import { type ChangeMark, findRecordChanges, startRecordChanges } from "../queries/source/record-changes.ts";
import type { RecordDb } from "../store/database.ts";
import { findFlowRunRow } from "../store/runs/flow-runs.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";

export interface ResourceWatch {
  /**
   * `notify` is called after the resource has changed, at most once a second. Returns the function that ends it.
   * Throws AppError `rate_limited` when it would be one resource too many.
   */
  add(uri: string, notify: () => void): () => void;
  readonly size: number;
}

export interface ResourceWatchOptions {
  record(): RecordDb | null;
  /** Notices of the own Worker: they make a change known at once. */
  onChange(listener: (change: ChangeNotice) => void): () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Different resources at a time: a look goes through all of them on the thread that answers calls. */
export const MAX_WATCHED = 5_000;
/** Looks for what other processes have written, and for what was held back. */
const POLL_MS = 500;
/** A resource that changes all the time is told this often. */
const MIN_NOTIFY_INTERVAL_MS = 1_000;

/** What changed since the last look. */
interface Changes {
  readonly kinds: Set<string>;
  readonly flowRunIds: Set<string>;
  readonly eventNames: Set<string>;
  isAny: boolean;
}

interface WatchedResource {
  readonly isAffectedBy: AffectedTest;
  readonly listeners: Set<() => void>;
  notifiedMs: number;
  isDue: boolean;
}

export function createResourceWatch(options: ResourceWatchOptions): ResourceWatch {
  const { clock, signal } = options;
  const watched = new Map<string, WatchedResource>();
  let changes = noChanges();
  let mark: ChangeMark | null = null;
  let marked: RecordDb | null = null;
  let running: AbortController | null = null;
  let wake: AbortController | null = null;

  const collect = () => {
    const db = options.record();
    if (db === null) return;
    const nowUs = clock.nowUs();
    if (mark === null || marked !== db) {
      mark = startRecordChanges(db, nowUs);
      marked = db;
    }
    const news = findRecordChanges(db, mark, nowUs);
    if (!news.isChanged) return;
    changes.isAny = true;
    for (const name of news.eventNames) changes.eventNames.add(name);
    for (const id of news.resourceIds) addResource(changes, id);
  };

  const tell = () => {
    const seen = changes.isAny ? indexOf(changes, options.record()) : null;
    const nowMs = clock.nowMs();
    for (const entry of watched.values()) {
      if (seen !== null && entry.isAffectedBy(seen)) entry.isDue = true;
      if (!entry.isDue || nowMs - entry.notifiedMs < MIN_NOTIFY_INTERVAL_MS) continue;
      entry.isDue = false;
      entry.notifiedMs = nowMs;
      for (const notify of entry.listeners) notify();
    }
    changes = noChanges();
  };

  const look = () => {
    try {
      collect();
      tell();
    } catch {
      // A record that is just being replaced: the next look finds the new one.
      mark = null;
    }
  };

  const run = async (stop: AbortSignal) => {
    const off = options.onChange((change) => {
      changes.isAny = true;
      for (const kind of change.kinds) changes.kinds.add(kind);
      for (const id of change.flowRunIds) changes.flowRunIds.add(id);
      wake?.abort();
    });
    while (!stop.aborted) {
      look();
      wake = new AbortController();
      await clock.sleep(POLL_MS, AbortSignal.any([stop, wake.signal]));
    }
    off();
  };

  const start = () => {
    if (running) return;
    running = new AbortController();
    mark = null;
    void run(AbortSignal.any([signal, running.signal]));
  };

  return {
    get size() {
      return watched.size;
    },
    add(uri, notify) {
      if (watched.size >= MAX_WATCHED && !watched.has(uri)) throw tooMany();
      const entry = watched.get(uri) ?? {
        isAffectedBy: affectedTestOf(uri),
        listeners: new Set(),
        notifiedMs: 0,
        isDue: false,
      };
      watched.set(uri, entry);
      entry.listeners.add(notify);
      start();
      return () => {
        entry.listeners.delete(notify);
        if (entry.listeners.size > 0 || watched.get(uri) !== entry) return;
        watched.delete(uri);
        if (watched.size > 0) return;
        running?.abort();
        running = null;
      };
    },
  };
}

function noChanges(): Changes {
  return { kinds: new Set(), flowRunIds: new Set(), eventNames: new Set(), isAny: false };
}

/** An event about one of these changes what the resources show. */
const SHOWN: ReadonlySet<Kind> = new Set(["flow_run", "task_run", "deployment", "work_pool", "work_queue"]);

/** `prefect.flow-run.<id>`: the event is about this object. */
function addResource(changes: Changes, resourceId: string): void {
  const [, resource = "", id = ""] = /^(prefect\.[a-z-]+)\.(.+)$/.exec(resourceId) ?? [];
  const kind = kindOfResource(resource);
  changes.kinds.add("event");
  if (kind && SHOWN.has(kind)) changes.kinds.add(kind);
  if (kind === "flow_run") changes.flowRunIds.add(id);
}

/** What a URI is asked about: made once per look, so that each of many URIs costs a search among few changes. */
interface ChangeIndex {
  has(...kinds: string[]): boolean;
  hasEvent(namePrefix: string): boolean;
  /** By the beginning of its id or by its name, in lower case. */
  hasFlowRun(run: string): boolean;
}

/** Whether the answer behind a URI may be another now. */
type AffectedTest = (seen: ChangeIndex) => boolean;

function affectedTestOf(uri: string): AffectedTest {
  const [, area = "", rest = ""] = /^prefect:\/\/([^/?#]+)\/?(.*)$/.exec(uri) ?? [];
  if (area === "record") return () => true;
  if (area === "dashboard") return (seen) => seen.has("flow_run", "work_pool", "work_queue", "concurrency_limit");
  if (area === "deployments") return (seen) => seen.has("deployment", "flow_run");
  if (area === "events") {
    const prefix = decoded(rest);
    return prefix === "" ? (seen) => seen.has("event") : (seen) => seen.hasEvent(prefix);
  }
  if (area !== "flow-runs") return () => false;
  if (rest === "") return (seen) => seen.has("flow_run");
  const run = decoded(rest.split("/")[0] ?? "").toLowerCase();
  return (seen) => seen.hasFlowRun(run);
}

/** The record is read only when a URI asks for a run, and then once per run that changed. */
function indexOf(changes: Changes, db: RecordDb | null): ChangeIndex {
  const eventNames = once(() => [...changes.eventNames].sort());
  const ids = once(() => [...changes.flowRunIds].sort());
  const names = once(() => new Set([...changes.flowRunIds].map((id) => nameOf(db, id))));
  return {
    has: (...kinds) => kinds.some((kind) => changes.kinds.has(kind)),
    hasEvent: (prefix) => hasPrefix(eventNames(), prefix),
    hasFlowRun: (run) => hasPrefix(ids(), run) || names().has(run),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Whether one of the texts, in ascending order, begins so. */
function hasPrefix(sorted: readonly string[], prefix: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < prefix) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(prefix) ?? false;
}

function nameOf(db: RecordDb | null, flowRunId: string): string | undefined {
  const row = db ? findFlowRunRow(db, flowRunId) : null;
  return row?.name?.toLowerCase();
}

function tooMany(): AppError {
  return new AppError("rate_limited", `At most ${MAX_WATCHED} different resources can be subscribed to at a time.`, {
    hint: "End some subscriptions, or subscribe to lists such as prefect://flow-runs.",
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

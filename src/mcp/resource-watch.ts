/**
 * Notifies subscribers when `prefect://` resources change. Changes are read from the record, so it does not matter which process
 * follows Prefect. One poll serves all subscribers, and nothing is polled without a subscriber.
 */

import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { lazily } from "../lib/lazily.ts";
import { quote, sentence } from "../lib/shown-text.ts";
import { NEVER_MS, type SteadyMs } from "../lib/time.ts";
import { type ChangeMark, findRecordChanges, startRecordChanges } from "../queries/source/record-changes.ts";
import { splitWorkspace } from "../resources/define.ts";
import type { RecordDb } from "../store/database.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { LONGEST_NAME } from "../tools/definition/suggestions.ts";
import type {
  AffectedTest,
  addResource,
  affectedTestOf,
  indexChanges,
  noChanges,
  ResourceChanges,
} from "./affected-resources.ts";

/** Loaded with the first watched resource: it needs the filters of runs, whose schemas take 15 ms. */
const affected = lazily(() => require("./affected-resources.ts") as AffectedResources);

interface AffectedResources {
  readonly addResource: typeof addResource;
  readonly affectedTestOf: typeof affectedTestOf;
  readonly indexChanges: typeof indexChanges;
  readonly noChanges: typeof noChanges;
}

export interface ResourceWatch {
  /**
   * `notify` is called after the resource has changed, at most once a second. Returns the function that ends it.
   * Throws AppError `rate_limited` when too many resources are watched.
   */
  add(uri: string, notify: () => void): () => void;
  readonly size: number;
}

export interface ResourceWatchOptions {
  record(): RecordDb | null;
  /** Notices of this process's Worker. They start a poll at once. */
  onChange(listener: (change: ChangeNotice) => void): () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Limited because each poll tests every watched resource, on the thread that answers calls. */
export const MAX_WATCHED = 5_000;
/** For changes that other processes write, and for notifications that were due earlier than allowed. */
const POLL_MS = 500;
const MIN_NOTIFY_INTERVAL_MS = 1_000;

interface WatchedResource {
  readonly isAffectedBy: AffectedTest;
  readonly listeners: Set<() => void>;
  notifiedMs: SteadyMs;
  isDue: boolean;
}

export function createResourceWatch(options: ResourceWatchOptions): ResourceWatch {
  const { clock, signal } = options;
  const watched = new Map<string, WatchedResource>();
  /** Since the last notification. */
  let gathered: ResourceChanges | null = null;
  let mark: ChangeMark | null = null;
  let markedDb: RecordDb | null = null;
  let running: AbortController | null = null;
  let sleeping: AbortController | null = null;

  const changes = () => {
    gathered ??= affected().noChanges();
    return gathered;
  };

  const collectChanges = () => {
    const db = options.record();
    if (db === null) return;
    const nowUs = clock.nowUs();
    if (mark === null || markedDb !== db) {
      // Another file is in use, perhaps that of another server: every resource may have changed.
      if (markedDb !== null && markedDb !== db) for (const entry of watched.values()) entry.isDue = true;
      mark = startRecordChanges(db, nowUs);
      markedDb = db;
    }
    const found = findRecordChanges(db, mark, nowUs);
    if (!found.isChanged) return;
    changes().isAny = true;
    for (const name of found.eventNames) changes().eventNames.add(name);
    for (const id of found.resourceIds) affected().addResource(changes(), id);
  };

  const notifyAffected = () => {
    const changed = changes().isAny ? affected().indexChanges(changes(), options.record()) : null;
    const nowMs = clock.steadyMs();
    for (const entry of watched.values()) {
      if (changed !== null && entry.isAffectedBy(changed)) entry.isDue = true;
      if (!entry.isDue || nowMs - entry.notifiedMs < MIN_NOTIFY_INTERVAL_MS) continue;
      entry.isDue = false;
      entry.notifiedMs = nowMs;
      for (const notify of entry.listeners) notify();
    }
    gathered = null;
  };

  const poll = () => {
    try {
      collectChanges();
      notifyAffected();
    } catch {
      // The record is being replaced: the next poll opens the new one.
      mark = null;
    }
  };

  const run = async (stop: AbortSignal) => {
    const unsubscribe = options.onChange((change) => {
      const { kinds, flowRunIds } = changes();
      changes().isAny = true;
      for (const kind of change.kinds) kinds.add(kind);
      for (const id of change.flowRunIds) flowRunIds.add(id);
      sleeping?.abort();
    });
    while (!stop.aborted) {
      poll();
      sleeping = new AbortController();
      await clock.sleep(POLL_MS, AbortSignal.any([stop, sleeping.signal]));
    }
    unsubscribe();
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
        isAffectedBy: affected().affectedTestOf(uri, options.record(), () => clock.nowUs()),
        listeners: new Set(),
        notifiedMs: NEVER_MS,
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

function tooMany(): AppError {
  return new AppError("rate_limited", `At most ${MAX_WATCHED} different resources can be subscribed to at a time.`, {
    hint: "End some subscriptions, or subscribe to lists such as prefect://flow-runs.",
  });
}

/** What can watch resources: those of its own workspace, and those of others by name. */
interface WatchingTenant {
  readonly watch?: ResourceWatch | undefined;
  readonly workspaces?: { watch(name: string, uri: string, notify: () => void): () => void } | undefined;
}

/**
 * Watches a resource in the workspace that its URI names. Returns the function that ends it; null where nothing is watched. Throws
 * AppError for an unknown workspace, and where too many resources are watched.
 */
export function watchIn({ watch, workspaces }: WatchingTenant, uri: string, notify: () => void): (() => void) | null {
  const { uri: plain, workspace } = splitWorkspace(uri);
  if (workspace === null) return watch?.add(uri, notify) ?? null;
  if (workspaces) return workspaces.watch(workspace, plain, notify);
  throw new AppError("not_found", sentence`There is no workspace ${quote(workspace, LONGEST_NAME)}.`);
}

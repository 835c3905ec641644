import type { AppError } from "../../errors.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";

/** What a commit changed, for subscriptions and waiting calls. */
export interface ChangeNotice {
  /** `event`, `flow_run`, `task_run`, `log`, or a SnapshotKind. */
  readonly kinds: readonly string[];
  readonly flowRunIds: readonly string[];
  /** Newest `occurred` among new events, microseconds; null when there are none. */
  readonly newestUs: ServerUs | null;
}

/** A ChangeNotice with what the engine itself needs. */
export interface Commit extends ChangeNotice {
  readonly eventNames: ReadonlySet<string>;
  /** Range of `occurred` of those events that the server received much later; null when there are none. */
  readonly lateRange: TimeRange | null;
}

/** What happens in one engine, by name, with what subscribers need to know of it. */
export interface Changes {
  /** A transaction changed rows. */
  readonly commit: Commit;
  /** Prefect became reachable or unreachable, or it fails in another way than before. */
  readonly connectivity: { readonly isReachable: boolean };
  /** The websocket's state changed. */
  readonly stream: { readonly isOpen: boolean };
  /**
   * The websocket may have missed events: it has just connected, it was closed, or more came at once than Prefect
   * queues. Or more were received than are held in memory until they are stored.
   */
  readonly possibleGap: { readonly reason: "connected" | "lost" | "burst" | "dropped" };
  /** The wall clock of this machine or the server clock was set. What depended on it has been doubted. */
  readonly clockSet: { readonly which: "local" | "server"; readonly byMs: number };
  /** An answer shows an earlier time of Prefect than those before it. Another one has to show whether its clock was set back. */
  readonly clockDisputed: Readonly<Record<never, never>>;
  /** The server's database was restored from a backup: what may be lost there has lost its claims. */
  readonly databaseRestored: Readonly<Record<never, never>>;
  /** A part of the engine failed. It tries again without being asked. */
  readonly failure: { readonly part: string; readonly error: AppError };
  /** A part of the engine finished an iteration. */
  readonly success: { readonly part: string };
}

export type ChangeHandlers = { readonly [K in keyof Changes]?: (change: Changes[K]) => void };

/**
 * The one place through which the parts of an engine learn of each other's work. Handlers run at once, in the order of
 * subscription.
 */
export class ChangeSource {
  private readonly subscribers = new Set<ChangeHandlers>();

  /** Returns the function that ends the subscription. */
  subscribe(handlers: ChangeHandlers): () => void {
    this.subscribers.add(handlers);
    return () => void this.subscribers.delete(handlers);
  }

  publish<K extends keyof Changes>(name: K, change: Changes[K]): void {
    for (const handlers of this.subscribers) handlers[name]?.(change);
  }
}

import { systemClock } from "../lib/clock.ts";
import { NEVER_MS } from "../lib/time.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import type { CallResult } from "./call-result.ts";
import { tenantClosed } from "./guard.ts";
import { type ResourceWatch, watchIn } from "./resource-watch.ts";
import { TaskStore } from "./tasks/task-store.ts";
import type { Tenant, Workspaces } from "./tenant.ts";

/** The application of one workspace. Opening it touches neither disk nor network. */
export interface HostedApp extends Tenant, AsyncDisposable {
  /** Starts following Prefect. */
  follow(): void;
}

export interface AppHostOptions {
  open(): HostedApp;
  readonly hiddenPath?: string;
  readonly hidesSettings?: boolean;
  /** The workspaces that its callers can name. Absent: the one of the application. */
  readonly workspaces?: Workspaces;
}

interface Watch {
  readonly uri: string;
  readonly notify: () => void;
  /** Null while the application is closed. */
  end: (() => void) | null;
}

/**
 * Holds the application of one workspace: the first call opens it, `suspend` closes it when it is idle, and the next call opens it
 * again. Watched resources outlive that.
 */
export class AppHost {
  usedMs = NEVER_MS;
  /** Calls being answered. */
  running = 0;
  /** Changes that continue after their request was answered; their results outlive the application, too. */
  readonly tasks = new TaskStore<CallResult>({
    clock: systemClock,
    onRunning: (change) => {
      this.running += change;
    },
  });
  protected readonly ending = new AbortController();
  protected readonly toolListeners = new Set<() => void>();
  private readonly hosting: AppHostOptions;
  private readonly watches = new Set<Watch>();
  private app: HostedApp | null = null;
  private isFollowing = false;
  private closing: Promise<void> = Promise.resolve();

  constructor(options: AppHostOptions) {
    this.hosting = options;
  }

  get isOpen(): boolean {
    return this.app !== null;
  }

  /** Watched resources. */
  get watched(): number {
    return this.watches.size;
  }

  /** The context in which Prefect is asked. Throws AppError `invalid_config`. */
  query(): QueryContext {
    return this.openApp().query();
  }

  follow(): void {
    const app = this.openApp();
    if (this.isFollowing) return;
    this.isFollowing = true;
    app.follow();
  }

  /** Stops following Prefect and closes the record; the next call opens both again. */
  async suspend(): Promise<void> {
    const { app } = this;
    if (!app) return;
    this.app = null;
    this.isFollowing = false;
    for (const watch of this.watches) {
      watch.end?.();
      watch.end = null;
    }
    this.closing = Promise.all([this.closing, app[Symbol.asyncDispose]()]).then(() => undefined);
    await this.closing;
  }

  /** Ends the application; nothing opens it again. */
  async close(): Promise<void> {
    this.ending.abort();
    this.tasks.close();
    await this.suspend();
  }

  /** A watch continues when the application was suspended and is opened again. */
  watch(uri: string, notify: () => void): () => void {
    const watch: Watch = { uri, notify, end: this.startWatch(this.openApp(), uri, notify) };
    this.watches.add(watch);
    return () => {
      watch.end?.();
      this.watches.delete(watch);
    };
  }

  /** The tenant that servers and sessions hold: it stays valid while the application is suspended and opened again. */
  tenantWith(onToolsChanged: Tenant["onToolsChanged"]): Tenant {
    const app = () => this.openApp();
    // Asked after a call too, when the application may be closed.
    const opened = () => this.app;
    const follow = () => this.follow();
    const { watches } = this;
    const watch: ResourceWatch = {
      get size() {
        return watches.size;
      },
      add: (uri, notify) => this.watch(uri, notify),
    };
    const { hiddenPath, hidesSettings, workspaces } = this.hosting;
    return {
      tasks: this.tasks,
      ...(hiddenPath === undefined ? {} : { hiddenPath }),
      ...(hidesSettings === undefined ? {} : { hidesSettings }),
      ended: this.ending.signal,
      get version() {
        return app().version;
      },
      get logger() {
        return app().logger;
      },
      get isCloud() {
        return app().isCloud;
      },
      get workspaces() {
        return workspaces ?? opened()?.workspaces;
      },
      get redact() {
        return app().redact ?? null;
      },
      watch,
      tools: (): readonly ToolDefinition[] => app().tools(),
      query() {
        follow();
        return app().query();
      },
      onToolsChanged,
    };
  }

  /** Opens the application when it is closed. Throws AppError `unavailable` after `close`: a call still running must not reopen it. */
  private openApp(): HostedApp {
    if (this.app) return this.app;
    if (this.ending.signal.aborted) throw tenantClosed();
    const app = this.hosting.open();
    this.app = app;
    app.onToolsChanged(() => {
      for (const notify of this.toolListeners) notify();
    });
    for (const watch of this.watches) {
      try {
        watch.end = this.startWatch(app, watch.uri, watch.notify);
      } catch {
        // Its workspace is not known any more: it does not change.
      }
    }
    return app;
  }

  private startWatch(app: HostedApp, uri: string, notify: () => void): (() => void) | null {
    return watchIn({ watch: app.watch, workspaces: this.hosting.workspaces ?? app.workspaces }, uri, notify);
  }
}

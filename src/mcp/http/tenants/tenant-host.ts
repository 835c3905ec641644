/**
 * What the process holds open for one tenant: its application (opened by the first call, closed when idle), its protocol handler,
 * its sessions and its watched resources. No tenant can reach those of another.
 */

import { createMcpHandler, type McpHttpHandler, type McpServer } from "@modelcontextprotocol/server";
import { toAppError } from "../../../errors.ts";
import type { Logger } from "../../../lib/logger.ts";
import { NEVER_MS } from "../../../lib/time.ts";
import type { QueryContext } from "../../../queries/source/context.ts";
import type { ToolDefinition } from "../../../tools/definition/define-tool.ts";
import { CountedWatches } from "../../counted-watches.ts";
import { tenantClosed } from "../../guard.ts";
import { watchableUrisOf } from "../../offer-subscriptions.ts";
import type { ResourceWatch } from "../../resource-watch.ts";
import type { Tenant } from "../../tenant.ts";
import { HttpSessions } from "./sessions.ts";

/** The application of one tenant. Opening it touches neither disk nor network. */
export interface HostedApp extends Tenant, AsyncDisposable {
  /** Starts following Prefect. */
  follow(): void;
}

export interface TenantHostOptions {
  /** Part of a salted hash: names the tenant in logs and metrics. */
  readonly label: string;
  /** The caller that sent this tenant's headers first. */
  readonly callerId: string;
  open(): HostedApp;
  build(tenant: Tenant): McpServer;
  readonly maxSubscriptions: number;
  readonly maxSessions: number;
  readonly sessionIdleMs: number;
  readonly maxBodyBytes: number;
  readonly hiddenPath: string;
  readonly hidesSettings: boolean;
  readonly logger: Logger;
}

interface Watch {
  readonly uri: string;
  readonly notify: () => void;
  /** Null while the application is closed. */
  end: (() => void) | null;
}

export class TenantHost {
  readonly label: string;
  readonly callerId: string;
  readonly handler: McpHttpHandler;
  /** The tenant of the servers of `handler`. */
  readonly tenant: Tenant;
  readonly sessions: HttpSessions;
  usedMs = NEVER_MS;
  /** Open streams of notifications. A tenant with one is in use. */
  streams = 0;
  /** Requests being answered. */
  running = 0;
  private readonly options: TenantHostOptions;
  private readonly toolListeners = new Set<() => void>();
  /** Resources of `subscriptions/listen` requests. */
  private readonly listened = new CountedWatches((uri) =>
    this.watch(uri, () => this.handler.notify.resourceUpdated(uri)),
  );
  private readonly watches = new Set<Watch>();
  private readonly ending = new AbortController();
  private app: HostedApp | null = null;
  private isFollowing = false;
  private closing: Promise<void> = Promise.resolve();

  constructor(options: TenantHostOptions) {
    const { label, callerId, build, logger } = options;
    this.label = label;
    this.callerId = callerId;
    this.options = options;
    const onerror = (error: Error) => logger.debug("protocol", { tenant: label, error: error.message });
    // A server per request: it ends before the list of tools can change, and a listener would keep it in memory. Streams are
    // notified through the handler.
    this.tenant = this.tenantWith(() => () => undefined);
    this.handler = createMcpHandler(() => build(this.tenant), {
      onerror,
      maxSubscriptions: options.maxSubscriptions,
      maxRequestBodySize: options.maxBodyBytes,
    });
    const perSession = this.tenantWith((notify) => {
      this.toolListeners.add(notify);
      return () => void this.toolListeners.delete(notify);
    });
    this.sessions = new HttpSessions({
      build: () => build(perSession),
      maxSessions: options.maxSessions,
      idleMs: options.sessionIdleMs,
      maxBodyBytes: options.maxBodyBytes,
    });
    this.toolListeners.add(() => {
      this.handler.notify.toolsChanged();
      // The list of resources depends on the tools.
      this.handler.notify.resourcesChanged();
    });
  }

  get isOpen(): boolean {
    return this.app !== null;
  }

  /** The context in which Prefect is asked whether it accepts the credentials. Throws AppError `invalid_config`. */
  query(): QueryContext {
    return this.openApp().query();
  }

  follow(): void {
    const app = this.openApp();
    if (this.isFollowing) return;
    this.isFollowing = true;
    app.follow();
  }

  /** Keeps the resources of a `subscriptions/listen` request watched until the returned function is called. */
  listen(message: unknown): () => void {
    const watched: string[] = [];
    try {
      for (const uri of watchableUrisOf(message)) {
        this.listened.add(uri);
        watched.push(uri);
      }
    } catch (error) {
      const { message: why } = toAppError(error);
      this.options.logger.warn("only some of the subscribed resources are watched", {
        tenant: this.label,
        watched: watched.length,
        why,
      });
    }
    return () => {
      for (const uri of watched) this.listened.remove(uri);
    };
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

  /** Ends streams, sessions and the application; nothing opens it again. */
  async close(): Promise<void> {
    this.ending.abort();
    this.listened.clear();
    await Promise.all([this.handler.close(), this.sessions.close()]);
    await this.suspend();
  }

  /** Opens the application when it is closed. Throws AppError `unavailable` after `close`: a call still running must not reopen it. */
  private openApp(): HostedApp {
    if (this.app) return this.app;
    if (this.ending.signal.aborted) throw tenantClosed();
    const app = this.options.open();
    this.app = app;
    app.onToolsChanged(() => {
      for (const notify of this.toolListeners) notify();
    });
    for (const watch of this.watches) watch.end = app.watch?.add(watch.uri, watch.notify) ?? null;
    return app;
  }

  /** A watch continues when the application was suspended and is opened again. */
  private watch(uri: string, notify: () => void): () => void {
    const watch: Watch = { uri, notify, end: this.openApp().watch?.add(uri, notify) ?? null };
    this.watches.add(watch);
    return () => {
      watch.end?.();
      this.watches.delete(watch);
    };
  }

  /** The tenant that servers and sessions hold: it stays valid while the application is suspended and opened again. */
  private tenantWith(onToolsChanged: Tenant["onToolsChanged"]): Tenant {
    const app = () => this.openApp();
    const follow = () => this.follow();
    const { watches } = this;
    const watch: ResourceWatch = {
      get size() {
        return watches.size;
      },
      add: (uri, notify) => this.watch(uri, notify),
    };
    const { hiddenPath, hidesSettings } = this.options;
    return {
      hiddenPath,
      hidesSettings,
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
}

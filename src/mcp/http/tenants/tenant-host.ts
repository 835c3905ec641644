/**
 * Everything of one tenant on the HTTP side: its application (opened when needed, closed when idle), its own protocol
 * handler and notification bus, its sessions and its watched resources. Nothing of it is reachable from another seat.
 */
import { createMcpHandler, type McpHttpHandler, type McpServer } from "@modelcontextprotocol/server";
import { toAppError } from "../../../errors.ts";
import type { Logger } from "../../../lib/logger.ts";
import type { QueryContext } from "../../../queries/source/context.ts";
import type { ToolDefinition } from "../../../tools/definition/define-tool.ts";
import { tenantClosed } from "../../guard.ts";
import { listenedUris } from "../../offer-subscriptions.ts";
import type { ResourceWatch } from "../../subscriptions.ts";
import type { Tenant } from "../../tenant.ts";
import { HttpSessions } from "../sessions.ts";

/** The application of one tenant. Opening it touches neither disk nor network. */
export interface HostedApp extends Tenant, AsyncDisposable {
  /** Starts following Prefect. */
  follow(): void;
}

export interface SeatOptions {
  /** Part of a salted hash: names the tenant in logs and metrics. */
  readonly label: string;
  /** Who brought this tenant first. */
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
  /** Null while the application rests. */
  end: (() => void) | null;
}

export class Seat {
  readonly label: string;
  readonly callerId: string;
  readonly handler: McpHttpHandler;
  readonly sessions: HttpSessions;
  usedMs = 0;
  /** Streams that are open; while there is one the tenant is in use. */
  streams = 0;
  /** Requests being answered. */
  running = 0;
  private readonly options: SeatOptions;
  private readonly tenant: Tenant;
  private readonly toolListeners = new Set<() => void>();
  private readonly listened = new Map<string, { count: number; end: () => void }>();
  private readonly watches = new Set<Watch>();
  private readonly ending = new AbortController();
  private app: HostedApp | null = null;
  private isFollowing = false;
  private closing: Promise<void> = Promise.resolve();

  constructor(options: SeatOptions) {
    const { label, callerId, build, logger } = options;
    this.label = label;
    this.callerId = callerId;
    this.options = options;
    this.tenant = this.makeTenant();
    const onerror = (error: Error) => logger.debug("protocol", { tenant: label, error: error.message });
    // A server of one request is gone before anything changes: streams are told by the handler. Were it to listen, it would stay.
    const passing: Tenant = Object.create(this.tenant, { onToolsChanged: { value: () => () => undefined } });
    this.handler = createMcpHandler(() => build(passing), {
      onerror,
      maxSubscriptions: options.maxSubscriptions,
      maxRequestBodySize: options.maxBodyBytes,
    });
    this.sessions = new HttpSessions({
      build: () => build(this.tenant),
      maxSessions: options.maxSessions,
      idleMs: options.sessionIdleMs,
      maxBodyBytes: options.maxBodyBytes,
    });
    this.toolListeners.add(() => {
      this.handler.notify.toolsChanged();
      // Which resources there are follows the tools.
      this.handler.notify.resourcesChanged();
    });
  }

  get isOpen(): boolean {
    return this.app !== null;
  }

  /** The context in which Prefect is asked whether it accepts the credentials. Throws AppError `invalid_config`. */
  query(): QueryContext {
    return this.current().query();
  }

  follow(): void {
    const app = this.current();
    if (this.isFollowing) return;
    this.isFollowing = true;
    app.follow();
  }

  /** Keeps the resources of a `subscriptions/listen` request watched until the returned function is called. */
  listen(message: unknown): () => void {
    const watched: string[] = [];
    try {
      for (const uri of listenedUris(message)) {
        this.watchUri(uri);
        watched.push(uri);
      }
    } catch (error) {
      const { message: why } = toAppError(error);
      this.options.logger.warn("a listener is told of a part only", { tenant: this.label, told: watched.length, why });
    }
    return () => {
      for (const uri of watched) this.unwatchUri(uri);
    };
  }

  /** Stops syncing and closes the record; the next call opens both again. */
  async rest(): Promise<void> {
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

  /** For good: streams end, sessions are gone. */
  async close(): Promise<void> {
    this.ending.abort();
    for (const { end } of this.listened.values()) end();
    this.listened.clear();
    await Promise.all([this.handler.close(), this.sessions.close()]);
    await this.rest();
  }

  /** Throws AppError `unavailable` once the seat is closed: a call that is still running must not open it again. */
  private current(): HostedApp {
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

  /** Watches go on when the application behind them has rested and is opened again. */
  private watch(uri: string, notify: () => void): () => void {
    const watch: Watch = { uri, notify, end: this.current().watch?.add(uri, notify) ?? null };
    this.watches.add(watch);
    return () => {
      watch.end?.();
      this.watches.delete(watch);
    };
  }

  private watchUri(uri: string): void {
    const known = this.listened.get(uri);
    if (known) known.count += 1;
    else this.listened.set(uri, { count: 1, end: this.watch(uri, () => this.handler.notify.resourceUpdated(uri)) });
  }

  private unwatchUri(uri: string): void {
    const known = this.listened.get(uri);
    if (!known) return;
    known.count -= 1;
    if (known.count > 0) return;
    known.end();
    this.listened.delete(uri);
  }

  /** What servers and sessions hold on to: it outlives the application behind it. */
  private makeTenant(): Tenant {
    const current = () => this.current();
    const follow = () => this.follow();
    const { watches } = this;
    const watch: ResourceWatch = {
      get size() {
        return watches.size;
      },
      add: (uri, notify) => this.watch(uri, notify),
    };
    const listeners = this.toolListeners;
    const { hiddenPath, hidesSettings } = this.options;
    return {
      hiddenPath,
      hidesSettings,
      ended: this.ending.signal,
      get version() {
        return current().version;
      },
      get logger() {
        return current().logger;
      },
      get isCloud() {
        return current().isCloud;
      },
      get redact() {
        return current().redact ?? null;
      },
      watch,
      tools: (): readonly ToolDefinition[] => current().tools(),
      query() {
        follow();
        return current().query();
      },
      onToolsChanged(notify) {
        listeners.add(notify);
        return () => void listeners.delete(notify);
      },
    };
  }
}

/**
 * What the process holds open for one tenant: its application (opened by the first call, closed when idle), its protocol handler,
 * its sessions and its watched resources. No tenant can reach those of another.
 */

import { createMcpHandler, type McpHttpHandler, type McpServer } from "@modelcontextprotocol/server";
import { toAppError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { AppHost, type AppHostOptions } from "../../app-host.ts";
import { CountedWatches } from "../../counted-watches.ts";
import { watchableUrisOf } from "../../offer-subscriptions.ts";
import type { Tenant } from "../../tenant.ts";
import { HttpSessions } from "./sessions.ts";

export interface TenantHostOptions extends AppHostOptions {
  /** Part of a salted hash: names the tenant in logs and metrics. */
  readonly label: string;
  /** The caller that sent this tenant's headers first. */
  readonly callerId: string;
  build(tenant: Tenant): McpServer;
  readonly maxSubscriptions: number;
  readonly maxSessions: number;
  readonly sessionIdleMs: number;
  /** What the ids of sessions begin with: in a fleet they name their node. */
  readonly sessionPrefix: string;
  /** For plain calls in sessions. Null: the SDK answers every request. */
  readonly plainClock: Clock | null;
  readonly maxBodyBytes: number;
  readonly hiddenPath: string;
  readonly hidesSettings: boolean;
  readonly logger: Logger;
}

export class TenantHost extends AppHost {
  readonly label: string;
  readonly callerId: string;
  readonly handler: McpHttpHandler;
  /** The tenant of the servers of `handler`. */
  readonly tenant: Tenant;
  readonly sessions: HttpSessions;
  /** Open streams of notifications. A tenant with one is in use. */
  streams = 0;
  private readonly options: TenantHostOptions;
  /** Resources of `subscriptions/listen` requests. */
  private readonly listened = new CountedWatches((uri) =>
    this.watch(uri, () => this.handler.notify.resourceUpdated(uri)),
  );

  constructor(options: TenantHostOptions) {
    super(options);
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
      idPrefix: options.sessionPrefix,
      maxBodyBytes: options.maxBodyBytes,
      plainCalls: options.plainClock ? { tenant: perSession, clock: options.plainClock } : undefined,
    });
    this.toolListeners.add(() => {
      this.handler.notify.toolsChanged();
      // The list of resources depends on the tools.
      this.handler.notify.resourcesChanged();
    });
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

  /** Ends streams, sessions and the application; nothing opens it again. */
  override async close(): Promise<void> {
    this.ending.abort();
    this.tasks.close();
    this.listened.clear();
    await Promise.all([this.handler.close(), this.sessions.close()]);
    await this.suspend();
  }
}

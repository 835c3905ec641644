/**
 * MCP over HTTP for many callers and many Prefects. Each request is checked in this order: path, Host, Origin, caller
 * authentication, tenant headers, rate, body, Prefect's acceptance of the credentials. Then its tenant's own handler answers.
 */

import type { McpServer } from "@modelcontextprotocol/server";
import type { Server } from "bun";
import type { HttpSettings } from "../../config/settings.ts";
import { toAppError } from "../../errors.ts";
import type { NodeReport } from "../../fleet/fleet-store.ts";
import { FLEET_ANSWER_HEADER } from "../../fleet/routing/signature.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { own, sentence } from "../../lib/shown-text.ts";
import { isActingTool } from "../../model/verbs.ts";
import type { HostedApp } from "../app-host.ts";
import { buildServer } from "../server.ts";
import type { Tenant } from "../tenant.ts";
import { admitRequest } from "./admission.ts";
import { callerAuthOf, checkBind, isLoopbackBind, tlsOf } from "./bind.ts";
import { type Caller, type CallerAuth, createCallerAuth } from "./caller-auth.ts";
import { CallerLimits } from "./caller-limits.ts";
import { pageOfViews, plainAnswer } from "./fixed-answers.ts";
import {
  type FleetAccess,
  type FleetDecision,
  FleetDoor,
  type FleetDoorOptions,
  type ReceivedRequest,
} from "./fleet/fleet-door.ts";
import { addFleetGauges } from "./fleet/fleet-gauges.ts";
import { lingerInFleet, untilAnswered } from "./fleet/leave-fleet.ts";
import { readinessOf } from "./fleet/readiness.ts";
import { createGuards, PREFLIGHT, type RequestGuards } from "./host-and-origin.ts";
import { PlainRequests } from "./plain-requests.ts";
import { challenge, METADATA_PATH, resourceMetadata } from "./protected-resource.ts";
import { calledTools, needsOf } from "./requests/inspect-message.ts";
import { errorRefusal, idOf, refusal } from "./requests/refusals.ts";
import { type CallerRequest, Responder } from "./respond.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { createSpanExporter } from "./telemetry/span-export.ts";
import type { SpanExporter } from "./telemetry/spans.ts";
import type { LookupHost } from "./tenants/target-rules.ts";
import { readTenantHeaders, type TenantTarget } from "./tenants/tenant-headers.ts";
import type { TenantHost } from "./tenants/tenant-host.ts";
import { Tenants } from "./tenants/tenants.ts";

export interface HttpOptions {
  readonly settings: HttpSettings;
  /** `access`: in a fleet, how the application may use the record. */
  openOwn(access?: FleetAccess): HostedApp;
  openTenant(target: TenantTarget, label: string, access?: FleetAccess): HostedApp;
  trimDisk(): void;
  /** Folder of the records. Answers to callers do not name it. */
  readonly dataDir: string;
  /** Whether the server's own Prefect is followed for as long as the server runs; otherwise only while callers use it. */
  readonly followOwn: boolean;
  readonly lookup: LookupHost;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent: this server belongs to no fleet. */
  readonly fleet?: Pick<FleetDoorOptions, "fleet" | "secret" | "ownTarget" | "recordFence" | "records">;
  /** Builds the MCP server of a tenant, which then answers every request; tests pass fixtures. */
  readonly build?: (tenant: Tenant) => McpServer;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:4201/mcp`. */
  readonly url: string;
  readonly port: number;
  /** What a node of a fleet says of itself. */
  fleetReport(): NodeReport;
}

const PATH = "/mcp";
/** The page of the views. It holds no data: it asks at `PATH`, as every client does. */
const PAGE_PATH = "/web";
const MAX_CALLERS = 10_000;
const MAX_SUBSCRIPTIONS = 20_000;
const MAX_SESSIONS = 5_000;
const SESSION_IDLE_MS = 3_600_000;
const SWEEP_MS = 5_000;
/** A connection without a request is closed after this time. */
const IDLE_SECONDS = 60;
/** Time for the answers in progress when the server ends. */
const DRAIN_MS = 300;
/** Time for the calls in progress of a tenant that another node of the fleet gets. */
const CLOSE_LOST_MS = 5_000;

/** Listens. Throws AppError `invalid_config` where the settings do not allow it. */
export function serveHttp(options: HttpOptions): HttpServer {
  return new McpHttpServer(options);
}

class McpHttpServer implements HttpServer {
  readonly url: string;
  readonly port: number;
  private readonly options: HttpOptions;
  private readonly auth: CallerAuth;
  private readonly authSettings: ReturnType<typeof callerAuthOf>;
  private readonly guards: RequestGuards;
  private readonly limits: CallerLimits;
  private readonly metrics = new Metrics();
  private readonly tenants: Tenants;
  /** Of requests that no owner of their tenant could answer, in a fleet. */
  private readonly liveTenants: Tenants;
  private readonly door: FleetDoor | null;
  private readonly responder: Responder;
  private readonly server: Server<unknown>;
  private readonly ending = new AbortController();
  private readonly spans: SpanExporter | null;
  private running = 0;

  constructor(options: HttpOptions) {
    const { settings, clock, logger } = options;
    checkBind(settings);
    this.options = options;
    this.authSettings = callerAuthOf(settings);
    this.auth = createCallerAuth(this.authSettings, options.clock);
    const { requestsPerSecond, maxConcurrent } = settings;
    const burst = Math.max(1, requestsPerSecond);
    this.limits = new CallerLimits({ requestsPerSecond, burst, maxConcurrent, maxCallers: MAX_CALLERS });
    this.door = options.fleet
      ? new FleetDoor({ ...options.fleet, clock, close: (target) => this.closeLost(target) })
      : null;
    this.tenants = this.createTenants(false);
    this.liveTenants = this.door ? this.createTenants(true) : this.tenants;
    const { otlpEndpoint: endpoint } = settings;
    this.spans = endpoint ? createSpanExporter({ endpoint, service: "prefect-mcp-bun", clock, logger }) : null;
    const plainRequests = options.build ? null : new PlainRequests();
    this.responder = new Responder({ clock, logger, metrics: this.metrics, spans: this.spans, plainRequests });
    const tls = tlsOf(settings);
    this.server = Bun.serve({
      hostname: settings.host.replace(/^\[|\]$/g, ""),
      port: settings.port,
      // Until a request is admitted; after that `serve` lifts the limit.
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: Math.max(settings.maxBodyBytes * 2, 1024 * 1024),
      ...(tls ? { tls } : {}),
      fetch: (request, server) => this.answer(request, server),
      error: (error) => this.internalError(error),
    });
    this.port = this.server.port ?? settings.port;
    const host = settings.host.includes(":") && !settings.host.startsWith("[") ? `[${settings.host}]` : settings.host;
    this.url = `${tls ? "https" : "http"}://${host}:${this.port}${PATH}`;
    this.guards = createGuards(settings, new URL(this.url));
    this.addGauges();
    void this.keepSweeping();
    logger.info("listening", { url: this.url, auth: this.auth.isRequired });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ending.signal.aborted) return;
    const { clock } = this.options;
    // Requests are accepted and sent to the next owners meanwhile.
    if (this.door) await lingerInFleet(this.door.fleet, clock);
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    const stopped = this.server.stop(false);
    this.door?.endStreams();
    if (this.door) await untilAnswered(clock, () => this.isAnswering());
    const untilMs = clock.steadyMs() + DRAIN_MS;
    while (this.running > 0 && clock.steadyMs() < untilMs) await clock.sleep(10);
    await Promise.all([this.tenants.close(), this.liveTenants.close(), this.spans?.close(DRAIN_MS)]);
    await this.server.stop(true);
    await stopped;
  }

  private isAnswering(): boolean {
    const passedOn = this.door?.fleet.probes.open ?? 0;
    return this.running + passedOn + this.tenants.running + this.liveTenants.running > 0;
  }

  fleetReport(): NodeReport {
    const { forwarded = 0, received = 0, live = 0 } = this.door?.counts ?? {};
    const replicaLagS = this.door?.replicaLagS;
    return {
      open: this.tenants.open,
      forwarded,
      received,
      live,
      ...(replicaLagS === undefined ? {} : { replicaLagS }),
    };
  }

  private createTenants(isLiveOnly: boolean): Tenants {
    const { settings, clock, logger, dataDir, build = buildServer } = this.options;
    const { lookup, openOwn, openTenant, trimDisk, followOwn } = this.options;
    const { door } = this;
    const accessOf = (target: TenantTarget | null) => door?.accessTo(target, isLiveOnly) ?? {};
    const { recheckMs, proofMs, idleMs, maxTenants, maxBodyBytes, allowedTargets } = settings;
    return new Tenants({
      openOwn: () => openOwn(accessOf(null)),
      openTenant: (target, label) => openTenant(target, label, accessOf(target)),
      trimDisk: isLiveOnly ? () => undefined : trimDisk,
      lookup,
      clock,
      logger,
      metrics: this.metrics,
      rules: { allowed: allowedTargets, isLoopbackAllowed: isLoopbackBind(settings.host) },
      recheckMs,
      proofMs,
      idleMs,
      maxTenants,
      followOwn: () => followOwn && !isLiveOnly && (door === null || door.lease(null) !== null),
      host: {
        build,
        logger,
        hiddenPath: dataDir,
        maxBodyBytes,
        maxSubscriptions: MAX_SUBSCRIPTIONS,
        maxSessions: MAX_SESSIONS,
        sessionIdleMs: SESSION_IDLE_MS,
        sessionPrefix: door?.sessionPrefix ?? "",
        plainClock: this.options.build ? null : clock,
      },
    });
  }

  private addGauges(): void {
    const { metrics, tenants } = this;
    metrics.gauge("tenants_open", "Tenants with an open application.", () => tenants.open);
    metrics.gauge("streams_open", "Open streams of notifications.", () => tenants.streams);
    metrics.gauge("sessions_open", "Sessions of 2025-era clients.", () => tenants.sessions);
    metrics.gauge("requests_running", "Requests being answered.", () => this.running);
    if (this.door) addFleetGauges(metrics, this.door);
    metrics.gauge("resident_bytes", "Resident memory of the process.", () => process.memoryUsage.rss());
    metrics.gauge("heap_bytes", "JavaScript heap in use on the main thread.", () => process.memoryUsage().heapUsed);
  }

  private async keepSweeping(): Promise<void> {
    const { signal } = this.ending;
    const { clock, settings } = this.options;
    await this.followOwn();
    const everyMs = Math.max(100, Math.min(SWEEP_MS, settings.recheckMs, settings.idleMs));
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      await this.followOwn();
      await this.tenants.sweep().catch((error: unknown) => this.internalError(error));
      if (this.door) await this.liveTenants.sweep().catch((error: unknown) => this.internalError(error));
    }
  }

  /** In a fleet one node follows the Prefect of the settings. */
  private async followOwn(): Promise<void> {
    try {
      if (this.options.followOwn) await this.door?.placeOwn();
      await this.tenants.followOwn();
    } catch (error) {
      this.internalError(error);
    }
  }

  /** Closes a tenant that this node does not own any more. */
  private closeLost(target: TenantTarget | null): Promise<void> {
    return this.tenants.closeTenant(target, CLOSE_LOST_MS);
  }

  private async answer(request: Request, server: Server<unknown>): Promise<Response> {
    const hasHost = URL.canParse(request.url);
    // A balancer may probe with HTTP/1.0, which needs no Host header.
    const pathname = hasHost ? new URL(request.url).pathname : request.url;
    if (pathname === "/healthz") return plainAnswer("ok");
    if (pathname === "/readyz") return this.readiness();
    if (!hasHost) {
      return this.refused("guard", refusal({ status: 400, message: own("The Host header is not a valid host.") }));
    }
    const known = [PATH, PAGE_PATH, "/metrics", METADATA_PATH, `${METADATA_PATH}${PATH}`].includes(pathname);
    if (!known) return refusal({ status: 404, message: sentence`There is nothing at this path; MCP is at ${PATH}.` });
    const received = this.door ? await this.door.receive(request) : { request, forwarded: null };
    if (received instanceof Response) return this.refused("fleet", received);
    // The node that has sent it on has checked both.
    const isForwarded = received.forwarded !== null;
    const wrong = isForwarded ? null : (this.guards.host(request.headers) ?? this.guards.origin(request.headers));
    if (wrong !== null) return this.refused("guard", refusal({ status: 403, message: wrong }));
    const cors = this.guards.cors(request.headers);
    if (pathname === PAGE_PATH) return pageOfViews(request.method);
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { ...cors, ...PREFLIGHT } });
    this.running += 1;
    try {
      const answered = await this.route(pathname, received, server);
      const response =
        this.door && !answered.headers.has(FLEET_ANSWER_HEADER) ? this.door.sealed(answered, received, true) : answered;
      for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
      return response;
    } catch (error) {
      return this.internalError(error);
    } finally {
      this.running -= 1;
    }
  }

  private readiness(): Response {
    if (this.ending.signal.aborted) return plainAnswer("ending", 503);
    if (this.door === null) return plainAnswer("ready");
    return plainAnswer(...readinessOf(this.door));
  }

  private async route(pathname: string, received: ReceivedRequest, server: Server<unknown>): Promise<Response> {
    const { request, forwarded } = received;
    if (pathname.startsWith(METADATA_PATH)) {
      const document = resourceMetadata(this.authSettings);
      return document
        ? Response.json(document)
        : refusal({ status: 404, message: own("No token issuer is configured.") });
    }
    let caller: Caller;
    try {
      caller = await this.auth.authenticate(request.headers);
    } catch (error) {
      return this.refused("auth", this.unauthenticated(error, request.headers.has("authorization")));
    }
    if (pathname === "/metrics") {
      const { contentType } = this.metrics;
      return new Response(await this.metrics.text(), { headers: { "content-type": contentType } });
    }
    const address = () => `ip:${server.requestIP(request)?.address ?? "unknown"}`;
    const id = this.auth.isRequired ? caller.id : (forwarded?.callerId ?? address());
    return this.serve({ request, server, caller: { ...caller, id } }, received);
  }

  private unauthenticated(error: unknown, hadToken: boolean): Response {
    const { code, sentence: message, ownHint: hint, status = 401 } = toAppError(error);
    if (code !== "unauthorized") return errorRefusal(error);
    const headers = { "www-authenticate": challenge(this.authSettings, status, hadToken) };
    return refusal({ status, code, message, hint, headers });
  }

  private async serve(asked: CallerRequest, received: ReceivedRequest): Promise<Response> {
    const { request, server, caller } = asked;
    const { clock, settings } = this.options;
    let target: TenantTarget | null;
    try {
      target = readTenantHeaders(request.headers);
    } catch (error) {
      const { sentence: message, ownHint: hint, code } = toAppError(error);
      return this.refused("headers", refusal({ status: 400, code, message, hint }));
    }
    if (!["POST", "GET", "DELETE"].includes(request.method)) {
      return refusal({ status: 405, message: own("Use POST."), headers: { allow: "POST, GET, DELETE, OPTIONS" } });
    }
    const rules = { limits: this.limits, maxBodyBytes: settings.maxBodyBytes, clock };
    const admitted = await admitRequest(request, caller.id, rules);
    if (!admitted.ok) return this.refused(admitted.reason, admitted.response);
    const { body, release } = admitted;
    let releasesLater = false;
    try {
      const isGet = request.method === "GET";
      const needs = body === undefined ? { readsWorkspace: isGet, wantsFresh: false } : needsOf(body);
      let host: TenantHost;
      try {
        // An answer of another node may take minutes, too.
        if (this.door) server.timeout(request, 0);
        const decision = await this.decide(asked, received, target, body);
        if (decision?.kind === "answered") return decision.response;
        const tenants = decision?.isLiveOnly ? this.liveTenants : this.tenants;
        host = await tenants.admit(target, needs, caller.id);
      } catch (error) {
        if (toAppError(error).code === "internal") return this.internalError(error);
        return this.refused("tenant", errorRefusal(error, idOf(body)));
      }
      // An answer may take minutes, and a stream of notifications sends nothing until something changes.
      server.timeout(request, 0);
      const answer = await this.responder.respond(host, asked, body, release);
      releasesLater = answer.releasesLater;
      if (!answer.isStream) server.timeout(request, IDLE_SECONDS);
      return answer.response;
    } finally {
      if (!releasesLater) release();
    }
  }

  /** Null: this server belongs to no fleet. */
  private async decide(
    { caller }: CallerRequest,
    received: ReceivedRequest,
    target: TenantTarget | null,
    body: unknown,
  ): Promise<FleetDecision | null> {
    if (this.door === null) return null;
    const needs = { readsWorkspace: true, wantsFresh: false };
    const prove = async () => {
      if (target !== null) await this.liveTenants.admit(target, needs, caller.id);
    };
    const mayChange = calledTools(body).some(isActingTool);
    return this.door.decide({ received, target, callerId: caller.id, body, mayChange, prove });
  }

  private refused(reason: string, response: Response): Response {
    this.metrics.count("refusals_total", { reason, status: String(response.status) });
    this.options.logger.debug("refused", { reason, status: response.status });
    return response;
  }

  private internalError(error: unknown): Response {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    this.options.logger.error("internal error", { where: "http", error: message, stack });
    return errorRefusal(new Error("internal"));
  }
}

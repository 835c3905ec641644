/**
 * MCP over HTTP for many callers and many Prefects. Each request passes, in this order: path, Host, Origin, caller
 * authentication, tenant headers, rate, body, the tenant's proof; then its tenant's own handler answers.
 */
import type { McpServer } from "@modelcontextprotocol/server";
import { isLegacyRequest } from "@modelcontextprotocol/server";
import type { Server } from "bun";
import type { HttpSettings } from "../../config/settings.ts";
import { toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { createSpanExporter, type SpanExporter } from "../../lib/span-export.ts";
import { invalidParams } from "../request-params.ts";
import { buildServer } from "../server.ts";
import type { Tenant } from "../tenant.ts";
import { admitRequest } from "./admission.ts";
import { callerAuthOf, checkBind, isLoopbackBind, tlsOf } from "./bind.ts";
import { type Caller, type CallerAuth, createCallerAuth } from "./caller-auth.ts";
import { CallerLimits } from "./caller-limits.ts";
import { createGuards, PREFLIGHT, type RequestGuards } from "./host-and-origin.ts";
import { Metrics } from "./metrics.ts";
import { challenge, METADATA_PATH, resourceMetadata } from "./protected-resource.ts";
import { errorRefusal, idOf, refusal } from "./refusals.ts";
import { isInitialize, isListen, needOf } from "./request.ts";
import { noteRequest } from "./request-log.ts";
import { boundedBody, type StreamHooks } from "./streams.ts";
import type { LookupHost } from "./target-rules.ts";
import { readTenantHeaders, type TenantTarget } from "./tenants/tenant-headers.ts";
import type { HostedApp, Seat } from "./tenants/tenant-host.ts";
import { Tenants } from "./tenants/tenants.ts";

export interface HttpOptions {
  readonly settings: HttpSettings;
  openOwn(): HostedApp;
  openTenant(target: TenantTarget, label: string): HostedApp;
  trimDisk(): void;
  /** Folder of the records: callers from outside are not told where it is. */
  readonly dataDir: string;
  /** Follow the own Prefect from the start; otherwise only while it is asked about. */
  readonly followOwn: boolean;
  readonly lookup: LookupHost;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What serves a tenant; tests put fixtures in. */
  readonly build?: (tenant: Tenant) => McpServer;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:4201/mcp`. */
  readonly url: string;
  readonly port: number;
}

const PATH = "/mcp";
const MAX_CALLERS = 10_000;
const MAX_SUBSCRIPTIONS = 20_000;
const MAX_SESSIONS = 5_000;
const SESSION_IDLE_MS = 3_600_000;
/** What a slow reader may leave lying before it is cut. */
const MAX_WAITING_BYTES = 1024 * 1024;
const SWEEP_MS = 5_000;
/** A connection on which nothing is asked is closed after this time. */
const IDLE_SECONDS = 60;
/** The longest time a timer can be set to. */
const MOST_TIMER_MS = 2 ** 31 - 1;
/** Answers under way get this long when the server ends. */
const DRAIN_MS = 300;

/** Listens. Throws AppError `invalid_config` where the settings do not allow it. */
export function serveHttp(options: HttpOptions): HttpServer {
  return new HttpHost(options);
}

/** One request and who sent it. */
interface Asked {
  readonly request: Request;
  readonly server: Server<unknown>;
  readonly caller: Caller;
}

class HttpHost implements HttpServer {
  readonly url: string;
  readonly port: number;
  private readonly options: HttpOptions;
  private readonly auth: CallerAuth;
  private readonly authSettings: ReturnType<typeof callerAuthOf>;
  private readonly guards: RequestGuards;
  private readonly limits: CallerLimits;
  private readonly metrics = new Metrics();
  private readonly tenants: Tenants;
  private readonly server: Server<unknown>;
  private readonly ending = new AbortController();
  private readonly spans: SpanExporter | null;
  private running = 0;

  constructor(options: HttpOptions) {
    const { settings, clock, logger } = options;
    checkBind(settings);
    this.options = options;
    this.authSettings = callerAuthOf(settings);
    this.auth = createCallerAuth(this.authSettings);
    const { requestsPerSecond, maxConcurrent } = settings;
    const burst = Math.max(1, requestsPerSecond);
    this.limits = new CallerLimits({ requestsPerSecond, burst, maxConcurrent, maxCallers: MAX_CALLERS });
    this.tenants = this.createTenants();
    const { otlpEndpoint: endpoint } = settings;
    this.spans = endpoint ? createSpanExporter({ endpoint, service: "prefect-mcp-bun", clock, logger }) : null;
    const tls = tlsOf(settings);
    this.server = Bun.serve({
      hostname: settings.host.replace(/^\[|\]$/g, ""),
      port: settings.port,
      // For who has not said anything worth an answer; a request that is let in gets all the time it needs.
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: Math.max(settings.maxBodyBytes * 2, 1024 * 1024),
      ...(tls ? { tls } : {}),
      fetch: (request, server) => this.answer(request, server),
      error: (error) => this.unforeseen(error),
    });
    this.port = this.server.port ?? settings.port;
    const host = settings.host.includes(":") && !settings.host.startsWith("[") ? `[${settings.host}]` : settings.host;
    this.url = `${tls ? "https" : "http"}://${host}:${this.port}${PATH}`;
    this.guards = createGuards(settings, new URL(this.url));
    this.describe();
    void this.keepSweeping();
    logger.info("listening", { url: this.url, auth: this.auth.isRequired, clock: clock.nowMs() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    const { clock } = this.options;
    const stopped = this.server.stop(false);
    const untilMs = clock.nowMs() + DRAIN_MS;
    while (this.running > 0 && clock.nowMs() < untilMs) await clock.sleep(10);
    await Promise.all([this.tenants.close(), this.spans?.close(DRAIN_MS)]);
    await this.server.stop(true);
    await stopped;
  }

  private createTenants(): Tenants {
    const { settings, clock, logger, dataDir, build = buildServer } = this.options;
    const { lookup, openOwn, openTenant, trimDisk } = this.options;
    const { recheckMs, proofMs, idleMs, maxTenants, maxBodyBytes, allowedTargets } = settings;
    return new Tenants({
      openOwn,
      openTenant,
      trimDisk,
      lookup,
      clock,
      logger,
      metrics: this.metrics,
      rules: { allowed: allowedTargets, allowLoopback: isLoopbackBind(settings.host) },
      recheckMs,
      proofMs,
      idleMs,
      maxTenants,
      followOwn: this.options.followOwn,
      seat: {
        build,
        logger,
        hiddenPath: dataDir,
        maxBodyBytes,
        maxSubscriptions: MAX_SUBSCRIPTIONS,
        maxSessions: MAX_SESSIONS,
        sessionIdleMs: SESSION_IDLE_MS,
      },
    });
  }

  private describe(): void {
    const { metrics, tenants } = this;
    metrics.gauge("tenants_open", "Tenants with an open application.", () => tenants.open);
    metrics.gauge("streams_open", "Streams of notices.", () => tenants.streams);
    metrics.gauge("sessions_open", "Sessions of 2025-era clients.", () => tenants.sessions);
    metrics.gauge("requests_running", "Requests being answered.", () => this.running);
    metrics.gauge("resident_bytes", "Memory of the process.", () => process.memoryUsage.rss());
    metrics.gauge("heap_bytes", "JavaScript objects of the answering thread.", () => process.memoryUsage().heapUsed);
  }

  private async keepSweeping(): Promise<void> {
    const { signal } = this.ending;
    const { clock, settings } = this.options;
    await this.tenants.followOwn().catch((error: unknown) => this.unforeseen(error));
    const everyMs = Math.max(100, Math.min(SWEEP_MS, settings.recheckMs, settings.idleMs));
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      await this.tenants.sweep().catch((error: unknown) => this.unforeseen(error));
    }
  }

  private async answer(request: Request, server: Server<unknown>): Promise<Response> {
    if (!URL.canParse(request.url)) {
      return this.refused("guard", refusal({ status: 400, message: "The Host header is no host." }));
    }
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return plain("ok");
    if (pathname === "/readyz") return this.ending.signal.aborted ? plain("ending", 503) : plain("ready");
    const known = [PATH, "/metrics", METADATA_PATH, `${METADATA_PATH}${PATH}`].includes(pathname);
    if (!known) return refusal({ status: 404, message: `There is nothing here; MCP is at ${PATH}.` });
    const wrong = this.guards.host(request.headers) ?? this.guards.origin(request.headers);
    if (wrong !== null) return this.refused("guard", refusal({ status: 403, message: wrong }));
    const cors = this.guards.cors(request.headers);
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { ...cors, ...PREFLIGHT } });
    this.running += 1;
    try {
      const response = await this.route(pathname, request, server);
      for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
      return response;
    } catch (error) {
      return this.unforeseen(error);
    } finally {
      this.running -= 1;
    }
  }

  private async route(pathname: string, request: Request, server: Server<unknown>): Promise<Response> {
    if (pathname.startsWith(METADATA_PATH)) {
      const document = resourceMetadata(this.authSettings);
      return document ? Response.json(document) : refusal({ status: 404, message: "No issuer of tokens is set." });
    }
    let caller: Caller;
    try {
      caller = await this.auth.authenticate(request.headers);
    } catch (error) {
      return this.refused("auth", this.unauthenticated(error, request.headers.has("authorization")));
    }
    if (pathname === "/metrics") {
      return new Response(this.metrics.text(), { headers: { "content-type": "text/plain; version=0.0.4" } });
    }
    const id = this.auth.isRequired ? caller.id : `ip:${server.requestIP(request)?.address ?? "unknown"}`;
    return this.serve({ request, server, caller: { ...caller, id } });
  }

  private unauthenticated(error: unknown, hadToken: boolean): Response {
    const { code, message, hint, status = 401 } = toAppError(error);
    if (code !== "unauthorized") return errorRefusal(error);
    const headers = { "www-authenticate": challenge(this.authSettings, status, hadToken) };
    return refusal({ status, code, message, hint, headers });
  }

  private async serve(asked: Asked): Promise<Response> {
    const { request, server, caller } = asked;
    const { clock, settings } = this.options;
    let target: TenantTarget | null;
    try {
      target = readTenantHeaders(request.headers);
    } catch (error) {
      const { message, hint, code } = toAppError(error);
      return this.refused("headers", refusal({ status: 400, code, message, hint }));
    }
    if (!["POST", "GET", "DELETE"].includes(request.method)) {
      return refusal({ status: 405, message: "Use POST.", headers: { allow: "POST, GET, DELETE, OPTIONS" } });
    }
    const rules = { limits: this.limits, maxBodyBytes: settings.maxBodyBytes, clock };
    const admitted = await admitRequest(request, caller.id, rules);
    if (!admitted.ok) return this.refused(admitted.reason, admitted.response);
    const { body, release } = admitted;
    let isHandedOn = false;
    try {
      const need = body === undefined ? { data: request.method === "GET", fresh: false } : needOf(body);
      let seat: Seat;
      try {
        seat = await this.tenants.admit(target, need, caller.id);
      } catch (error) {
        if (toAppError(error).code === "internal") return this.unforeseen(error);
        return this.refused("tenant", errorRefusal(error, idOf(body)));
      }
      // An answer may take minutes, and a stream of notices is silent for as long as nothing happens.
      server.timeout(request, 0);
      const answer = await this.answerFrom(seat, asked, body, release);
      isHandedOn = answer.isHandedOn;
      if (!answer.isStream) server.timeout(request, IDLE_SECONDS);
      return answer.response;
    } finally {
      if (!isHandedOn) release();
    }
  }

  private async answerFrom(seat: Seat, asked: Asked, body: unknown, release: () => void) {
    const { request, caller } = asked;
    const { clock, logger } = this.options;
    const startUs = clock.nowUs();
    seat.running += 1;
    let response: Response;
    try {
      response = await this.dispatch(seat, request, body, caller.id);
    } finally {
      seat.running -= 1;
    }
    const { status } = response;
    const answered = { request, body, callerId: caller.id, tenant: seat.label, status, startUs };
    const note = () => noteRequest(answered, { clock, logger, metrics: this.metrics, spans: this.spans });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (!isStream || response.body === null) {
      note();
      return { response, isStream: false, isHandedOn: false };
    }
    if (request.method === "GET" || isListen(body)) {
      note();
      return { response: this.noticesOf(seat, asked, response, body), isStream: true, isHandedOn: false };
    }
    seat.running += 1;
    const onEnd = () => {
      seat.running -= 1;
      release();
      note();
    };
    // A session works on for who has left, and may be asked by another request to stop.
    const outlivesReader = request.headers.has("mcp-session-id");
    return { response: this.streamed(seat, response, onEnd, { outlivesReader }), isStream: true, isHandedOn: true };
  }

  /** A stream of notices: it keeps its tenant in use, and ends with the token that opened it. */
  private noticesOf(seat: Seat, { request, caller }: Asked, response: Response, body: unknown): Response {
    const { clock } = this.options;
    const session = request.headers.get("mcp-session-id") ?? "";
    const endListening = seat.listen(body);
    const expiry = new AbortController();
    seat.streams += 1;
    seat.sessions.countStream(session, 1);
    const streamed = this.streamed(
      seat,
      response,
      () => {
        endListening();
        seat.streams -= 1;
        seat.sessions.countStream(session, -1);
        expiry.abort("ended");
      },
      { until: expiry.signal },
    );
    if (caller.expiresMs !== undefined) {
      const leftMs = Math.min(MOST_TIMER_MS, Math.max(0, caller.expiresMs - clock.nowMs()));
      void clock.sleep(leftMs, expiry.signal).then(() => expiry.abort("expired"));
    }
    return streamed;
  }

  private streamed(
    seat: Seat,
    response: Response,
    onEnd: () => void,
    how: Pick<StreamHooks, "until" | "outlivesReader">,
  ): Response {
    const bounded = boundedBody(response.body as ReadableStream<Uint8Array>, {
      maxWaiting: MAX_WAITING_BYTES,
      first: ": open\n\n",
      ...how,
      onCut: () => {
        this.metrics.count("streams_cut_total", { tenant: seat.label });
        this.options.logger.info("a slow reader was cut", { tenant: seat.label });
      },
      onEnd: () => {
        seat.usedMs = this.options.clock.nowMs();
        onEnd();
      },
    });
    return new Response(bounded, { status: response.status, headers: response.headers });
  }

  private async dispatch(seat: Seat, request: Request, body: unknown, callerId: string): Promise<Response> {
    const { clock } = this.options;
    const session = request.headers.get("mcp-session-id");
    if (session !== null && (body === undefined || (await isLegacyRequest(request, body)))) {
      const answered = await seat.sessions.serve(session, request, body, callerId, clock.nowMs());
      const gone = "There is no such session (any more); start a new one.";
      return answered ?? refusal({ status: 404, message: gone, id: idOf(body) });
    }
    if (body === undefined) {
      const message = "A session is needed for this; POST an initialize request first.";
      return refusal({ status: 405, message, headers: { allow: "POST" } });
    }
    if (isInitialize(body) && (await isLegacyRequest(request, body))) {
      return seat.sessions.open(request, body, callerId, clock.nowMs());
    }
    const wrong = invalidParams(body);
    return wrong === null ? seat.handler.fetch(request, { parsedBody: body }) : Response.json(wrong);
  }

  private refused(reason: string, response: Response): Response {
    this.metrics.count("refusals_total", { reason, status: String(response.status) });
    this.options.logger.debug("refused", { reason, status: response.status });
    return response;
  }

  private unforeseen(error: unknown): Response {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    this.options.logger.error("internal error", { where: "http", error: message, stack });
    return errorRefusal(new Error("internal"));
  }
}

function plain(text: string, status = 200): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain", "cache-control": "no-store" } });
}

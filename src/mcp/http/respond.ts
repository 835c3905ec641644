/** Answers an admitted request: by its tenant's handler (2026 era) or session (2025 era), as one body or as a stream. */

import { isLegacyRequest } from "@modelcontextprotocol/server";
import type { Server } from "bun";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { own } from "../../lib/shown-text.ts";
import { addMs } from "../../lib/time.ts";
import { invalidParams } from "../request-params.ts";
import type { Caller } from "./caller-auth.ts";
import type { PlainRequests } from "./plain-requests.ts";
import { type BodyHooks, boundedBody } from "./requests/bounded-body.ts";
import { callerInfo } from "./requests/caller-info.ts";
import { isInitialize, isListen } from "./requests/inspect-message.ts";
import { idOf, refusal } from "./requests/refusals.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { recordRequest } from "./telemetry/request-log.ts";
import type { SpanExporter } from "./telemetry/spans.ts";
import type { TenantHost } from "./tenants/tenant-host.ts";

/** One HTTP request and its authenticated sender. */
export interface CallerRequest {
  readonly request: Request;
  readonly server: Server<unknown>;
  readonly caller: Caller;
}

export interface ResponderOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly spans: SpanExporter | null;
  /** Null: the SDK answers every request. */
  readonly plainRequests: PlainRequests | null;
}

export interface Answer {
  readonly response: Response;
  readonly isStream: boolean;
  /** `release` is called when the stream ends; otherwise the caller of `respond` calls it. */
  readonly releasesLater: boolean;
}

/** Bytes of a stream that may wait for a slow reader before the reader is disconnected. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How often the wall clock is compared with the time at which a token expires. */
const EXPIRY_CHECK_MS = 10_000;

export class Responder {
  private readonly options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.options = options;
  }

  /** `release` gives back the caller's share of concurrent requests. */
  async respond(host: TenantHost, asked: CallerRequest, body: unknown, release: () => void): Promise<Answer> {
    const { request, caller } = asked;
    const startMs = this.options.clock.steadyMs();
    host.running += 1;
    let response: Response;
    try {
      response = await this.dispatch(host, request, body, caller.id);
    } finally {
      host.running -= 1;
    }
    const { status } = response;
    const answered = { request, body, callerId: caller.id, tenant: host.label, status, startMs };
    const record = () => recordRequest(answered, this.options);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (!isStream || response.body === null) {
      record();
      return { response, isStream: false, releasesLater: false };
    }
    if (request.method === "GET" || isListen(body)) {
      record();
      return {
        response: this.notificationStream(host, asked, response, body),
        isStream: true,
        releasesLater: false,
      };
    }
    host.running += 1;
    const onEnd = () => {
      host.running -= 1;
      release();
      record();
    };
    // A call of a session continues when its reader disconnects; another request of the session may cancel it.
    const outlivesReader = request.headers.has("mcp-session-id");
    return { response: this.streamed(host, response, onEnd, { outlivesReader }), isStream: true, releasesLater: true };
  }

  /** A stream of notifications. It keeps its tenant in use, and ends when the caller's access token expires. */
  private notificationStream(
    host: TenantHost,
    { request, caller }: CallerRequest,
    response: Response,
    body: unknown,
  ): Response {
    const { clock } = this.options;
    const session = request.headers.get("mcp-session-id") ?? "";
    const endListening = host.listen(body);
    const expiry = new AbortController();
    host.streams += 1;
    host.sessions.countStream(session, 1);
    const streamed = this.streamed(
      host,
      response,
      () => {
        endListening();
        host.streams -= 1;
        host.sessions.countStream(session, -1);
        expiry.abort("ended");
      },
      { until: expiry.signal },
    );
    if (caller.expiresMs !== undefined)
      void sleepUntil(caller.expiresMs, clock, expiry.signal).then(() => expiry.abort("expired"));
    return streamed;
  }

  private streamed(
    host: TenantHost,
    response: Response,
    onEnd: () => void,
    how: Pick<BodyHooks, "until" | "outlivesReader">,
  ): Response {
    const { clock, logger, metrics } = this.options;
    const bounded = boundedBody(response.body as ReadableStream<Uint8Array>, {
      maxWaiting: MAX_WAITING_BYTES,
      first: ": open\n\n",
      ...how,
      onOverflow: () => {
        metrics.count("streams_cut_total", { tenant: host.label });
        logger.info("a slow reader was disconnected", { tenant: host.label });
      },
      onEnd: () => {
        host.usedMs = clock.steadyMs();
        onEnd();
      },
    });
    return new Response(bounded, { status: response.status, headers: response.headers });
  }

  private async dispatch(host: TenantHost, request: Request, body: unknown, callerId: string): Promise<Response> {
    const { plainRequests } = this.options;
    if (request.headers.get("mcp-session-id") === null && plainRequests !== null) {
      return plainRequests.respond(host, request, body, () => this.dispatchToSdk(host, request, body, callerId));
    }
    return this.dispatchToSdk(host, request, body, callerId);
  }

  private async dispatchToSdk(host: TenantHost, request: Request, body: unknown, callerId: string): Promise<Response> {
    const { clock } = this.options;
    const session = request.headers.get("mcp-session-id");
    if (session !== null && (body === undefined || (await isLegacyRequest(request, body)))) {
      const answered = await host.sessions.serve(session, request, body, callerId, clock.steadyMs());
      const message = own("There is no such session; it may have ended. Start a new one with an initialize request.");
      return answered ?? refusal({ status: 404, message, id: idOf(body) });
    }
    if (body === undefined) {
      const message = own("This needs a session; POST an initialize request first.");
      return refusal({ status: 405, message, headers: { allow: "POST" } });
    }
    if (isInitialize(body) && (await isLegacyRequest(request, body))) {
      return host.sessions.open(request, body, callerId, clock.steadyMs());
    }
    const wrong = invalidParams(body);
    return wrong === null
      ? host.handler.fetch(request, { parsedBody: body, authInfo: callerInfo(callerId) })
      : Response.json(wrong);
  }
}

/**
 * Resolves when the wall clock has reached `untilMs` (since 1970), or when as much time has passed as was left at the beginning: setting
 * the clock back must not keep an expired token valid. Resolves early when `signal` is aborted.
 */
async function sleepUntil(untilMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const wallLeftMs = () => untilMs - clock.nowUs() / 1000;
  const endMs = addMs(clock.steadyMs(), wallLeftMs());
  while (!signal.aborted) {
    const leftMs = Math.min(wallLeftMs(), endMs - clock.steadyMs());
    if (leftMs <= 0) return;
    await clock.sleep(Math.min(leftMs, EXPIRY_CHECK_MS), signal);
  }
}

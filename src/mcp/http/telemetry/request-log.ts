/** Records an answered request for the operator: counters, a log line, a span. */

import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { addUs, floorUs, type SteadyMs } from "../../../lib/time.ts";
import { methodLabel } from "../requests/inspect-message.ts";
import type { Metrics } from "./metrics.ts";
import type { SpanExporter } from "./spans.ts";

export interface AnsweredRequest {
  readonly request: Request;
  /** Parsed; undefined for requests without a body. */
  readonly body: unknown;
  readonly callerId: string;
  /** Label of the tenant. */
  readonly tenant: string;
  readonly status: number;
  /** When the request was admitted. */
  readonly startMs: SteadyMs;
}

export interface RequestTelemetry {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly spans: SpanExporter | null;
}

/** Called when the answer is complete. */
export function recordRequest(answered: AnsweredRequest, { clock, logger, metrics, spans }: RequestTelemetry): void {
  const { request, body, callerId, tenant, status, startMs } = answered;
  const method = request.method === "POST" ? methodLabel(body) : request.method;
  const ms = clock.steadyMs() - startMs;
  metrics.count("requests_total", { tenant, method, status: String(status) });
  metrics.observeRequest(tenant, ms / 1000);
  logger.debug("request", { tenant, caller: callerId, method, status, ms });
  const endUs = clock.nowUs();
  spans?.add({
    name: method,
    startUs: floorUs(addUs(endUs, -ms * 1000)),
    endUs,
    isError: status >= 500,
    parent: request.headers.get("traceparent"),
    attributes: { "mcp.method.name": method, "http.response.status_code": status, "prefect_mcp.tenant": tenant },
  });
}

/**
 * The OpenTelemetry SDK, without its global state: one provider per HTTP server. It keeps its own time and its own timers.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */

import { defaultTextMapGetter, type HrTime, ROOT_CONTEXT, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { ExportResultCode, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type SpanExporter as OtelSpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { withoutEndSlashes } from "../../../lib/http-url.ts";
import type { Logger } from "../../../lib/logger.ts";
import type { SpanExporter, SpanExportOptions } from "./spans.ts";

const MAX_WAITING_SPANS = 5_000;

export function createOtelExporter(options: SpanExportOptions): SpanExporter {
  const { endpoint, service, clock, logger, everyMs = 5_000, timeoutMs = 5_000 } = options;
  const url = `${withoutEndSlashes(endpoint)}/v1/traces`;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": service }),
    // The operator asked for every request, whatever the caller's own tracing has sampled.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: withFailureLogged(new OTLPTraceExporter({ url, timeoutMillis: timeoutMs }), logger),
        scheduledDelayMillis: everyMs,
        exportTimeoutMillis: timeoutMs,
        maxQueueSize: MAX_WAITING_SPANS,
      }),
    ],
  });
  const tracer = provider.getTracer(service);
  const propagator = new W3CTraceContextPropagator();
  return {
    add({ name, startUs, endUs, isError, parent, attributes }) {
      const context = propagator.extract(ROOT_CONTEXT, { traceparent: parent ?? undefined }, defaultTextMapGetter);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: hrTime(startUs), attributes }, context);
      if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(hrTime(endUs));
    },
    async close(withinMs) {
      const closed = new AbortController();
      const shutdown = provider.shutdown().catch(() => undefined);
      await Promise.race([shutdown, clock.sleep(withinMs, closed.signal)]);
      closed.abort();
    },
  };
}

function hrTime(us: number): HrTime {
  return [Math.floor(us / 1_000_000), (us % 1_000_000) * 1_000];
}

/** Logs the first failure after a success: an unreachable collector must not fill the log. */
function withFailureLogged(exporter: OtelSpanExporter, logger: Logger): OtelSpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed && !isFailing) logger.warn("spans cannot be exported", { error: String(result.error) });
        isFailing = hasFailed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

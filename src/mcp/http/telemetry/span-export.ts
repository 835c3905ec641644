import type { SpanExporter, SpanExportOptions } from "./spans.ts";

/** Sends spans to an OpenTelemetry collector. The SDK is loaded here, so that only servers with an endpoint load it. */
export function createSpanExporter(options: SpanExportOptions): SpanExporter {
  const loading = import("./otel-exporter.ts").then(({ createOtelExporter }) => createOtelExporter(options));
  return {
    add: (span) => void loading.then((exporter) => exporter.add(span)),
    close: async (withinMs) => (await loading).close(withinMs),
  };
}

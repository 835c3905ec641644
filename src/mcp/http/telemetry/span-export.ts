/**
 * Spans as OTLP over HTTP in JSON, without a library: one request every few seconds, nothing kept when nobody takes it.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";

export interface Span {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly isError: boolean;
  /** `traceparent` of the caller, where it sent one. */
  readonly parent: string | null;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface SpanExporter {
  add(span: Span): void;
  /** Sends what is waiting, once, and ends. Gives up after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

export interface SpanExportOptions {
  /** `http://127.0.0.1:4318`; `/v1/traces` is added. */
  readonly endpoint: string;
  readonly service: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const EVERY_MS = 5_000;
const WITHIN_MS = 5_000;
const MOST_WAITING = 5_000;
const SERVER_KIND = 2;
const ERROR_STATUS = 2;
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

export function createSpanExporter(options: SpanExportOptions): SpanExporter {
  const { clock, logger } = options;
  const ending = new AbortController();
  const waiting: Span[] = [];
  let hasComplained = false;
  let last: Promise<void> = Promise.resolve();

  const flush = async (withinMs: number) => {
    if (waiting.length === 0) return;
    const body = JSON.stringify(toOtlp(waiting.splice(0), options.service));
    const giveUp = new AbortController();
    void clock.sleep(withinMs, giveUp.signal).then(() => giveUp.abort());
    try {
      const url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body, signal: giveUp.signal, redirect: "error" });
      await answer.text();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      hasComplained = false;
    } catch (error) {
      if (!hasComplained) logger.warn("spans cannot be exported", { error: String(error) });
      hasComplained = true;
    } finally {
      giveUp.abort();
    }
  };
  const run = async () => {
    for (;;) {
      await clock.sleep(EVERY_MS, ending.signal);
      if (ending.signal.aborted) return;
      last = flush(WITHIN_MS);
      await last;
    }
  };
  void run();
  return {
    add(span) {
      if (waiting.length < MOST_WAITING) waiting.push(span);
    },
    async close(withinMs) {
      ending.abort();
      await Promise.race([Promise.all([last, flush(withinMs)]), clock.sleep(withinMs)]);
    },
  };
}

function toOtlp(spans: readonly Span[], service: string): unknown {
  const resource = { attributes: [attribute("service.name", service)] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: service }, spans: spans.map(toOtlpSpan) }] }] };
}

function toOtlpSpan({ name, startMs, endMs, isError, parent, attributes }: Span): unknown {
  const [, traceId, parentSpanId] = TRACEPARENT.exec(parent ?? "") ?? [];
  return {
    traceId: traceId ?? randomHex(16),
    spanId: randomHex(8),
    ...(parentSpanId ? { parentSpanId } : {}),
    name,
    kind: SERVER_KIND,
    startTimeUnixNano: `${Math.round(startMs * 1000)}000`,
    endTimeUnixNano: `${Math.round(endMs * 1000)}000`,
    attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    status: isError ? { code: ERROR_STATUS } : {},
  };
}

function attribute(key: string, value: string | number): unknown {
  return { key, value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value } };
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import type { LocalUs } from "../../../lib/time.ts";

/** One answered request. */
export interface Span {
  readonly name: string;
  /** Microseconds since 1970. */
  readonly startUs: LocalUs;
  readonly endUs: LocalUs;
  readonly isError: boolean;
  /** The caller's `traceparent` header, or null. */
  readonly parent: string | null;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface SpanExporter {
  add(span: Span): void;
  /** Sends the spans that wait, once, and ends. Gives up after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

export interface SpanExportOptions {
  /** `http://127.0.0.1:4318`; `/v1/traces` is added. */
  readonly endpoint: string;
  /** `service.name` of the spans. */
  readonly service: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Time between two requests to the collector; default 5,000. */
  readonly everyMs?: number;
  /** Time for one request with its retries; default 5,000. */
  readonly timeoutMs?: number;
}

/** The recorded requests and answers of test/fixtures/prefect-3.8.8. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
  };
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown };
}

const FOLDER = join(import.meta.dir, "../fixtures/prefect-3.8.8");
const OLDER = join(import.meta.dir, "../fixtures/prefect-3.0.11/older-server.json");

/** `recorded("flow-runs-filter")`: the exchanges of that file. */
export function recorded(file: string): readonly Exchange[] {
  return (JSON.parse(readFileSync(join(FOLDER, `${file}.json`), "utf8")) as { exchanges: Exchange[] }).exchanges;
}

/** Exchanges with Prefect 3.0.11, where it answers otherwise than newer servers. */
export function recordedOlder(): readonly Exchange[] {
  return (JSON.parse(readFileSync(OLDER, "utf8")) as { exchanges: Exchange[] }).exchanges;
}

/** The body of the n-th recorded answer of a file. */
export function recordedBody<Body>(file: string, index = 0): Body {
  const exchange = recorded(file)[index];
  if (!exchange) throw new RangeError(`${file} has no exchange ${index}`);
  return exchange.response.body as Body;
}

export interface Frame {
  readonly session: string;
  readonly ms: number;
  readonly kind: "open" | "send" | "receive" | "close" | "refused" | "note";
  readonly data?: { readonly type: string; readonly [key: string]: unknown };
  readonly code?: number;
  readonly reason?: string;
  readonly status?: number;
}

/** Websocket sessions, frame by frame. */
export function recordedFrames(): readonly Frame[] {
  const lines = readFileSync(join(FOLDER, "ws-transcript.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Frame);
}

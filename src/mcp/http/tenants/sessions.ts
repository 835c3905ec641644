import { type McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { sentence } from "../../../lib/shown-text.ts";
import type { SteadyMs } from "../../../lib/time.ts";
import { invalidParams } from "../../request-params.ts";
import { callerInfo } from "../requests/caller-info.ts";
import { batchedIds, cancelledIds } from "../requests/inspect-message.ts";
import { idOf, refusal } from "../requests/refusals.ts";
import { SessionCalls, type SessionCallsOptions } from "./session-calls.ts";

interface Session {
  readonly server: McpServer;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly callerId: string;
  /** Ids of requests that came in a batch: their answers share a stream. */
  readonly batched: Set<string | number>;
  /** Null: the SDK answers every request. */
  readonly calls: SessionCalls | null;
  usedMs: SteadyMs;
  streams: number;
}

export interface SessionOptions {
  build(): McpServer;
  readonly maxSessions: number;
  /** A session without an open stream ends when it was not used for this time. */
  readonly idleMs: number;
  /** What the ids begin with. */
  readonly idPrefix: string;
  readonly maxBodyBytes: number;
  /** Absent: the SDK answers every request. */
  readonly plainCalls?: SessionCallsOptions | undefined;
}

/** Limited because a session keeps the client information of its `initialize` request in memory. */
const MAX_INITIALIZE_CHARACTERS = 16 * 1024;
/** The share of `maxSessions` that one caller may hold before its own sessions are ended first. */
const CALLER_SHARE = 0.25;

/** Sessions of 2025-era clients: one MCP server each, for one tenant and one caller. */
export class HttpSessions {
  /** Least recently used first. */
  private readonly sessions = new Map<string, Session>();
  private readonly options: SessionOptions;

  constructor(options: SessionOptions) {
    this.options = options;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** Answers `initialize` with the id of a new session. */
  async open(request: Request, parsedBody: unknown, callerId: string, nowMs: SteadyMs): Promise<Response> {
    if (JSON.stringify(parsedBody).length > MAX_INITIALIZE_CHARACTERS) {
      const message = sentence`An initialize request may have at most ${MAX_INITIALIZE_CHARACTERS} characters.`;
      return refusal({ status: 413, code: "invalid_input", message, id: idOf(parsedBody) });
    }
    const server = this.options.build();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => `${this.options.idPrefix}${crypto.randomUUID()}`,
      maxRequestBodySize: this.options.maxBodyBytes,
      onsessioninitialized: (id) => {
        const { plainCalls } = this.options;
        const calls = plainCalls ? new SessionCalls(plainCalls) : null;
        this.sessions.set(id, { server, transport, callerId, batched: new Set(), calls, usedMs: nowMs, streams: 0 });
        this.dropOldest(callerId);
      },
      onsessionclosed: (id) => void this.sessions.delete(id),
    });
    await server.connect(transport);
    const response = await transport.handleRequest(request, { parsedBody, authInfo: callerInfo(callerId) });
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  /** Null when there is no such session of this caller. */
  async serve(
    id: string,
    request: Request,
    parsedBody: unknown,
    callerId: string,
    nowMs: SteadyMs,
  ): Promise<Response | null> {
    const session = this.sessions.get(id);
    if (!session || session.callerId !== callerId) return null;
    session.usedMs = nowMs;
    this.sessions.delete(id);
    this.sessions.set(id, session);
    const wrong = invalidParams(parsedBody);
    if (wrong !== null) return Response.json(wrong);
    const plain = session.calls?.answer(id, request, parsedBody) ?? null;
    if (plain !== null) return plain;
    addBatchedIds(session, batchedIds(parsedBody));
    const authInfo = callerInfo(callerId);
    const given = parsedBody === undefined ? { authInfo } : { parsedBody, authInfo };
    const response = await session.transport.handleRequest(request, given);
    // The SDK stops working on a cancelled request but would keep its stream open until the session ends.
    for (const id of cancelledIds(parsedBody)) {
      session.calls?.cancel(id);
      if (!session.batched.has(id)) session.transport.closeSSEStream(id);
    }
    if (request.method === "DELETE" && response.ok) await this.drop(id, session);
    return response;
  }

  /** +1 when a stream of notifications of the session opens, -1 when it ends. */
  countStream(id: string, change: 1 | -1): void {
    const session = this.sessions.get(id);
    if (session) session.streams += change;
  }

  /** Ends the sessions that were unused for `idleMs`. */
  dropIdle(nowMs: SteadyMs): void {
    for (const [id, session] of this.sessions) {
      if (session.streams === 0 && nowMs - session.usedMs > this.options.idleMs) void this.drop(id, session);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions].map(([id, session]) => this.drop(id, session)));
  }

  /**
   * Over the limit the least recently used sessions end, those without an open stream first. When their caller has more than its share
   * of all sessions, only its own are ended first, so that one caller cannot end the sessions of all others.
   */
  private dropOldest(callerId: string): void {
    const { maxSessions } = this.options;
    if (this.sessions.size <= maxSessions) return;
    const all = [...this.sessions];
    const own = all.filter(([, session]) => session.callerId === callerId);
    const isOverShare = own.length > maxSessions * CALLER_SHARE;
    for (const candidates of isOverShare ? [own, all] : [all]) {
      for (const hasStream of [false, true]) {
        for (const [id, session] of candidates) {
          if (this.sessions.size <= maxSessions) return;
          if (session.streams > 0 === hasStream) void this.drop(id, session);
        }
      }
    }
  }

  private async drop(id: string, session: Session): Promise<void> {
    this.sessions.delete(id);
    session.calls?.close();
    await session.server.close().catch(() => undefined);
  }
}

const MAX_BATCHED = 1_000;
const MAX_ID_LENGTH = 200;

function addBatchedIds({ batched }: Session, ids: readonly (string | number)[]): void {
  for (const id of ids) if (typeof id === "number" || id.length <= MAX_ID_LENGTH) batched.add(id);
  if (batched.size > MAX_BATCHED) batched.clear();
}

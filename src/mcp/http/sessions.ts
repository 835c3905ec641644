/** Sessions of 2025-era clients: one server each, for one tenant and one caller, held as long as it is used. */

import { type McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { invalidParams } from "../request-params.ts";
import { idOf, refusal } from "./refusals.ts";
import { batchedIds, cancelledIds } from "./request.ts";

interface Session {
  readonly server: McpServer;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly callerId: string;
  /** Requests that came in a batch: their answers share a stream. */
  readonly batched: Set<string | number>;
  usedMs: number;
  streams: number;
}

export interface SessionOptions {
  build(): McpServer;
  readonly maxSessions: number;
  /** A session without an open stream ends when it was not used for so long. */
  readonly idleMs: number;
  readonly maxBodyBytes: number;
}

/** A session keeps what its client says of itself. */
const MOST_INITIALIZE_CHARACTERS = 16 * 1024;
/** A caller's share of the sessions is one of so many. */
const CALLER_SHARE = 4;

export class HttpSessions {
  private readonly sessions = new Map<string, Session>();
  private readonly options: SessionOptions;

  constructor(options: SessionOptions) {
    this.options = options;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** Answers `initialize` and gives the client the name of its session. */
  async open(request: Request, parsedBody: unknown, callerId: string, nowMs: number): Promise<Response> {
    if (JSON.stringify(parsedBody).length > MOST_INITIALIZE_CHARACTERS) {
      const message = `An initialize request may have ${MOST_INITIALIZE_CHARACTERS} characters.`;
      return refusal({ status: 413, code: "invalid_input", message, id: idOf(parsedBody) });
    }
    const server = this.options.build();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      maxRequestBodySize: this.options.maxBodyBytes,
      onsessioninitialized: (id) => {
        this.sessions.set(id, { server, transport, callerId, batched: new Set(), usedMs: nowMs, streams: 0 });
        this.dropOldest(callerId);
      },
      onsessionclosed: (id) => void this.sessions.delete(id),
    });
    await server.connect(transport);
    const response = await transport.handleRequest(request, { parsedBody });
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  /** Null when there is no such session of this caller. */
  async serve(
    id: string,
    request: Request,
    parsedBody: unknown,
    callerId: string,
    nowMs: number,
  ): Promise<Response | null> {
    const session = this.sessions.get(id);
    if (!session || session.callerId !== callerId) return null;
    session.usedMs = nowMs;
    this.sessions.delete(id);
    this.sessions.set(id, session);
    const wrong = invalidParams(parsedBody);
    if (wrong !== null) return Response.json(wrong);
    noteBatch(session, batchedIds(parsedBody));
    const response = await session.transport.handleRequest(request, parsedBody === undefined ? {} : { parsedBody });
    // The SDK stops working on a request that was taken back, but would keep its stream open for the session's life.
    for (const id of cancelledIds(parsedBody)) if (!session.batched.has(id)) session.transport.closeSSEStream(id);
    if (request.method === "DELETE" && response.ok) await this.drop(id, session);
    return response;
  }

  /** The session's stream of notices is open, or no longer. */
  countStream(id: string, change: 1 | -1): void {
    const session = this.sessions.get(id);
    if (session) session.streams += change;
  }

  /** Ends what was not used since. */
  dropIdle(nowMs: number): void {
    for (const [id, session] of this.sessions) {
      if (session.streams === 0 && nowMs - session.usedMs > this.options.idleMs) void this.drop(id, session);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions].map(([id, session]) => this.drop(id, session)));
  }

  /** Over the limit the sessions unused longest go: the caller's own where it holds more than its share, so that one cannot end all. */
  private dropOldest(callerId: string): void {
    const { maxSessions } = this.options;
    if (this.sessions.size <= maxSessions) return;
    const all = [...this.sessions];
    const own = all.filter(([, session]) => session.callerId === callerId);
    const isGreedy = own.length > maxSessions / CALLER_SHARE;
    for (const candidates of isGreedy ? [own, all] : [all]) {
      for (const wantsStream of [false, true]) {
        for (const [id, session] of candidates) {
          if (this.sessions.size <= maxSessions) return;
          if (session.streams > 0 === wantsStream) void this.drop(id, session);
        }
      }
    }
  }

  private async drop(id: string, session: Session): Promise<void> {
    this.sessions.delete(id);
    await session.server.close().catch(() => undefined);
  }
}

const MOST_BATCHED = 1_000;
const LONGEST_ID = 200;

function noteBatch({ batched }: Session, ids: readonly (string | number)[]): void {
  for (const id of ids) if (typeof id === "number" || id.length <= LONGEST_ID) batched.add(id);
  if (batched.size > MOST_BATCHED) batched.clear();
}

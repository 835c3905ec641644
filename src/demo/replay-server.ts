/**
 * A Prefect-compatible server in this process: REST and `/events/out` of the recorded workspace, on a free loopback port. The
 * program connects to it as to any other Prefect.
 */
import type { Server, ServerWebSocket } from "bun";
import { type Clock, systemClock } from "../lib/clock.ts";
import { formatIsoUs, MINUTE_US, parseIsoUs } from "../lib/time.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import { compileEventFilter, type EventPredicate } from "../model/events/event-filter.ts";
import type { Json, JsonObject } from "../model/objects.ts";
import { countEvents, filterEvents, nextEvents, readEventFilter, selectEvents } from "./event-routes.ts";
import { answerObjects } from "./object-routes.ts";
import { notFound, RefusalError } from "./refusal-error.ts";
import { Replay } from "./replay.ts";
import { loadWorkspace, type Workspace } from "./workspace.ts";

export interface ReplayOptions {
  readonly clock?: Clock;
  /** Instead of the recorded workspace, for tests. */
  readonly workspace?: Workspace;
  /** Instead of a free one, for a server that is started again. */
  readonly port?: number;
}

export interface ReplayServer {
  /** `http://127.0.0.1:{port}/api`. */
  readonly url: string;
  readonly port: number;
  readonly replay: Replay;
  /** Requests answered so far, as `METHOD /path`. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

/** State of a subscriber: it has to send `auth` first, then the filter. */
interface Socket {
  isAuthorised: boolean;
  matches: EventPredicate | null;
  sinceUs: number;
  untilUs: number;
}

type SocketServer = Server<Socket>;

const TICK_MS = 200;
const PING_EVERY_TICKS = 100;
const MAX_BACKFILL_US = 15 * MINUTE_US;

export async function startReplayServer(options: ReplayOptions = {}): Promise<ReplayServer> {
  const { clock = systemClock, workspace = loadWorkspace(), port = 0 } = options;
  const host = new ReplayHost(new Replay(workspace, clock.nowUs()), clock);
  const server = Bun.serve<Socket>({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    fetch: (request, own) => host.answer(request, own),
    websocket: {
      sendPings: false,
      idleTimeout: 0,
      maxPayloadLength: 16 * 1024 * 1024,
      open: (socket) => void host.sockets.add(socket),
      message: (socket, message) => host.receive(socket, String(message)),
      close: (socket) => void host.sockets.delete(socket),
    },
  });
  const stopping = new AbortController();
  const ticking = host.tick(stopping.signal);
  return {
    url: `http://127.0.0.1:${server.port}/api`,
    port: server.port ?? port,
    replay: host.replay,
    requests: host.requests,
    async stop() {
      stopping.abort();
      await ticking;
      for (const socket of host.sockets) socket.close(1012, "");
      await server.stop(true);
    },
  };
}

class ReplayHost {
  readonly replay: Replay;
  readonly sockets = new Set<ServerWebSocket<Socket>>();
  readonly requests: string[] = [];
  private readonly clock: Clock;

  constructor(replay: Replay, clock: Clock) {
    this.replay = replay;
    this.clock = clock;
  }

  async tick(signal: AbortSignal): Promise<void> {
    for (let tick = 1; !signal.aborted; tick += 1) {
      this.publish();
      if (tick % PING_EVERY_TICKS === 0) for (const socket of this.sockets) socket.ping();
      await this.clock.sleep(TICK_MS, signal);
    }
  }

  async answer(request: Request, server: SocketServer): Promise<Response | undefined> {
    const url = new URL(request.url);
    this.publish();
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return upgrade(request, url, server);
    this.requests.push(`${request.method} ${url.pathname}`);
    try {
      const body = request.method === "POST" ? await readBody(request) : {};
      const answer = url.pathname.startsWith("/api/") ? this.route(request, url, body) : undefined;
      if (answer === undefined) throw notFound("Not Found");
      return Response.json(answer);
    } catch (error) {
      if (error instanceof RefusalError) return Response.json(error.body, { status: error.status });
      return Response.json(
        { exception_message: "Internal Server Error", exception_detail: String(error) },
        { status: 500 },
      );
    }
  }

  private route(request: Request, url: URL, body: JsonObject): unknown {
    const { replay } = this;
    const path = url.pathname.slice("/api".length);
    const nowUs = this.clock.nowUs();
    const route = `${request.method} ${path}`;
    if (route === "POST /events/filter") return filterEvents(replay, body, url.origin, nowUs);
    if (route === "GET /events/filter/next") return nextEvents(replay, url.searchParams.get("page-token"), url.origin);
    if (route.startsWith("POST /events/count-by/")) return countEvents(replay, path.split("/")[3] ?? "", body, nowUs);
    if (route === "GET /csrf-token") throw new RefusalError(422, { detail: "CSRF protection is disabled." });
    return answerObjects(request.method, path, { replay, nowUs, body, query: url.searchParams });
  }

  receive(socket: ServerWebSocket<Socket>, text: string): void {
    const message = parseObject(text);
    if (!message) socket.terminate();
    else if (!socket.data.isAuthorised) authorise(socket, message);
    else if (socket.data.matches) return;
    else if (message.type !== "filter") socket.close(1002, "Expected 'filter' message");
    else if (message.filter === undefined) socket.close(1002, "Invalid filter: 'filter'");
    else this.subscribe(socket, message);
  }

  /** An invalid filter ends the connection without a close frame, as on a real server. */
  private subscribe(socket: ServerWebSocket<Socket>, message: JsonObject): void {
    const nowUs = this.clock.nowUs();
    try {
      const filter = readEventFilter(message.filter ?? null, message, ["filter"], nowUs);
      const sinceUs = Math.max(parseIsoUs(filter.occurred?.since ?? "") ?? 0, nowUs - MAX_BACKFILL_US);
      const { related: _, ...live } = filter;
      const matches = compileEventFilter(live);
      if (message.backfill !== false) {
        const past = {
          ...filter,
          order: "ASC" as const,
          occurred: { ...filter.occurred, since: formatIsoUs(sinceUs) },
        };
        for (const event of selectEvents(this.replay, past)) send(socket, event);
      }
      Object.assign(socket.data, { matches, sinceUs, untilUs: parseIsoUs(filter.occurred?.until ?? "") ?? nowUs });
    } catch {
      socket.terminate();
    }
  }

  private publish(): void {
    for (const event of this.replay.advance(this.clock.nowUs())) {
      const us = parseIsoUs(event.occurred) ?? 0;
      for (const socket of this.sockets) {
        const { matches, sinceUs, untilUs } = socket.data;
        if (matches && us >= sinceUs && us <= untilUs && matches(event)) send(socket, event);
      }
    }
  }
}

function authorise(socket: ServerWebSocket<Socket>, message: JsonObject): void {
  if (message.type !== "auth") {
    socket.close(1008, "Expected 'auth' message");
    return;
  }
  socket.data.isAuthorised = true;
  socket.send(JSON.stringify({ type: "auth_success" }));
}

function send(socket: ServerWebSocket<Socket>, event: PrefectEvent): void {
  socket.send(JSON.stringify({ type: "event", event }));
}

/** Any other path, also with a trailing slash, is refused with 403. */
function upgrade(request: Request, url: URL, server: SocketServer): Response | undefined {
  const asked = request.headers.get("sec-websocket-protocol") ?? "";
  const isSubscribable =
    url.pathname === "/api/events/out" && asked.split(",").some((name) => name.trim() === "prefect");
  const data: Socket = { isAuthorised: false, matches: null, sinceUs: 0, untilUs: 0 };
  const headers = { "Sec-WebSocket-Protocol": "prefect" };
  if (isSubscribable && server.upgrade(request, { data, headers })) return undefined;
  return new Response(null, { status: 403 });
}

async function readBody(request: Request): Promise<JsonObject> {
  const text = await request.text();
  if (text === "") return {};
  const body = parseObject(text);
  if (body) return body;
  throw new RefusalError(422, {
    exception_message: "Invalid request received.",
    exception_detail: [{ type: "json_invalid", loc: ["body"], msg: "JSON decode error" }],
  });
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: Json = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

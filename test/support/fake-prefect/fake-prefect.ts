/**
 * A Prefect 3.8.8 for tests (an older one while `workspace.version` is older): a real HTTP and websocket server on a free port over an in-memory workspace. Answers, paging,
 * caps and error bodies are those of recorded answers (test/fixtures/prefect-3.8.8). It records every request and can be made to
 * misbehave (faults.ts).
 */
import type { Server } from "bun";
import { systemClock } from "../../../src/lib/clock.ts";
import { parseJson } from "../../../src/lib/exact-json.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { isOlderVersion } from "../../../src/model/prefect-version.ts";
import { countBy } from "./counts.ts";
import { firstPage, nextPage } from "./events.ts";
import { createFaults, type FakeFaults, type Fault } from "./faults.ts";
import { asDict, detail, invalid, Refusal } from "./problems.ts";
import { answerRoute } from "./routes.ts";
import { createStreamServer, newSocketData, type SocketData } from "./stream.ts";
import { emptyWorkspace, type FakeWorkspace } from "./workspace.ts";

export interface FakePrefectOptions {
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** `/api` unless given; for a Cloud look-alike `/api/accounts/{a}/workspaces/{w}`. */
  readonly basePath?: string;
  /** Basic auth: `user:password`. */
  readonly authString?: string;
  /** Bearer auth, as Prefect Cloud. */
  readonly apiKey?: string;
  /** CSRF protection on. */
  readonly csrf?: boolean;
  /** PEM texts: serves https and wss. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The server's clock in microseconds (defaults of `until`, the `Date` header). The machine's unless given. */
  readonly nowUs?: () => number;
  /** PREFECT_SERVER_API_DEFAULT_LIMIT: 200. */
  readonly pageCap?: number;
  /** False: every text query is a 500, as on SQLite before 3.44. */
  readonly textSearch?: boolean;
  /** Random numbers: log lines of one timestamp come in another order at each request. */
  readonly shuffled?: () => number;
}

export interface RecordedRequest {
  readonly method: string;
  /** Below the base path, without the query: `/flow_runs/filter`. Outside of it: the whole path. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or null. */
  readonly body: unknown;
  readonly status: number;
}

export interface EmitOptions {
  /** Visible over REST (default true). */
  readonly rest?: boolean;
  /** Delivered to open sockets (default true); of more than 256 in one call the rest is lost, as in Prefect. */
  readonly socket?: boolean;
}

export interface FakePrefect extends AsyncDisposable {
  /** `http://127.0.0.1:{port}/api`. */
  readonly url: string;
  readonly port: number;
  readonly workspace: FakeWorkspace;
  readonly faults: FakeFaults;
  /** Every HTTP request and websocket upgrade (method `WS`) that was answered, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Open event sockets that have sent their filter. */
  readonly subscribers: number;
  /** The requests since the last call, as `POST /flow_runs/filter`. */
  takeRequests(): string[];
  /** Requests whose `METHOD path` contains the text or matches the pattern. */
  requestsTo(route: string | RegExp): RecordedRequest[];
  /** Publishes events as Prefect would: stored once per id, sent to the sockets whose filter matches. */
  emit(events: PrefectEvent | readonly PrefectEvent[], options?: EmitOptions): void;
  /** Resolves when every open socket has received what was sent to it before: a client answers a ping after the messages before it. */
  delivered(): Promise<void>;
  /** A fixed answer for `METHOD path` (as in `requests`). Only auth and faults come before it. */
  answer(route: string, body: unknown, status?: number): void;
  /** Closes every event socket with a close frame, or without one (code 1006). */
  closeSockets(code: number, reason?: string): void;
  /** Stops listening and drops every connection: sockets see 1006, as after a kill; `graceful`: 1012, as after SIGTERM. */
  down(options?: { readonly graceful?: boolean }): Promise<void>;
  /** Listens again on the same port. */
  up(): Promise<void>;
  stop(): Promise<void>;
}

export async function startFakePrefect(options: FakePrefectOptions = {}): Promise<FakePrefect> {
  const { basePath = "/api", textSearch = true, pageCap = 200, tls } = options;
  const nowUs = options.nowUs ?? systemClock.nowUs;
  const workspace = emptyWorkspace();
  const faults = createFaults();
  const requests: RecordedRequest[] = [];
  const answers = new Map<string, { status: number; body: unknown }>();
  const csrfTokens = new Map<string, string>();
  const stream = createStreamServer({
    events: workspace.events,
    faults: faults.stream,
    secret: options.authString ?? options.apiKey ?? null,
    nowUs,
  });
  let taken = 0;
  let server: Server<SocketData> | null = null;
  let port = options.port ?? 0;

  /** What waits for the answer to a ping, by the ping's text. */
  const pongs = new Map<string, () => void>();

  async function delivered(): Promise<void> {
    const answers = [...stream.sockets].map((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const text = crypto.randomUUID();
      pongs.set(text, resolve);
      socket.ping(text);
      return promise;
    });
    await Promise.all(answers);
  }

  function listen(): void {
    server = Bun.serve<SocketData>({
      hostname: "127.0.0.1",
      port,
      idleTimeout: 0,
      ...(tls ? { tls } : {}),
      fetch: handle,
      websocket: {
        idleTimeout: 0,
        sendPings: false,
        open: (socket) => void stream.sockets.add(socket),
        close: (socket) => void stream.sockets.delete(socket),
        message: (socket, text) => stream.message(socket, text),
        pong: (_, data) => pongs.get(data.toString())?.(),
      },
    });
    port = server.port ?? port;
  }

  async function handle(request: Request, self: Server<SocketData>): Promise<Response | undefined> {
    const url = new URL(request.url);
    const path = url.pathname.startsWith(`${basePath}/`) ? url.pathname.slice(basePath.length) : url.pathname;
    const inside = path !== url.pathname;
    const isSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const method = isSocket ? "WS" : request.method;
    const text = isSocket ? "" : await request.text();
    const note = (status: number) =>
      requests.push({
        method,
        path,
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(request.headers),
        body: parse(text) ?? null,
        status,
      });
    if (isSocket) {
      const status = upgrade(request, self, inside && path === "/events/out");
      note(status);
      return status === 101 ? undefined : new Response(null, { status });
    }
    const fault = faults.take(`${method} ${path}`);
    const failed = fault && (await misbehave(fault));
    const response = failed ?? (inside ? answerInside(request, url, path, text) : answerOutside(method, path));
    note(response.status);
    return response;
  }

  function upgrade(request: Request, self: Server<SocketData>, known: boolean): number {
    const subprotocol = (request.headers.get("sec-websocket-protocol") ?? "").split(/,\s*/).includes("prefect");
    if (faults.stream.refuse !== null) return faults.stream.refuse;
    if (!known || (!subprotocol && options.authString !== undefined)) return 403;
    const headers = subprotocol ? { "Sec-WebSocket-Protocol": "prefect" } : {};
    return self.upgrade(request, { data: newSocketData(subprotocol), headers }) ? 101 : 400;
  }

  function answerOutside(method: string, path: string): Response {
    const fixed = answers.get(`${method} ${path}`);
    if (fixed) return json(fixed.body, fixed.status);
    if (path === "/")
      return new Response("<!DOCTYPE html>\n<html></html>", { headers: { "content-type": "text/html" } });
    return json({ detail: "Not Found" }, 404);
  }

  function answerInside(request: Request, url: URL, path: string, text: string): Response {
    try {
      guard(request, path);
      const body = answerBody(request, url, path, text);
      if (body === undefined) throw detail(404, "Not Found");
      return body === null ? new Response(null, { status: 204 }) : json(body, 200);
    } catch (error) {
      if (error instanceof Refusal) return json(error.body, error.status);
      return json({ exception_message: "Internal Server Error" }, 500);
    }
  }

  /** Auth, API version and CSRF, before any routing, as the real middleware. */
  function guard(request: Request, path: string): void {
    const { authString, apiKey } = options;
    const wanted =
      authString !== undefined ? `Basic ${btoa(authString)}` : apiKey !== undefined ? `Bearer ${apiKey}` : null;
    if (wanted !== null && path !== "/health" && path !== "/ready" && request.headers.get("authorization") !== wanted) {
      throw new Refusal(401, { exception_message: "Unauthorized" });
    }
    const version = request.headers.get("x-prefect-api-version");
    if (version !== null && version < "0.8.0") {
      throw detail(
        400,
        `The request specified API version ${version} but this server requires version 0.8.0 or higher.`,
      );
    }
    if (!options.csrf || request.method === "GET") return;
    const token = request.headers.get("prefect-csrf-token");
    const client = request.headers.get("prefect-csrf-client");
    if (token === null) throw detail(403, "Missing CSRF token.");
    if (client === null) throw detail(403, "Missing client identifier.");
    if (csrfTokens.get(client) !== token) throw detail(403, "Invalid CSRF token or client identifier.");
  }

  function answerBody(request: Request, url: URL, path: string, text: string): unknown {
    const { method } = request;
    const fixed = answers.get(`${method} ${path}`);
    if (fixed) throw new Refusal(fixed.status, fixed.body);
    const parsed = text === "" ? {} : parse(text);
    if (parsed === undefined) {
      throw invalid([{ type: "json_invalid", loc: ["body", 1], msg: "JSON decode error", input: {} }], text);
    }
    if (method === "GET" && path.endsWith("/filter")) throw detail(405, "Method Not Allowed");
    const isOlder = (than: string) => isOlderVersion(workspace.version, than);
    const rules = { nowUs: nowUs(), textSearch, isOlder: isOlder("3.4.25"), losesLabels: isOlder("3.2.0") };
    const countable = /^\/events\/count-by\/(day|time|event|resource)$/.exec(path)?.[1];
    if (method === "GET" && path === "/csrf-token") return csrfToken(url.searchParams.get("client") ?? "");
    if (method === "POST" && path === "/events/filter") {
      faults.onEventPage?.({ offset: 0 });
      return eventPage(request, firstPage(workspace.events, asDict(parsed), rules));
    }
    if (method === "GET" && path === "/events/filter/next") {
      const token = url.searchParams.get("page-token");
      if (token === null)
        throw invalid([{ type: "missing", loc: ["query", "page-token"], msg: "Field required", input: null }], null);
      faults.onEventPage?.({ offset: Number(asDict(parse(decode(token))).offset ?? 0) });
      return eventPage(request, nextPage(workspace.events, token, rules));
    }
    if (method === "POST" && countable) return countBy(workspace.events, countable, asDict(parsed), rules);
    if (method === "POST" && path === "/events") {
      emit(parsed as PrefectEvent[]);
      return null;
    }
    return answerRoute(method, path, asDict(parsed), {
      workspace,
      cap: pageCap,
      textSearch,
      query: url.searchParams,
      shuffled: options.shuffled ?? null,
    });
  }

  function csrfToken(client: string): unknown {
    if (!options.csrf) throw detail(422, "CSRF protection is disabled.");
    const token = crypto.randomUUID().replaceAll("-", "").repeat(2);
    csrfTokens.set(client, token);
    return { id: crypto.randomUUID(), token, client, expiration: "2099-01-01T00:00:00Z" };
  }

  function eventPage(request: Request, page: ReturnType<typeof firstPage>): unknown {
    const base = faults.nextPageBase ?? `${tls ? "https" : "http"}://${request.headers.get("host")}`;
    const next = page.token && `${base}/api/events/filter/next?page-token=${encodeURIComponent(page.token)}`;
    return { events: page.events, total: page.total, next_page: next };
  }

  function json(body: unknown, status: number): Response {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (options.nowUs) headers.date = new Date(options.nowUs() / 1000).toUTCString();
    return new Response(JSON.stringify(body), { status, headers });
  }

  function emit(given: PrefectEvent | readonly PrefectEvent[], { rest = true, socket = true }: EmitOptions = {}): void {
    const list = Array.isArray(given) ? (given as readonly PrefectEvent[]) : [given as PrefectEvent];
    if (rest) for (const event of list) workspace.events.insert(event);
    if (socket) stream.publish(list);
  }

  const closeSockets = (code: number, reason?: string) => {
    for (const socket of stream.sockets) {
      if (code === 1006) socket.terminate();
      else socket.close(code, reason);
    }
  };
  const down = async ({ graceful = false } = {}) => {
    closeSockets(graceful ? 1012 : 1006);
    await server?.stop(true);
    server = null;
    stream.sockets.clear();
  };
  const stop = () => down();

  listen();
  return {
    get url() {
      return `${tls ? "https" : "http"}://127.0.0.1:${port}${basePath}`;
    },
    get port() {
      return port;
    },
    get subscribers() {
      return [...stream.sockets].filter((socket) => socket.data.phase === "live").length;
    },
    workspace,
    faults,
    requests,
    takeRequests() {
      const list = requests.slice(taken).map(({ method, path }) => `${method} ${path}`);
      taken = requests.length;
      return list;
    },
    requestsTo: (route) =>
      requests.filter(({ method, path }) => {
        const line = `${method} ${path}`;
        return typeof route === "string" ? line.includes(route) : route.test(line);
      }),
    emit,
    delivered,
    answer: (route, body, status = 200) => void answers.set(route, { status, body }),
    closeSockets,
    down,
    up: async () => listen(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function misbehave(fault: Fault): Promise<Response | null> {
  if (fault.delayMs !== undefined) await systemClock.sleep(fault.delayMs);
  if (fault.hang) await new Promise(() => {});
  if (fault.drop) return brokenResponse();
  if (fault.status === undefined && fault.text === undefined) return null;
  const body = fault.text ?? (fault.body === undefined ? "" : JSON.stringify(fault.body));
  const type = fault.text === undefined ? "application/json" : "text/html";
  return new Response(body, { status: fault.status ?? 200, headers: { "content-type": type, ...fault.headers } });
}

/** An answer whose connection is closed before its body is complete. */
function brokenResponse(): Response {
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("["));
      await systemClock.sleep(5);
      controller.error();
    },
  });
  return new Response(body);
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function decode(token: string): string {
  try {
    return atob(atob(token));
  } catch {
    return "";
  }
}

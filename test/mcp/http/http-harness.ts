/** The HTTP server in this process, on a free port, with settings that a test chooses. */
import { loadSettings } from "../../../src/config/load-settings.ts";
import type { HttpSettings } from "../../../src/config/settings.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/logger.ts";
import { type HttpOptions, type HttpServer, serveHttp } from "../../../src/mcp/http/http.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { fakeTenant } from "../fake-tenant.ts";

export interface Harness extends AsyncDisposable {
  readonly server: HttpServer;
  readonly log: string[];
  /** One request to /mcp, with these headers beside the usual ones. */
  post(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON-RPC answer, also from an event stream. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly json: any;
}

export const plainHttp: HttpSettings = {
  ...loadSettings({ flags: {}, env: {}, cwd: "/", home: "/nowhere", platform: "linux" }).settings.http,
  port: 0,
};

/** An application with fixed answers. */
export function fakeApp() {
  return Object.assign(fakeTenant(), { follow() {}, async [Symbol.asyncDispose]() {} });
}

export interface HarnessOptions extends Partial<Omit<HttpOptions, "settings">> {
  readonly http?: Partial<HttpSettings>;
  readonly clock?: Clock;
}

export function startHttp({ http = {}, ...options }: HarnessOptions = {}): Harness {
  const log: string[] = [];
  // A caller earns requests as time passes, and on a manual clock it does not.
  const rate = options.clock && "advance" in options.clock ? { requestsPerSecond: 1_000_000 } : {};
  const server = serveHttp({
    settings: { ...plainHttp, ...rate, ...http },
    openOwn: fakeApp,
    openTenant: fakeApp,
    trimDisk: () => undefined,
    dataDir: "/somewhere/data",
    followOwn: false,
    lookup: async () => ["93.184.216.34"],
    clock: systemClock,
    logger: createLogger("debug", (line) => void log.push(line)),
    ...options,
  });
  const origin = server.url.replace(/\/mcp$/, "");
  return {
    server,
    log,
    post: async (body, headers = {}) => read(await post(server.url, body, { headers })),
    get: async (path, headers = {}) => read(await fetch(origin + path, { headers })),
    async [Symbol.asyncDispose]() {
      const closed = Promise.resolve(server[Symbol.asyncDispose]());
      const { clock } = options;
      let isClosed = false;
      void closed.finally(() => {
        isClosed = true;
      });
      // The server waits on its clock for answers in progress.
      while (clock && "advance" in clock && !isClosed) {
        await (clock as ManualClock).advance(10);
        await Bun.sleep(1);
      }
      await closed;
    },
  };
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends a message as a client does; the answer may be a stream. */
export function post(url: string, body: unknown, { headers = {}, signal }: PostOptions = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

/** A request of the 2026 era. */
export function postModern(
  url: string,
  method: string,
  params: Record<string, unknown>,
  { headers = {}, signal }: PostOptions = {},
): Promise<Response> {
  const request = modern(method, params);
  return post(url, request.body, { headers: { ...request.headers, ...headers }, ...(signal ? { signal } : {}) });
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

/** The JSON body, or the last message of an event stream. */
export function parse(text: string): unknown {
  const data = [...text.matchAll(/^data: (.+)$/gm)].at(-1)?.[1] ?? text;
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

let lastId = 0;
export function call(name: string, args: object = {}) {
  lastId += 1;
  return { jsonrpc: "2.0", id: lastId, method: "tools/call", params: { name, arguments: args } };
}

const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** The same in the 2026 era: an envelope in the body, the standard headers beside it. */
export function modern(method: string, params: Record<string, unknown> = {}) {
  lastId += 1;
  const name = params.name ?? params.uri;
  return {
    body: { jsonrpc: "2.0", id: lastId, method, params: { ...params, _meta: ENVELOPE } },
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof name === "string" ? { "mcp-name": name } : {}),
    } as Record<string, string>,
  };
}

/**
 * A Prefect that publishes generated events at a steady rate, over the websocket and over REST. It filters events by time only;
 * every other route answers an empty list.
 */
import type { ServerWebSocket } from "bun";
import { parseIsoUs } from "../src/lib/time.ts";
import { SyntheticEvents } from "./synthetic-events.ts";

const TICK_MS = 20;
const PAGE = 50;

interface Published {
  readonly occurredUs: number;
  readonly json: string;
}

export interface FloodServer {
  readonly url: string;
  readonly published: number;
  /** Events per second from now on. */
  flow(perSecond: number): void;
  stop(): void;
}

export function startFloodServer(): FloodServer {
  const events: Published[] = [];
  const sockets = new Set<ServerWebSocket<{ frames: number }>>();
  let source: SyntheticEvents | null = null;
  let perSecond = 0;
  let owed = 0;
  let lastMs = performance.now();
  const publish = () => {
    const nowMs = performance.now();
    owed += (perSecond * (nowMs - lastMs)) / 1000;
    lastMs = nowMs;
    for (; owed >= 1 && source; owed -= 1) {
      const occurredUs = Math.max(Date.now() * 1000 + (events.length % 1000), (events.at(-1)?.occurredUs ?? 0) + 1);
      const occurred = `${new Date(occurredUs / 1000).toISOString().slice(0, 23)}${String(occurredUs % 1000).padStart(3, "0")}Z`;
      const json = JSON.stringify({ ...source.next(), occurred, received: occurred });
      events.push({ occurredUs, json });
      for (const socket of sockets) if (socket.data.frames > 1) socket.send(`{"type":"event","event":${json}}`);
    }
  };
  const timer = setInterval(publish, TICK_MS);
  const server = Bun.serve<{ frames: number }>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request, own) {
      const url = new URL(request.url);
      if (own.upgrade(request, { data: { frames: 0 }, headers: { "Sec-WebSocket-Protocol": "prefect" } }))
        return undefined;
      const body = request.method === "POST" ? await request.text() : "";
      return answer(events, url, body);
    },
    websocket: {
      open: (socket) => void sockets.add(socket),
      close: (socket) => void sockets.delete(socket),
      message(socket) {
        socket.data.frames += 1;
        if (socket.data.frames === 1) socket.send('{"type":"auth_success"}');
      },
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/api`,
    get published() {
      return events.length;
    },
    flow(rate) {
      perSecond = rate;
      source ??= new SyntheticEvents({ fromUs: Date.now() * 1000, spanUs: 3_600_000_000, count: 3600 * 5000 });
    },
    stop() {
      clearInterval(timer);
      void server.stop(true);
    },
  };
}

interface Page {
  readonly sinceUs: number;
  readonly untilUs: number;
  readonly order: string;
  readonly offset: number;
  readonly limit: number;
  readonly count: number | null;
}

function answer(events: readonly Published[], url: URL, body: string): Response {
  const path = url.pathname.replace("/api", "");
  if (path === "/events/filter") {
    const { filter = {}, limit = PAGE } = JSON.parse(body || "{}");
    const { since = "2000-01-01T00:00:00Z", until = new Date().toISOString() } = filter.occurred ?? {};
    const bounds = { sinceUs: parseIsoUs(since) ?? 0, untilUs: parseIsoUs(until) ?? 0 };
    return page(events, url, { ...bounds, order: filter.order ?? "DESC", offset: 0, limit, count: null });
  }
  if (path === "/events/filter/next")
    return page(events, url, JSON.parse(atob(url.searchParams.get("page-token") ?? "")));
  if (path === "/health") return Response.json(true);
  if (path.endsWith("/version")) return Response.json("3.8.8");
  if (path.endsWith("/count")) return Response.json(0);
  if (path === "/admin/settings") return Response.json({ server: { events: { retention_period: "P7D" } } });
  return Response.json([]);
}

function page(events: readonly Published[], url: URL, asked: Page): Response {
  const from = firstAtOrAfter(events, asked.sinceUs);
  const to = firstAtOrAfter(events, asked.untilUs + 1);
  const count = asked.count ?? to - from;
  const { offset, limit } = asked;
  const found =
    asked.order === "ASC"
      ? events.slice(from + offset, Math.min(to, from + offset + limit))
      : events.slice(Math.max(from, to - offset - limit), Math.max(from, to - offset)).reverse();
  const next = offset + limit >= count ? null : btoa(JSON.stringify({ ...asked, count, offset: offset + limit }));
  const link = next === null ? "null" : `"${url.origin}/api/events/filter/next?page-token=${next}"`;
  const text = `{"events":[${found.map((one) => one.json).join(",")}],"total":${count},"next_page":${link}}`;
  return new Response(text, { headers: { "content-type": "application/json" } });
}

function firstAtOrAfter(events: readonly Published[], us: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.occurredUs ?? 0) < us) low = middle + 1;
    else high = middle;
  }
  return low;
}

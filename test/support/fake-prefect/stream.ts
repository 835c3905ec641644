/** The websocket /events/out of the fake server: handshake, backfill, live filter, lost events and close codes as in 3.8.8. */
import type { ServerWebSocket } from "bun";
import { MINUTE_US, parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { filterProblems, labelsMatch, materialise, selectEvents } from "./events.ts";
import type { StreamFaults } from "./faults.ts";
import { asDict, asList, type Dict, isDict } from "./problems.ts";
import type { FakeEvents } from "./workspace.ts";

/** A subscriber's queue holds this many events; a burst fills it before anything is sent, the rest is dropped. */
export const SUBSCRIBER_QUEUE = 256;

export interface SocketData {
  phase: "auth" | "filter" | "live";
  filter: Dict;
  sinceUs: number;
  untilUs: number;
  delivered: number;
}

export type Socket = ServerWebSocket<SocketData>;

export interface StreamServer {
  readonly sockets: Set<Socket>;
  message(socket: Socket, text: string | Buffer): void;
  publish(events: readonly PrefectEvent[]): void;
}

export function newSocketData(subprotocol: boolean): SocketData {
  return { phase: subprotocol ? "auth" : "filter", filter: {}, sinceUs: 0, untilUs: 0, delivered: 0 };
}

export function createStreamServer(given: {
  readonly events: FakeEvents;
  readonly faults: StreamFaults;
  readonly secret: string | null;
  readonly nowUs: () => number;
}): StreamServer {
  const { events, faults, secret, nowUs } = given;
  const sockets = new Set<Socket>();

  function authenticate(socket: Socket, message: Dict): unknown {
    if (message.type !== "auth") return socket.close(1008, "Expected 'auth' message");
    const { token } = message;
    if (secret !== null && (token === null || token === undefined || token === "")) {
      return socket.close(1008, "Auth required but no token provided");
    }
    if (secret !== null && token !== secret) return socket.close(1008, "Invalid token");
    socket.data.phase = "filter";
    return socket.send(JSON.stringify({ type: "auth_success" }));
  }

  function subscribe(socket: Socket, message: Dict): unknown {
    if (message.type !== "filter") return socket.close(1002, "Expected 'filter' message");
    if (!("filter" in message)) return socket.close(1002, "Invalid filter: 'filter'");
    const { filter } = message;
    const refused = !isDict(filter) || filterProblems(filter).length > 0;
    const beyondPlain = faults.plainFilterOnly && Object.keys(asDict(filter)).some((key) => key !== "occurred");
    // The report of a bad filter exceeds a close reason: the server's close fails and the TCP connection ends without a close frame.
    if (refused || beyondPlain) return socket.terminate();
    const now = nowUs();
    const whole = materialise(filter, now);
    const occurred = asDict(whole.occurred);
    const floor = now - 15 * MINUTE_US;
    const since = parseIsoUs(String(occurred.since)) ?? floor;
    Object.assign(socket.data, {
      phase: "live",
      filter: whole,
      sinceUs: Math.max(since, floor),
      untilUs: parseIsoUs(String(occurred.until)) ?? now,
    });
    if (message.backfill === false) return socket;
    const rows = selectEvents(events, { ...whole, order: "ASC" }, { nowUs: now, textSearch: true });
    for (const row of rows) if (row.occurredUs >= socket.data.sinceUs) sendEvent(socket, row.event);
    return socket;
  }

  return {
    sockets,
    message(socket, text) {
      if (faults.mute) return;
      let message: unknown;
      try {
        message = JSON.parse(String(text));
      } catch {
        return socket.terminate();
      }
      if (!isDict(message) || typeof message.type !== "string") return socket.terminate();
      if (socket.data.phase === "auth") authenticate(socket, message);
      else if (socket.data.phase === "filter") subscribe(socket, message);
    },
    publish(published) {
      if (faults.silent) return;
      for (const socket of sockets) {
        if (socket.data.phase !== "live") continue;
        const wanted = published.filter((event) => passesLive(event, socket.data));
        for (const event of wanted.slice(0, SUBSCRIBER_QUEUE)) {
          socket.data.delivered += 1;
          if (faults.loseEvery > 0 && socket.data.delivered % faults.loseEvery === 0) continue;
          sendEvent(socket, event);
        }
      }
    },
  };
}

function sendEvent(socket: Socket, event: PrefectEvent): void {
  socket.send(JSON.stringify({ type: "event", event }));
}

/** Live evaluation differs from SQL: it is case-sensitive and ignores `related`, `distinct` and `order`. */
function passesLive(event: PrefectEvent, { filter, sinceUs, untilUs }: SocketData): boolean {
  const us = parseIsoUs(event.occurred) ?? 0;
  if (us < sinceUs || us > untilUs) return false;
  const { prefix, exclude_prefix, name, exclude_name } = asDict(filter.event);
  const starts = (prefixes: unknown, text: string) => asList(prefixes).some((p) => text.startsWith(String(p)));
  if (asList(prefix).length > 0 && !starts(prefix, event.event)) return false;
  if (starts(exclude_prefix, event.event)) return false;
  if (asList(name).length > 0 && !asList(name).includes(event.event)) return false;
  if (asList(exclude_name).includes(event.event)) return false;
  const ids = asList(asDict(filter.id).id);
  if (ids.length > 0 && !ids.includes(event.id)) return false;
  const fits = (resource: Readonly<Record<string, string>>, wanted: Dict) => {
    const id = resource["prefect.resource.id"] ?? "";
    if (asList(wanted.id).length > 0 && !asList(wanted.id).includes(id)) return false;
    if (asList(wanted.id_prefix).length > 0 && !starts(wanted.id_prefix, id)) return false;
    return labelsMatch(resource, wanted.labels, "s");
  };
  if (filter.resource && !fits(event.resource, asDict(filter.resource))) return false;
  const any = filter.any_resource
    ? Array.isArray(filter.any_resource)
      ? filter.any_resource
      : [filter.any_resource]
    : [];
  return any.every((part) => [event.resource, ...event.related].some((resource) => fits(resource, asDict(part))));
}

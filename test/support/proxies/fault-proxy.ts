import type { Socket } from "bun";

/**
 * A TCP proxy that misbehaves on command. Of HTTP it knows only the status answers that it gives in place of the server.
 */
export type Fault =
  | { readonly kind: "none" }
  /** New connections are closed at once, open ones are reset. */
  | { readonly kind: "reset" }
  /** Open and new connections stay open, but no byte passes in either direction. */
  | { readonly kind: "black-hole" }
  /** Bytes pass after a delay. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** New connections get this status; open ones are not affected. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfterSeconds?: number }
  /** Connections break after this many bytes of answer: pages end in the middle. */
  | { readonly kind: "cut"; readonly afterBytes: number };

interface Pair {
  client: Socket<unknown>;
  upstream: Socket<unknown> | null;
  waiting: Uint8Array[];
  answered: number;
  isSwallowed: boolean;
}

export interface FaultProxy extends Disposable {
  readonly port: number;
  set(fault: Fault): void;
  readonly connections: number;
}

export function startFaultProxy(target: { hostname: string; port: number }): FaultProxy {
  let fault: Fault = { kind: "none" };
  let connections = 0;
  const pairs = new Set<Pair>();

  const end = (pair: Pair) => {
    pairs.delete(pair);
    pair.client.terminate();
    pair.upstream?.terminate();
  };
  const forward = (pair: Pair, to: Socket<unknown> | null, data: Uint8Array) => {
    if (pair.isSwallowed || fault.kind === "black-hole") {
      pair.isSwallowed = true;
      return;
    }
    const copy = data.slice();
    const send = () => {
      if (pairs.has(pair) && !pair.isSwallowed) writeAll(to, copy);
    };
    if (fault.kind === "slow") setTimeout(send, fault.delayMs);
    else send();
  };

  const server = Bun.listen<{ pair: Pair | null }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        connections += 1;
        client.data = { pair: null };
        if (fault.kind === "reset") {
          client.terminate();
          return;
        }
        const pair: Pair = { client, upstream: null, waiting: [], answered: 0, isSwallowed: false };
        client.data.pair = pair;
        pairs.add(pair);
        if (fault.kind === "status") return;
        void connectUpstream(pair);
      },
      data(client, data) {
        const pair = client.data.pair;
        if (!pair) return;
        if (fault.kind === "status" && !pair.upstream) {
          const retry = fault.retryAfterSeconds === undefined ? "" : `Retry-After: ${fault.retryAfterSeconds}\r\n`;
          client.write(`HTTP/1.1 ${fault.status} Fault\r\n${retry}Content-Length: 0\r\nConnection: close\r\n\r\n`);
          client.end();
          return;
        }
        if (pair.upstream) forward(pair, pair.upstream, data);
        else pair.waiting.push(data.slice());
      },
      close(client) {
        if (client.data.pair) end(client.data.pair);
      },
      error() {},
      drain(client) {
        flush(client);
      },
    },
  });

  async function connectUpstream(pair: Pair): Promise<void> {
    try {
      pair.upstream = await Bun.connect({
        ...target,
        socket: {
          data(_socket, data) {
            pair.answered += data.length;
            if (fault.kind === "cut" && pair.answered > fault.afterBytes) {
              writeAll(pair.client, data.slice(0, Math.max(0, data.length - (pair.answered - fault.afterBytes))));
              end(pair);
              return;
            }
            forward(pair, pair.client, data);
          },
          close: () => end(pair),
          error() {},
          drain: flush,
        },
      });
      for (const data of pair.waiting.splice(0)) forward(pair, pair.upstream, data);
    } catch {
      end(pair);
    }
  }

  return {
    port: server.port,
    get connections() {
      return connections;
    },
    set(next) {
      fault = next;
      if (next.kind === "reset") for (const pair of [...pairs]) end(pair);
    },
    [Symbol.dispose]() {
      for (const pair of [...pairs]) end(pair);
      server.stop(true);
    },
  };
}

const backlog = new WeakMap<Socket<unknown>, Uint8Array[]>();

function writeAll(socket: Socket<unknown> | null, data: Uint8Array): void {
  if (!socket || data.length === 0) return;
  const waiting = backlog.get(socket);
  if (waiting && waiting.length > 0) {
    waiting.push(data);
    return;
  }
  const written = socket.write(data);
  if (written >= 0 && written < data.length) backlog.set(socket, [data.subarray(written)]);
}

function flush(socket: Socket<unknown>): void {
  const waiting = backlog.get(socket);
  while (waiting && waiting.length > 0) {
    const [first] = waiting;
    if (!first) return;
    const written = socket.write(first);
    if (written < 0) return;
    if (written < first.length) {
      waiting[0] = first.subarray(written);
      return;
    }
    waiting.shift();
  }
}

/** A TCP proxy that records every request line to Prefect: HTTP requests and websocket upgrades. */
import type { Socket } from "bun";

export interface RecordingProxy extends Disposable {
  /** `http://127.0.0.1:{port}/api`. */
  readonly url: string;
  /** `POST /flow_runs/filter`, below `/api` and without query, oldest first. */
  readonly lines: string[];
}

interface Link {
  readonly upstream: Promise<Socket<Peer>>;
  tail: string;
}
interface Peer {
  readonly client: Socket<Link>;
}

const REQUEST = /(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\S+) HTTP\/1\.1\r\n/g;

/** `target`: the API URL of a Prefect on plain HTTP. */
export function startRecordingProxy(target: string): RecordingProxy {
  const { hostname, port, pathname } = new URL(target);
  const lines: string[] = [];
  const server = Bun.listen<Link>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        const upstream = Bun.connect<Peer>({
          hostname,
          port: Number(port || 80),
          data: { client },
          socket: {
            data: (peer, bytes) => void peer.data.client.write(bytes),
            close: (peer) => void peer.data.client.end(),
            error: (peer) => void peer.data.client.end(),
          },
        });
        upstream.catch(() => client.end());
        client.data = { upstream, tail: "" };
      },
      data(client, bytes) {
        const { upstream } = client.data;
        const copy = Buffer.from(bytes);
        note(client.data, copy);
        void upstream.then((socket) => socket.write(copy)).catch(() => undefined);
      },
      close: (client) => void client.data?.upstream.then((socket) => socket.end()).catch(() => undefined),
      error() {},
    },
  });

  /** A request line may be cut between two packets. */
  function note(link: Link, bytes: Buffer): void {
    const text = link.tail + bytes.toString("latin1");
    let end = 0;
    for (const match of text.matchAll(REQUEST)) {
      const path = (match[2] ?? "").replace(/\?.*$/, "");
      lines.push(`${match[1]} ${path.startsWith(pathname) ? path.slice(pathname.length) : path}`);
      end = match.index + match[0].length;
    }
    link.tail = text.slice(Math.max(end, text.length - 2_000));
  }

  return {
    url: `http://127.0.0.1:${server.port}${pathname}`,
    lines,
    [Symbol.dispose]: () => server.stop(true),
  };
}

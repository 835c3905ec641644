/** A forward proxy: CONNECT tunnels and absolute-form requests, as an HTTP_PROXY sees them. */
import type { Socket } from "bun";

interface Link {
  upstream: Socket<undefined> | null;
  head: string;
}

export interface ForwardProxy extends Disposable {
  readonly url: string;
  /** Request lines, oldest first: `CONNECT 127.0.0.1:4200 HTTP/1.1`. */
  readonly lines: string[];
  /** Heads as received (request line and headers). */
  readonly heads: string[];
}

export function startForwardProxy(): ForwardProxy {
  const lines: string[] = [];
  const heads: string[] = [];

  async function open(client: Socket<Link>, data: Buffer): Promise<void> {
    client.data.head += data.toString("latin1");
    const end = client.data.head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = client.data.head;
    const [line = ""] = head.split("\r\n");
    const [method, target = ""] = line.split(" ");
    lines.push(line);
    heads.push(head.slice(0, end));
    const to = new URL(method === "CONNECT" ? `http://${target}` : target);
    client.data.upstream = await Bun.connect<undefined>({
      hostname: to.hostname,
      port: Number(to.port || 80),
      data: undefined,
      socket: { data: (_, bytes) => void client.write(bytes), close: () => void client.end(), error() {} },
    });
    if (method === "CONNECT") client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    else client.data.upstream.write(Buffer.from(head.replace(to.origin, ""), "latin1"));
  }

  const server = Bun.listen<Link>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        client.data = { upstream: null, head: "" };
      },
      data(client, bytes) {
        if (client.data.upstream) client.data.upstream.write(bytes);
        else void open(client, bytes);
      },
      close: (client) => void client.data?.upstream?.end(),
      error() {},
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, lines, heads, [Symbol.dispose]: () => server.stop(true) };
}

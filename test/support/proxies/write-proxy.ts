/** An HTTP proxy before a Prefect that records every request with its body, and can withhold the answers to changes. */

export interface ProxiedRequest {
  readonly method: string;
  /** Below `/api`, without query. */
  readonly path: string;
  readonly body: unknown;
}

export interface WriteProxy extends Disposable {
  /** `http://127.0.0.1:{port}/api`. */
  readonly url: string;
  readonly requests: readonly ProxiedRequest[];
  /** Requests that are not reads. */
  writes(): ProxiedRequest[];
  /** `withhold`: changes are forwarded, and their answers never arrive. `drop`: changes are not forwarded and get no answer. */
  fault: "none" | "withhold" | "drop";
}

/** What only reads: any GET, and the filters and counts that Prefect takes as POST. */
const READS = new RegExp(
  `^(${[
    String.raw`GET /\S*`,
    String.raw`POST /(v2/)?\w+/(filter|count|paginate|history|lateness|count-by/\w+)`,
    "POST /work_pools/[^/]+/(workers/filter|queues/filter|concurrency_status)",
  ].join("|")})$`,
);

/** `target`: the API URL of a Prefect on plain HTTP. Websockets are refused, so the product polls. */
export function startWriteProxy(target: string): WriteProxy {
  const { origin, pathname } = new URL(target);
  const requests: ProxiedRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const text = request.method === "GET" ? "" : await request.text();
      const path = url.pathname.slice(pathname.length);
      const isRead = READS.test(`${request.method} ${path}`);
      requests.push({ method: request.method, path, body: text === "" ? null : JSON.parse(text) });
      if (!isRead && proxy.fault === "drop") return hang(request.signal);
      const headers = new Headers(request.headers);
      headers.delete("host");
      const answer = await fetch(`${origin}${url.pathname}${url.search}`, {
        method: request.method,
        headers,
        proxy: false,
        // Prefect closes idle connections after 5 s.
        keepalive: false,
        ...(text === "" ? {} : { body: text }),
      });
      const body = await answer.arrayBuffer();
      if (!isRead && proxy.fault === "withhold") return hang(request.signal);
      const shown = new Headers(answer.headers);
      shown.delete("content-encoding");
      shown.delete("content-length");
      return new Response(answer.status === 204 ? null : body, { status: answer.status, headers: shown });
    },
  });
  const proxy: WriteProxy = {
    url: `http://127.0.0.1:${server.port}${pathname}`,
    requests,
    writes: () => requests.filter(({ method, path }) => !READS.test(`${method} ${path}`)),
    fault: "none",
    [Symbol.dispose]: () => void server.stop(true),
  };
  return proxy;
}

function hang(signal: AbortSignal): Promise<Response> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(new Response(null, { status: 499 })), { once: true });
  });
}

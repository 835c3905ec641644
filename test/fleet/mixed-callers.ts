/** Callers of both protocol eras that ask without a pause through any node that is ready, as a balancer does, and count what fails. */
import { modern, post, postModern } from "../mcp/http/http-harness.ts";
import { callNode, type FleetNode } from "./fleet-nodes.ts";

export interface MixedCallersOptions {
  /** The nodes of now. Those that are not ready get no request. */
  nodes(): readonly FleetNode[];
  readonly headers: Readonly<Record<string, string>>;
}

const ACCEPT = { accept: "application/json, text/event-stream" };
const CLIENT = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
const REVISION = { "mcp-protocol-version": "2025-11-25" };
const LISTEN = { notifications: { toolsListChanged: true } };

export interface MixedCounts {
  readonly calls: Record<"plain" | "session" | "modern", number>;
  /** Sessions and streams that began. */
  sessions: number;
  streams: number;
  readonly failed: string[];
}

export class MixedCallers {
  readonly counts: MixedCounts = { calls: { plain: 0, session: 0, modern: 0 }, sessions: 0, streams: 0, failed: [] };
  private readonly options: MixedCallersOptions;
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;
  private turn = 0;

  constructor(options: MixedCallersOptions) {
    this.options = options;
    const callers = [this.plain(), this.inSessions(), this.modern(), this.listen()];
    this.running = Promise.all(callers.map((caller) => caller.catch((error) => this.fail(String(error))))).then(
      () => undefined,
    );
  }

  async stop(): Promise<MixedCounts> {
    this.ending.abort();
    await this.running;
    return this.counts;
  }

  private get isOver(): boolean {
    return this.ending.signal.aborted;
  }

  private fail(what: string): void {
    this.counts.failed.push(what);
  }

  private async entry(): Promise<FleetNode> {
    for (;;) {
      const nodes = this.options.nodes();
      const node = nodes[this.turn++ % nodes.length];
      const ready = node && (await fetch(node.url.replace("/mcp", "/readyz"), { keepalive: false }).catch(() => null));
      if (node && ready?.ok) return node;
      await Bun.sleep(5);
    }
  }

  private async plain(): Promise<void> {
    while (!this.isOver) {
      const node = await this.entry();
      const { status, isError, text } = await callNode(node, "read_events", this.options.headers);
      this.counts.calls.plain += 1;
      if (status !== 200 || isError) this.fail(`plain at ${node.name}: ${status} ${text}`);
    }
  }

  private async modern(): Promise<void> {
    while (!this.isOver) {
      const node = await this.entry();
      const { body, headers } = modern("tools/call", { name: "get_dashboard", arguments: {} });
      const response = await post(node.url, body, { headers: { ...headers, ...this.options.headers } });
      const text = await response.text();
      this.counts.calls.modern += 1;
      const isRight = response.status === 200 && text.includes("structuredContent") && !text.includes('"isError":true');
      if (!isRight) this.fail(`modern at ${node.name}: ${response.status} ${text.slice(0, 300)}`);
    }
  }

  /** A session ends with its node: 404 with a sentence, after which it is begun again, as the protocol says. */
  private async inSessions(): Promise<void> {
    while (!this.isOver) {
      const entry = await this.entry();
      const begun = await this.send(entry, { id: 1, method: "initialize", params: CLIENT }, {});
      await begun.text();
      const id = begun.headers.get("mcp-session-id");
      if (id === null) {
        this.fail(`initialize at ${entry.name}: ${begun.status}`);
        continue;
      }
      this.counts.sessions += 1;
      const inSession = { "mcp-session-id": id, ...REVISION };
      while (!this.isOver) {
        const node = await this.entry();
        const call = { id: 2, method: "tools/call", params: { name: "read_events", arguments: {} } };
        const response = await this.send(node, call, inSession);
        const text = await response.text();
        this.counts.calls.session += 1;
        if (response.status === 404 && text.includes("Start a new one with an initialize request.")) break;
        const isRight =
          response.status === 200 && text.includes("structuredContent") && !text.includes('"isError":true');
        if (!isRight) this.fail(`session at ${node.name}: ${response.status} ${text.slice(0, 300)}`);
      }
    }
  }

  /** A stream ends cleanly when its node leaves, and is opened again at once. */
  private async listen(): Promise<void> {
    while (!this.isOver) {
      const node = await this.entry();
      const { signal } = this.ending;
      try {
        const response = await postModern(node.url, "subscriptions/listen", LISTEN, {
          headers: this.options.headers,
          signal,
        });
        if (response.status === 200) this.counts.streams += 1;
        else this.fail(`listen at ${node.name}: ${response.status}`);
        for await (const _ of response.body ?? []);
      } catch (error) {
        if (!this.isOver) this.fail(`listen at ${node.name}: ${error}`);
      }
    }
  }

  private send(node: FleetNode, body: object, more: object): Promise<Response> {
    return fetch(node.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...ACCEPT, ...this.options.headers, ...more },
      body: JSON.stringify({ jsonrpc: "2.0", ...body }),
    });
  }
}

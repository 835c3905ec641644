/** A connection over stdio that answers what it can itself, or one where the SDK answers everything, to compare what both write. */
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { systemClock } from "../../../src/lib/clock.ts";
import { buildServer } from "../../../src/mcp/server.ts";
import { LineTransport } from "../../../src/mcp/stdio/line-transport.ts";
import { serveOverStdio } from "../../../src/mcp/stdio/stdio.ts";
import { type FakeTenant, fakeTenant } from "../fake-tenant.ts";
import { makePipe } from "./pipe.ts";

export interface Connection {
  readonly tenant: FakeTenant;
  send(line: string): void;
  lines(): readonly string[];
  end(): Promise<void>;
}

/** `tool` is offered beside the tenant's own. */
export function connect(answersItself: boolean, tool: ReturnType<FakeTenant["tools"]>[number]): Connection {
  const tenant = fakeTenant();
  tenant.setTools([...tenant.tools(), tool]);
  const stdin = makePipe();
  let text = "";
  const streams = {
    input: stdin.readable,
    write: async (more: string) => {
      text += more;
    },
  };
  const options = { clock: systemClock, signal: new AbortController().signal, streams };
  const serve = async () => {
    const transport = new LineTransport(streams, options);
    const handle = serveStdio(() => buildServer(tenant), { transport });
    await transport.ended;
    await handle.close();
  };
  const served = answersItself ? serveOverStdio(tenant, options) : serve();
  return {
    tenant,
    send: (line) => void stdin.write(`${line}\n`).catch(() => undefined),
    lines: () => text.split("\n").slice(0, -1),
    end: async () => {
      await stdin.end();
      await served;
    },
  };
}

import type { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { buildServer } from "../server.ts";
import type { Tenant } from "../tenant.ts";
import type { LineTransport } from "./line-transport.ts";
import { trackListenRequests } from "./listen-requests.ts";

/** Connects the SDK to the transport: it then gets the messages. */
export function connectSdk(tenant: Tenant, transport: LineTransport, onerror: (error: Error) => void) {
  let server: McpServer | null = null;
  const listening = trackListenRequests(tenant, (uri) => server?.server.sendResourceUpdated({ uri }));
  const handle = serveStdio(
    () => {
      server = buildServer(tenant);
      return server;
    },
    { transport, onerror },
  );
  return {
    incoming: listening.incoming,
    outgoing: listening.outgoing,
    async close() {
      listening.end();
      await handle.close();
    },
  };
}

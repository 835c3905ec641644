/** Two servers with the same tools: one that answers plain calls itself, and one where the SDK answers all. */
import { buildServer } from "../../../src/mcp/server.ts";
import { type FakeTenant, fakeTenant } from "../fake-tenant.ts";
import { changeTool, markedTool } from "../random-calls.ts";
import { type Harness, startHttp } from "./http-harness.ts";

export interface Pair extends AsyncDisposable {
  readonly own: Harness;
  readonly sdk: Harness;
  readonly tenants: readonly FakeTenant[];
}

export function startPair(): Pair {
  const tenants: FakeTenant[] = [];
  const openOwn = () => {
    const tenant = fakeTenant();
    tenant.setTools([...tenant.tools(), markedTool, changeTool]);
    tenants.push(tenant);
    return Object.assign(tenant, { follow() {}, async [Symbol.asyncDispose]() {} });
  };
  const http = { requestsPerSecond: 1_000_000, maxConcurrent: 10_000, allowedOrigins: ["https://app.example"] };
  // In this order, so that the first tenant is that of the first server.
  const own = startHttp({ openOwn, http });
  const sdk = startHttp({ openOwn, http, build: buildServer });
  return {
    own,
    sdk,
    tenants,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await sdk[Symbol.asyncDispose]();
    },
  };
}

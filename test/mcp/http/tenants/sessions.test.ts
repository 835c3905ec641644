/** Sessions of 2025-era clients: what they hold in memory, and which are ended beyond the limit. */
import { expect, test } from "bun:test";
import { HttpSessions } from "../../../../src/mcp/http/tenants/sessions.ts";
import { buildServer } from "../../../../src/mcp/server.ts";
import { fakeTenant } from "../../fake-tenant.ts";

const initialize = (name: string) => ({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name, version: "1" } },
});

function setUp(maxSessions: number) {
  const build = () => buildServer(fakeTenant());
  const sessions = new HttpSessions({ idPrefix: "", build, maxSessions, idleMs: 60_000, maxBodyBytes: 4_000_000 });
  const send = (body: unknown, session?: string) =>
    new Request("http://127.0.0.1/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(session ? { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" } : {}),
      },
      body: JSON.stringify(body),
    });
  const open = async (callerId: string, body: unknown = initialize("t")) => {
    const response = await sessions.open(send(body), body, callerId, 0);
    await response.text();
    return { status: response.status, id: response.headers.get("mcp-session-id") ?? "" };
  };
  const isThere = async (callerId: string, id: string) => {
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
    const response = await sessions.serve(id, send(ping, id), ping, callerId, 0);
    await response?.text();
    return response !== null;
  };
  return { sessions, open, isThere };
}

test("an initialize request beyond a size is refused, also in a batch", async () => {
  const { sessions, open } = setUp(10);
  const long = initialize("x".repeat(20_000));
  expect([(await open("a", long)).status, (await open("a", [long])).status]).toEqual([413, 413]);
  expect(sessions.size).toBe(0);
  expect((await open("a", initialize("x".repeat(10_000)))).status).toBe(200);
  expect(sessions.size).toBe(1);
  await sessions.close();
});

test("a caller with more than its share of the sessions ends its own, not another's", async () => {
  const { sessions, open, isThere } = setUp(8);
  const { id } = await open("alice");
  const first = await open("mallory");
  for (let n = 0; n < 20; n += 1) await open("mallory");
  expect(sessions.size).toBe(8);
  expect([await isThere("alice", id), await isThere("mallory", first.id)]).toEqual([true, false]);
  await sessions.close();
});

test("beyond the limit the least recently used session is ended", async () => {
  const { sessions, open, isThere } = setUp(4);
  const opened = [];
  for (const caller of ["a", "b", "c", "d", "e"]) opened.push({ caller, ...(await open(caller)) });
  const there = await Promise.all(opened.map(({ caller, id }) => isThere(caller, id)));
  expect(there).toEqual([false, true, true, true, true]);
  await sessions.close();
});

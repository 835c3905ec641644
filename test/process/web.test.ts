import { afterAll, expect, test } from "bun:test";
import { aFlow, anId } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { readLines } from "../support/process/read-lines.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type Form, makePlace } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();
prefect.workspace.flows.push(aFlow({ id: anId(1), name: "sales" }));

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

const FORMS: readonly Form[] = ["source", "bundle", "compiled"];

test.each(FORMS)("web from %s serves the page, and data and no changes to the holder of its token", async (form) => {
  const env = place.env({ PREFECT_API_URL: prefect.url, PREFECT_MCP_WRITES: "all" });
  const child = Bun.spawn([...(await place.command(form)), "web", "--no-open"], {
    cwd: place.dir,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines: string[] = [];
  const reading = readLines(child.stdout, (line) => void lines.push(line));
  await waitUntil(
    "the address",
    () => lines.length,
    (count) => count > 0,
  );
  const address = new URL(lines[0] ?? "");
  expect(address.hostname).toBe("127.0.0.1");
  const token = new URLSearchParams(address.hash.slice(1)).get("token") ?? "";
  expect(Buffer.from(token, "base64url")).toHaveLength(32);

  const page = await fetch(address);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await page.text();
  expect(html).toContain("connect-src 'self'");
  expect(html).not.toContain(token);
  const fromElsewhere = await fetch(address, { headers: { host: "prefect.example" } });
  expect(fromElsewhere.status).toBe(403);
  expect((await fetch(address, { method: "POST" })).status).toBe(405);

  const ask = (method: string, params: object, headers: Record<string, string>) =>
    fetch(new URL("/mcp", address), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        ...("name" in params ? { "mcp-name": String(params.name) } : {}),
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method,
        params: {
          ...params,
          _meta: {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
          },
        },
      }),
    });
  const flows = { name: "get_flows", arguments: {} };
  expect((await ask("tools/call", flows, {})).status).toBe(401);
  const bearer = { authorization: `Bearer ${token}` };
  const answer = await ask("tools/call", flows, bearer);
  expect(await answer.text()).toContain('"sales"');
  const listed = await (await ask("tools/list", {}, bearer)).text();
  expect(listed).toContain('"get_dashboard"');
  expect(listed).not.toContain('"change_flow_run"');

  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
  await reading;
});

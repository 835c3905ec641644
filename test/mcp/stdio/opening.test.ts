/** The same random openings to a connection that answers them itself and to one where the SDK answers everything: both write the same bytes. */
import { expect, test } from "bun:test";
import { Opening } from "../../../src/mcp/stdio/opening.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { fakeTenant } from "../fake-tenant.ts";
import { changeTool, randomNumbers } from "../random-calls.ts";
import { connect } from "./connection.ts";

const APPS = { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } };
const REVISION = "io.modelcontextprotocol/protocolVersion";
const INFO = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

const INFOS: readonly unknown[] = [
  { name: "test", version: "1" },
  { name: "test", version: "1" },
  { name: "Test é", version: "2", title: "A test" },
  { name: "test", version: "1", websiteUrl: "https://example.com", icons: [{ src: "https://example.com/a.png" }] },
  { name: "test", version: "1", description: "Tests.", websiteUrl: "https://example.com/é" },
  { name: "test", version: "1", websiteUrl: "no address", description: "" },
  { name: "test", version: "1", websiteUrl: 5 },
  { name: "test" },
  { name: 5, version: "1" },
  null,
  "test",
];
const DECLARED: readonly unknown[] = [
  {},
  {},
  { roots: { listChanged: true } },
  { roots: {}, sampling: {}, elicitation: {} },
  { elicitation: { form: {}, url: {} } },
  { extensions: APPS },
  { extensions: { ...APPS, other: {} }, roots: {} },
  { extensions: { other: 5 } },
  { roots: { listChanged: "yes" } },
  { sampling: { tools: {}, context: {} } },
  { elicitation: { form: 1 } },
  { experimental: { any: { thing: 1 } } },
  { tasks: {} },
  { unknown: 5 },
  [],
  null,
  undefined,
];
const LEGACY = ["2025-11-25", "2025-11-25", "2025-06-18", "2024-11-05", "2024-10-07", "2026-07-28", "1999-01-01", 5];
const MODERN = ["2026-07-28", "2026-07-28", "2026-07-28", "2025-11-25", "2030-01-01", 5];
const MORE_METHODS = [
  "resources/list",
  "prompts/list",
  "nothing",
  "tools/list",
  "ping",
  "server/discover",
  "skills/list",
];
const CALLS = [
  { name: "echo", arguments: { text: "x" } },
  { name: "echo", arguments: { text: "x" }, task: {} },
  { name: "count_up", arguments: {} },
  { name: "change", arguments: {} },
  { name: "unknown", arguments: {} },
  { name: "crash" },
];

/** One opening of a client that mostly behaves. Requests have ids of their own. */
function randomOpening(seed: number): string[] {
  const random = randomNumbers(seed);
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  // The first value is the usual one of real clients.
  const often = <T>(all: readonly T[]): T => (random() < 0.6 ? (all[0] as T) : one(all));
  const envelope = { [REVISION]: often(MODERN), [INFO]: often(INFOS), [CAPABILITIES]: often(DECLARED) };
  const other = { ...envelope, [INFO]: { name: "other", version: "1" } };
  const isModern = random() < 0.5;
  const lines: object[] = [];
  const send = (method: string, params?: object) => {
    const id = random() < 0.8 ? lines.length + 1 : `id-${lines.length}`;
    const isOdd = random() < 0.03;
    lines.push({ jsonrpc: "2.0", id, method, ...(params ? { params } : {}), ...(isOdd ? { other: 1 } : {}) });
  };
  const claim = () => ({ _meta: random() < 0.9 ? envelope : { ...other, progressToken: 1 } });
  const initialize = () =>
    send("initialize", {
      protocolVersion: often(LEGACY),
      capabilities: often(DECLARED),
      clientInfo: often(INFOS),
      ...(random() < 0.05 ? { _meta: {} } : {}),
    });
  if (isModern && random() < 0.7) send("server/discover", claim());
  if (!isModern || random() < 0.1) {
    initialize();
    if (random() < 0.9) lines.push({ jsonrpc: "2.0", method: "notifications/initialized" });
  }
  for (let count = Math.floor(random() * 6); count > 0; count -= 1) {
    const kind = random();
    const meta = isModern ? claim() : random() < 0.2 ? { _meta: {} } : {};
    if (kind < 0.3) send("tools/list", random() < 0.5 && !isModern ? undefined : meta);
    else if (kind < 0.7) send("tools/call", { ...one(CALLS), ...meta });
    else if (kind < 0.75) initialize();
    else if (kind < 0.8)
      lines.push({ jsonrpc: "2.0", method: one(["notifications/initialized", "notifications/other"]) });
    else if (kind < 0.82) lines.push([] as object);
    else if (kind < 0.84) send("tools/list", { cursor: "x", ...meta });
    else send(one(MORE_METHODS), isModern || random() < 0.3 ? meta : undefined);
  }
  // Requests of either form, so that each session is known to have ended.
  send("ping");
  return lines.map((line) => JSON.stringify(line));
}

async function play(lines: readonly string[], answersItself: boolean): Promise<readonly string[]> {
  const connection = connect(answersItself, changeTool);
  for (const line of lines) connection.send(line);
  const { id } = JSON.parse(lines.at(-1) ?? "{}") as { id: number };
  const written = () => connection.lines();
  await waitUntil("the last answer", () => written().some((line) => line.includes(`"id":${JSON.stringify(id)}`)));
  connection.tenant.setTools(connection.tenant.tools().slice(1));
  await connection.end();
  return written().map((line) => line.replace(/under reference [0-9a-f]{8}/g, "under reference 0"));
}

test("hundreds of random openings get the same bytes as from the SDK", async () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const lines = randomOpening(seed);
    const [own, sdk] = [await play(lines, true), await play(lines, false)];
    expect({ seed, lines, answers: own.toSorted() }).toEqual({ seed, lines, answers: sdk.toSorted() });
  }
});

test("the usual opening of both eras is answered without the SDK", () => {
  const envelope = { [REVISION]: "2026-07-28", [INFO]: INFOS[0], [CAPABILITIES]: {} };
  const initialize = { protocolVersion: "2025-11-25", capabilities: { roots: {} }, clientInfo: INFOS[0] };
  const sessions: readonly (readonly object[])[] = [
    [
      { id: 1, method: "initialize", params: initialize },
      { method: "notifications/initialized" },
      { id: 2, method: "tools/list" },
      { id: 3, method: "ping" },
      { id: 4, method: "tools/call", params: { name: "echo", arguments: { text: "x" } } },
    ],
    [
      { id: 1, method: "server/discover", params: { _meta: envelope } },
      { id: 2, method: "tools/list", params: { _meta: envelope } },
      { id: 3, method: "tools/call", params: { name: "echo", arguments: { text: "x" }, _meta: envelope } },
    ],
    [{ id: 1, method: "tools/call", params: { name: "echo", arguments: { text: "x" }, _meta: envelope } }],
    [{ id: 1, method: "initialize", params: { ...initialize, clientInfo: INFOS[4] } }],
  ];
  for (const messages of sessions) {
    const opening = new Opening(fakeTenant(), { write: async () => {}, settled: () => {} });
    expect(messages.map((message) => opening.take({ jsonrpc: "2.0", ...message }))).toEqual(messages.map(() => true));
    opening.close();
  }
});

test("a change of the tools is notified before the SDK is loaded, and not after the connection has ended", async () => {
  const tenant = fakeTenant();
  const written: string[] = [];
  const opening = new Opening(tenant, { write: async (text) => void written.push(text), settled: () => {} });
  tenant.setTools([]);
  expect(written).toEqual([]);
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: INFOS[0] };
  opening.take({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  tenant.setTools([]);
  expect(written.slice(1)).toEqual([
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}\n',
  ]);
  opening.close();
  tenant.setTools([]);
  expect(written).toHaveLength(2);
});

import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { DAY_US, formatIsoUs, HOUR_US } from "../../src/lib/time.ts";
import { tenantFolder } from "../../src/store/file/tenant-folders.ts";
import { aDeployment, aFlow, anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { makePlace, run } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();
const nowUs = Math.floor(systemClock.nowUs());
const ago = (us: number) => formatIsoUs(nowUs - us);
const eventAgo = (us: number) => anEvent({ event: "shop.order", occurred: ago(us), received: ago(us) });
const recent = [1, 2, 3].map((hours) => eventAgo(hours * HOUR_US));
const old = [2, 3, 4, 5].map((days) => eventAgo(days * DAY_US));
prefect.emit([...recent, ...old]);
prefect.workspace.flows.push(aFlow());
prefect.workspace.deployments.push(aDeployment());

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

const env = () => place.env({ PREFECT_API_URL: prefect.url });
const cli = async (...args: string[]) =>
  run([...(await place.command("source")), ...args], { cwd: place.dir, env: env() });
const cliJson = async (...args: string[]) =>
  JSON.parse((await cli(...args, "--json")).stdout) as Record<string, unknown>;
const files = () => readdirSync(place.dataDir);

test("status of an empty record says that nothing is recorded", async () => {
  const { code, stdout } = await cli("status");
  expect([code, stdout.split("\n")[0]]).toEqual([0, `Nothing is recorded of ${prefect.url} yet.`]);
  expect(await cliJson("status")).toMatchObject({
    instance: prefect.url,
    bytes: 0,
    events: 0,
    gaps: [],
    lag_ms: null,
    syncing: "none",
  });
});

test("an audit of an empty record says that it had nothing to compare, and from when on it counts", async () => {
  const data = join(place.dir, "audited");
  const first = JSON.parse((await cli("audit", "--data-dir", data, "--json")).stdout) as Record<string, unknown>;
  const sentence = (from: unknown) =>
    `Nothing was recorded before this audit, so there was nothing to compare: the record counts from ${from} on. \`sync --since 7d\` fetches what was before.`;
  expect(first).toMatchObject({ unexplained: 0, note: sentence(first.from) });
  const again = await cli("audit", "--data-dir", data, "--json");
  expect([again.code, JSON.parse(again.stdout).note]).toEqual([0, null]);
  rmSync(data, { recursive: true });
  const text = await cli("audit", "--data-dir", data);
  expect([text.code, text.stdout.trimEnd().split("\n").at(-1)]).toEqual([
    0,
    expect.stringMatching(/^Nothing was recorded before this audit, .* counts from 20\S+Z on\./),
  ]);
  rmSync(data, { recursive: true });
});

test("a wrong command line ends with exit code 2 and names what is valid", async () => {
  const wrong: [string[], string][] = [
    [["sync", "--since", "banana"], "--since banana is neither a time nor a span."],
    [["audit", "--since", "2999-01-01"], "--since 2999-01-01 is in the future."],
    [["forget", "--before", "banana", "--yes"], "--before banana is neither a time nor a span."],
    [["serve", "--http", "--port", "99999"], "--port 99999 must be a whole number from 0 to 65535."],
    [["tools", "--tools", "foo"], "--tools foo must be one of core, default, all."],
    [["serve", "--port", "42999"], "--port needs --http"],
  ];
  for (const [args, sentence] of wrong) {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(sentence);
  }
  expect((await cli("--help")).stdout).toContain("Which tools are offered: core, default or all.");
});

test("every command reports a data folder that is a file", async () => {
  const file = join(place.dir, "a-file");
  writeFileSync(file, "");
  const sentence = `${file} is a file, so the data folder ${file} cannot be created.\nRemove that file, or name another folder in PREFECT_MCP_DATA_DIR.\n`;
  for (const args of [["status"], ["status", "--json"], ["sync", "--once"], ["audit"], ["forget", "--yes"]]) {
    const { code, stdout, stderr } = await cli(...args, "--data-dir", file);
    expect([code, stdout, stderr]).toEqual([1, "", `prefect-mcp-bun ${args[0]}: ${sentence}`]);
  }
  const answered = await cli("call", "get_flows", "--data-dir", file);
  expect([answered.code, answered.stdout.startsWith("1 flow ")]).toEqual([0, true]);
  const [unread = "", unsaved] = answered.stderr.split(/(?<=DATA_DIR\.\n)/);
  expect(unread).toMatch(
    /^warning: the record cannot be read: .*\.sqlite cannot be opened\. Check that the folder exists/,
  );
  expect(unsaved).toBe(`warning: the answer is not recorded. ${sentence.replace("\n", " ")}`);
});

test("a denied tool is not called, and the docs tools ask another host only where the settings offer them", async () => {
  const asked: string[] = [];
  using docs = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked.push(request.method);
      return new Response(null, { status: 503 });
    },
  });
  const ask = async (tool: string, settings: Record<string, string>) =>
    run([...(await place.command("source")), "call", tool, "--args", '{"query": "retries"}'], {
      cwd: place.dir,
      env: { ...env(), PREFECT_MCP_DOCS_URL: docs.url.href, ...settings },
    });
  const denied = await ask("search", { PREFECT_MCP_TOOLS_DENY: "search, get_flows" });
  expect([denied.code, denied.stdout, denied.stderr]).toEqual([
    1,
    "",
    'prefect-mcp-bun call: The tool "search" is denied by PREFECT_MCP_TOOLS_DENY (environment PREFECT_MCP_TOOLS_DENY).\nRemove it from that list to call it.\n',
  ]);
  for (const settings of [{}, { PREFECT_MCP_DOCS: "off" }, { PREFECT_MCP_DOCS: "false", PREFECT_MCP_TOOLS: "core" }]) {
    const { code, stdout, stderr } = await ask("docs_search_prefect", settings);
    expect([code, stderr]).toEqual([
      0,
      `Nothing is sent to ${docs.url.host}: PREFECT_MCP_DOCS is off. With PREFECT_MCP_DOCS=on docs_search_prefect asks there.\n`,
    ]);
    expect(stdout).toContain("Answered from the shipped list of pages");
  }
  const artifacts = await cli("call", "get_artifacts");
  expect([artifacts.code, artifacts.stderr]).toEqual([0, ""]);
  expect(asked).toEqual([]);
  for (const settings of [{ PREFECT_MCP_DOCS: "on" }, { PREFECT_MCP_TOOLS: "all" }]) {
    asked.length = 0;
    const { code, stderr } = await ask("docs_search_prefect", settings);
    expect([code, stderr, asked.length > 0]).toEqual([0, "", true]);
  }
});

test("sync fills the record and prints plain lines; status shows what it holds", async () => {
  const { code, stdout } = await cli("sync", "--once", "--since", "84h");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^100 % done: 5 events, \d+ pages, \d+ requests/m);
  expect(stdout).not.toContain("\r");
  const status = await cliJson("status");
  expect(status).toMatchObject({ events: 5, gaps: [], syncing: "none", last_error: null });
  expect(Number.isInteger(status.lag_ms)).toBe(true);
  // No process syncs, so there were no requests in the last minute.
  expect([Number(status.requests) > 0, status.requests_last_minute]).toEqual([true, 0]);
  expect((await cli("status")).stdout).toMatch(/^Requests +\d+, of the last sync$/m);
  const [covered] = (status.coverage as { event: { from: string; to: string }[] }).event;
  expect(Date.parse(covered?.from ?? "")).toBeLessThanOrEqual((nowUs - 3 * DAY_US) / 1000);
  const [name = ""] = files().filter((file) => file.endsWith(".sqlite"));
  expect(status.file).toBe(join(place.dataDir, name));
  expect(statSync(place.dataDir).mode & 0o777).toBe(0o700);
  expect(files().filter((file) => (statSync(join(place.dataDir, file)).mode & 0o077) !== 0)).toEqual([]);
});

test("a second sync does not fetch the same events again", async () => {
  prefect.takeRequests();
  await cli("sync", "--once", "--since", "84h");
  const again = prefect.takeRequests().filter((request) => request.includes("/events/filter"));
  expect(again.length).toBeLessThan(6);
});

test("call prints text, or JSON with --json, and ends with exit code 1 on an error", async () => {
  const asked = ["call", "read_events", "--args", '{"event_type_prefix": "shop.", "limit": 2}'];
  const text = await cli(...asked);
  expect(text.code).toBe(0);
  expect(text.stdout).toContain(recent[0]?.id ?? "none");
  const answer = await cliJson(...asked);
  expect((answer.events as { id: string }[]).map((event) => event.id)).toEqual(
    recent.slice(0, 2).map((event) => event.id),
  );
  expect(answer.source).toBe("record");

  const wrong = await cli("call", "read_events", "--args", '{"prefix_of_event": "x"}', "--json");
  expect([wrong.code, JSON.parse(wrong.stdout).code]).toEqual([1, "invalid_input"]);
  const broken = await cli("call", "read_events", "--args", "{limit: 2}");
  expect([broken.code, broken.stdout.includes("not valid JSON")]).toEqual([1, true]);
  const unknown = await cli("call", "read_event");
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringContaining('There is no tool "read_event"; did you mean "read_events"?'),
  ]);
});

test("a live answer given to `call` is recorded", async () => {
  const args = JSON.stringify({ occurred_after: ago(6 * DAY_US), occurred_before: ago(3.75 * DAY_US) });
  const live = await cliJson("call", "read_events", "--args", args);
  expect([live.source, (live.events as { id: string }[]).map(({ id }) => id)]).toEqual([
    "live",
    old.slice(2).map(({ id }) => id),
  ]);
  expect((await cliJson("status")).events).toBe(7);
});

test("tools lists all tools; an unknown command is refused", async () => {
  const tools = await cliJson("tools");
  expect(
    (tools.tools as { name: string; offered: boolean }[]).find(({ name }) => name === "read_events")?.offered,
  ).toBe(true);
  const { stdout } = await cli("tools");
  const notOffered = stdout.split("\n").flatMap((line) => {
    const [name = "", reason] = line.split(/ .*not offered: /);
    return reason === undefined ? [] : [[name, reason]];
  });
  expect(notOffered).toEqual([
    ["review_rate_limits", "for Prefect Cloud only"],
    ["get_artifacts", "needs --tools all or its name in PREFECT_MCP_TOOLS_ALLOW"],
    ["get_lineage", "needs --tools all or its name in PREFECT_MCP_TOOLS_ALLOW"],
    ["docs_search_prefect", "needs PREFECT_MCP_DOCS=on or --tools all"],
    ["docs_get_release_notes", "needs PREFECT_MCP_DOCS=on or --tools all"],
    ...[
      "run_deployment",
      "change_flow_run",
      "change_schedule",
      "change_work_pool",
      "change_concurrency_limit",
      "change_automation",
    ].map((name) => [name, `needs PREFECT_MCP_WRITES=${name}`]),
  ]);
  const typo = await cli("stauts");
  expect([typo.code, typo.stdout]).toEqual([2, ""]);
  expect(typo.stderr).toContain('did you mean "status"?');
});

test("doctor and tools warn of a preset that does not exist", async () => {
  const ask = async (command: string) =>
    run([...(await place.command("source")), command], {
      cwd: place.dir,
      env: { ...env(), PREFECT_MCP_TOOLS: "everything" },
    });
  const sentence = 'PREFECT_MCP_TOOLS names no preset "everything"; presets: core, default, all.';
  const fix = "Correct PREFECT_MCP_TOOLS; until then its default applies.";
  expect((await ask("tools")).stderr).toBe(`warning: ${sentence} ${fix}\n`);
  expect((await ask("doctor")).stdout).toContain(`  WARN  ${sentence}\n        -> ${fix}\n`);
});

test("sync without --once keeps the record up to date, and ends on SIGINT with 130", async () => {
  const command = [...(await place.command("source")), "sync"];
  const child = Bun.spawn(command, { cwd: place.dir, env: env(), stdio: ["ignore", "pipe", "ignore"] });
  const printed = new Response(child.stdout).text();
  try {
    await waitUntil("it syncs", async () => (await cliJson("status")).syncing === "other");
    prefect.emit(eventAgo(0));
    await waitUntil("the new event is recorded", async () => (await cliJson("status")).events === 8);
  } finally {
    child.kill("SIGINT");
  }
  expect(await child.exited).toBe(130);
  expect(await printed).toContain("The record is caught up; following Prefect until interrupted.");
});

test("status and forget include the records of HTTP callers of the same Prefect", async () => {
  const [name = ""] = files().filter((file) => file.endsWith(".sqlite"));
  const folders = ["one", "two"].map((key) => tenantFolder(place.dataDir, [prefect.url, "key", key]));
  for (const folder of folders) {
    mkdirSync(folder);
    copyFileSync(join(place.dataDir, name), join(folder, name));
  }
  const other = join(tenantFolder(place.dataDir, ["elsewhere"]), "elsewhere.sqlite");
  mkdirSync(dirname(other));
  writeFileSync(other, "not this instance");
  const bytes = statSync(join(place.dataDir, name)).size;
  expect((await cliJson("status")).records_of_callers).toEqual({ count: 2, bytes: 2 * bytes });
  expect((await cli("status")).stdout).toContain("Of HTTP callers  2 records");
  expect((await cliJson("forget", "--before", "4.5d", "--yes")).removed_events).toBe(3);
  expect((await cliJson("forget", "--yes")).removed_events).toBe(21);
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
  expect(existsSync(other)).toBe(true);
  rmSync(join(place.dataDir, "tenants"), { recursive: true });
  await cli("sync", "--once", "--since", "6d");
});

test("a damaged record is reported, counted after it was moved aside, and deleted by forget", async () => {
  const [name = ""] = files().filter((file) => file.endsWith(".sqlite"));
  const file = join(place.dataDir, name);
  const damage = (path: string) => {
    const handle = openSync(path, "r+");
    writeSync(handle, "this is no database any more", 0);
    closeSync(handle);
  };
  const folder = tenantFolder(place.dataDir, [prefect.url, "key", "three"]);
  mkdirSync(folder);
  const callers = join(folder, `${name}.corrupt-20260101T000000Z`);
  copyFileSync(file, callers);
  damage(file);
  for (const args of [["status"], ["status", "--json"]]) {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout, stderr]).toEqual([
      1,
      "",
      `prefect-mcp-bun status: ${file} is damaged.\nThe next sync moves it aside and builds a new one.\n`,
    ]);
  }
  const { findings } = await cliJson("doctor");
  expect(findings as unknown[]).toContainEqual({
    level: "fix",
    area: "record",
    what: `${file} is damaged.`,
    fix: "The next sync moves it aside and builds a new one.",
  });
  await cli("sync", "--once", "--since", "6d");
  const aside = files().filter((one) => one.includes(".corrupt-"));
  expect(aside.length).toBeGreaterThan(0);
  const asideBytes = [...aside.map((one) => join(place.dataDir, one)), callers].reduce(
    (n, path) => n + statSync(path).size,
    0,
  );
  expect(await cliJson("status")).toMatchObject({ damaged_bytes: asideBytes, records_of_callers: { count: 1 } });
  expect((await cli("status")).stdout).toMatch(
    /^Damaged +\d+\.\d MB moved aside; `prefect-mcp-bun forget` removes them$/m,
  );
  const before = await cli("forget", "--before", "30d", "--yes");
  expect([before.code, before.stderr]).toEqual([
    0,
    expect.stringContaining("Damaged files cannot be read and are kept"),
  ]);
  const { bytes } = await cliJson("status");
  expect((await cliJson("forget", "--yes")).freed_bytes).toBe(Number(bytes) + asideBytes);
  expect(files()).toEqual(["tenants"]);
  expect(existsSync(folder)).toBe(false);
  rmSync(join(place.dataDir, "tenants"), { recursive: true });
  await cli("sync", "--once", "--since", "6d");
});

test("forget deletes what is older, or everything, and only with --yes", async () => {
  const asked = await cli("forget");
  expect([asked.code, asked.stderr.includes("--yes")]).toEqual([1, true]);
  const before = await cliJson("forget", "--before", "1d", "--yes");
  expect(before.removed_events).toBe(4);
  expect((await cliJson("status")).events).toBe(4);
  const all = await cliJson("forget", "--yes");
  expect(all).toMatchObject({ instance: prefect.url, removed_events: 4 });
  expect(Number(all.freed_bytes)).toBeGreaterThan(0);
  expect(files()).toEqual([]);
  expect((await cli("forget", "--yes", "--instance", "http://elsewhere:4200/api")).stdout).toStartWith(
    "Nothing is recorded of",
  );
});

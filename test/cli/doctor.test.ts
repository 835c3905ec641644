import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toConnection } from "../../src/app/connection.ts";
import { checkSetup, type DoctorReport, exitCodeOf } from "../../src/cli/doctor/checks.ts";
import type { DoctorFinding } from "../../src/cli/doctor/finding.ts";
import { doctorJson, doctorLines } from "../../src/cli/doctor/text.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import type { ResolvedSettings } from "../../src/config/settings.ts";
import { AppError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { type Sentence, sentence } from "../../src/lib/shown-text.ts";
import type { PrefectApi } from "../../src/prefect/api.ts";
import { createPrefectClient } from "../../src/prefect/client.ts";
import { OTHER_SERVER_NOTE } from "../../src/queries/source/other-server.ts";
import type { RecordStatus } from "../../src/queries/workspace/record-status.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";

let root: string;
let dataDir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "doctor-"));
  dataDir = join(root, "data");
  mkdirSync(dataDir, { mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const NOTHING_HELD = { file: null } as RecordStatus;

function settingsOf(env: Record<string, string>): ResolvedSettings {
  // A small cap, so that the disk of the machine that runs this does not matter.
  const own = { PREFECT_MCP_DATA_DIR: dataDir, PREFECT_MCP_RETENTION_BYTES: "1MB" };
  return loadSettings({ flags: {}, env: { ...own, ...env }, cwd: root, home: root, platform: process.platform });
}

async function examine(
  env: Record<string, string>,
  more: {
    api?: PrefectApi;
    recordFile?: string;
    readRecord?: () => RecordStatus;
    isOther?: boolean;
    serverNote?: Sentence;
  } = {},
): Promise<DoctorReport> {
  const resolved = settingsOf(env);
  const { apiUrl } = resolved.settings;
  const deps = { clock: systemClock, logger: silentLogger };
  const client = apiUrl === null ? null : createPrefectClient(toConnection(resolved.settings, "0.0.0"), deps);
  const report = await checkSetup({
    resolved,
    clock: systemClock,
    signal: new AbortController().signal,
    api: more.api ?? client,
    recordFile: apiUrl === null ? null : (more.recordFile ?? join(dataDir, "none.sqlite")),
    readRecord: more.readRecord ?? (() => NOTHING_HELD),
    isOtherServer: async () => more.isOther === true,
    serverNote: () => more.serverNote ?? null,
  });
  client?.close();
  return report;
}

/** `level area: what`, with measured figures blanked. */
const textOf = ({ findings }: DoctorReport, area?: DoctorFinding["area"]): string[] =>
  findings
    .filter((finding) => area === undefined || finding.area === area)
    .map(
      ({ level, area, what }) => `${level} ${area}: ${what.replace(/\d+ ms/g, "N ms").replace(/[\d.]+ GB/g, "N GB")}`,
    );

describe("a setup in order", () => {
  test("has only ok findings and exit code 0, and Prefect is only read", async () => {
    await using prefect = await startFakePrefect({ authString: "ada:lovelace" });
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_API_AUTH_STRING: "ada:lovelace" });
    expect(textOf(report)).toEqual([
      `ok settings: The API URL is ${prefect.url} (environment PREFECT_API_URL).`,
      `ok api: Prefect answers at ${prefect.url} (N ms).`,
      "ok api: It is Prefect 3.8.8.",
      "ok api: Reading is allowed with the auth string.",
      "ok websocket: The websocket opens (N ms).",
      "ok clock: The clocks of Prefect and of this machine agree (within 2 s).",
      `ok files: The data folder is ${dataDir}.`,
      "ok files: N GB are free there.",
      "ok record: Nothing is recorded yet; a client that runs `serve`, or `prefect-mcp-bun sync`, fills the record.",
    ]);
    expect(exitCodeOf(report)).toBe(0);
    expect(prefect.takeRequests()).toEqual([
      "GET /health",
      "GET /admin/version",
      "POST /flows/filter",
      "WS /events/out",
    ]);
  });

  test("warns for a day that the server at this URL was another one", async () => {
    await using prefect = await startFakePrefect();
    const serverNote = sentence`Since then another server answers.`;
    const report = await examine({ PREFECT_API_URL: prefect.url }, { serverNote });
    expect(textOf(report, "record")).toContain("warn record: Since then another server answers.");
  });

  test("names another server at the URL, and what to do about it", async () => {
    await using prefect = await startFakePrefect({});
    const report = await examine({ PREFECT_API_URL: prefect.url }, { isOther: true });
    const [finding] = report.findings.filter(({ level }) => level === "fix");
    expect(finding?.what).toBe(OTHER_SERVER_NOTE);
    expect(finding?.fix).toStartWith("If this server is the wrong one, correct PREFECT_API_URL");
    expect(exitCodeOf(report)).toBe(1);
    expect(doctorLines(report)).not.toContain("All well.");
  });

  test("shows the origin of each setting, secrets masked; settings at their defaults only in JSON", async () => {
    await using prefect = await startFakePrefect({ authString: "ada:lovelace" });
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_API_AUTH_STRING: "ada:lovelace" });
    const lines: string[] = doctorLines(report);
    expect(lines).toContain("All well.");
    const settings = lines.slice(1, lines.indexOf("")).map((line) => line.trim().replace(/ {2,}/g, " | "));
    expect(settings.slice(0, 3)).toEqual([
      `PREFECT_PROFILE | ephemeral | profile "ephemeral" packaged with Prefect`,
      `PREFECT_API_URL | ${prefect.url} | environment PREFECT_API_URL`,
      "PREFECT_API_AUTH_STRING | ******** | environment PREFECT_API_AUTH_STRING",
    ]);
    const json = JSON.stringify(doctorJson(report));
    expect(json).not.toContain("lovelace");
    expect(JSON.parse(json)).toMatchObject({ ok: true });
    expect(JSON.parse(json).settings).toContainEqual({
      name: "PREFECT_MCP_FRESH_SECONDS",
      value: "60",
      origin: "default",
      default: true,
    });
  });

  test("opens no websocket where the stream is switched off", async () => {
    await using prefect = await startFakePrefect();
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_MCP_STREAM: "off" });
    expect(textOf(report, "websocket")).toEqual([
      "ok websocket: The websocket is switched off (PREFECT_MCP_STREAM); Prefect is polled instead.",
    ]);
    expect<unknown>(prefect.requestsTo("WS")).toEqual([]);
  });
});

describe("a problem to fix", () => {
  const fixes = (report: DoctorReport) => report.findings.filter(({ level }) => level === "fix");

  test("broken settings: they are named, and no request is sent to Prefect", async () => {
    const report = await examine({ PREFECT_PROFILE: "typo" });
    expect<unknown>(fixes(report).map(({ what }) => what)).toEqual([
      `There is no profile "typo" (named by environment PREFECT_PROFILE) in ${join(root, ".prefect", "profiles.toml")}, which does not exist.`,
      "No request is sent to Prefect while the settings are wrong.",
    ]);
    expect(exitCodeOf(report)).toBe(1);
    expect<string | undefined>(doctorLines(report).at(-1)).toBe("2 things to fix.");
  });

  test("an unreachable Prefect", async () => {
    const prefect = await startFakePrefect();
    await prefect.stop();
    const report = await examine({ PREFECT_API_URL: prefect.url });
    expect(fixes(report)).toHaveLength(1);
    expect(fixes(report)[0]).toMatchObject({ area: "api", level: "fix" });
    expect(fixes(report)[0]?.what).toContain(prefect.url);
    expect(fixes(report)[0]?.fix).toMatch(/\.$/);
  });

  test("a wrong key is reported once", async () => {
    await using prefect = await startFakePrefect({ authString: "ada:lovelace" });
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_API_KEY: "pnu_wrong" });
    expect(fixes(report)).toHaveLength(1);
    expect(textOf(report, "websocket")).toEqual([]);
    expect(JSON.stringify(report)).not.toContain("pnu_wrong");
    expect<unknown>(exitCodeOf(report)).toBe(1);
  });

  test("every finding that is not ok says what to do", async () => {
    await using prefect = await startFakePrefect({ authString: "ada:lovelace" });
    prefect.faults.stream.refuse = 403;
    chmodSync(dataDir, 0o755);
    for (const report of [
      await examine({ PREFECT_API_URL: prefect.url, PREFECT_MCP_POLL_SECONDS: "x" }),
      await examine({ PREFECT_API_URL: prefect.url, PREFECT_API_AUTH_STRING: "ada:lovelace" }),
      await examine({}),
    ]) {
      for (const { level, fix } of report.findings) {
        if (level !== "ok") expect<unknown>(fix).toMatch(/^[A-Z].*\.$/s);
      }
    }
  });

  test("a server older than Prefect 3, and a record that cannot be opened", async () => {
    await using prefect = await startFakePrefect();
    prefect.answer("GET /admin/version", "2.20.1");
    const refuse = () => {
      throw new AppError("invalid_config", "The record was made by a newer program.", { hint: "Upgrade this one." });
    };
    const report = await examine({ PREFECT_API_URL: prefect.url }, { readRecord: refuse });
    expect<unknown>(fixes(report)).toEqual([
      {
        level: "fix",
        area: "api",
        what: "This is Prefect 2.20.1, and only Prefect 3 is supported.",
        fix: "Upgrade the server to Prefect 3, or set PREFECT_API_URL to one.",
      },
      { level: "fix", area: "record", what: "The record was made by a newer program.", fix: "Upgrade this one." },
    ]);
  });

  test.each([
    [
      "3.0.11",
      "warn api: Prefect 3.0.11 cannot filter flow runs by who created them, flow runs by any of several tags, task runs by their end, flows by other ids, deployments by other ids, deployments by any of several tags, automations by id, automations by tags, events by text. Where the record does not suffice, all rows are read and filtered here, which takes longer.",
    ],
    [
      "3.6.20",
      "warn api: Prefect 3.6.20 cannot filter task runs by their end, automations by id. Where the record does not suffice, all rows are read and filtered here, which takes longer.",
    ],
  ])("Prefect %s: what it lacks is named", async (version, finding) => {
    await using prefect = await startFakePrefect();
    prefect.workspace.version = version;
    const report = await examine({ PREFECT_API_URL: prefect.url });
    expect(textOf(report, "api")).toContain(finding);
  });

  test("the newest Prefect lacks nothing", async () => {
    await using prefect = await startFakePrefect();
    prefect.workspace.version = "3.9.1";
    const report = await examine({ PREFECT_API_URL: prefect.url });
    expect(textOf(report, "api").join("\n")).not.toContain("cannot filter");
  });

  test.each([
    ["a name of 300 characters", "a".repeat(300), "its name or path is too long"],
    ["a path that SQLite does not open", "abcdefghi/".repeat(60), "its path is too long for SQLite"],
    ["a circle of links", "circle/x", "its symbolic links form a circle"],
  ])("a data folder with a path that cannot exist: %s", async (_, folder, reason) => {
    await using prefect = await startFakePrefect();
    symlinkSync(join(root, "circle"), join(root, "circle"));
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: join(root, folder) });
    const [text = "", ...more] = textOf(report, "files");
    expect(more).toEqual([]);
    expect(text).toStartWith("fix files: The data folder ");
    expect(text).toEndWith(` cannot be used: ${reason}.`);
  });

  test("a data folder that cannot be created", async () => {
    await using prefect = await startFakePrefect();
    writeFileSync(join(root, "file"), "");
    const report = await examine({ PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: join(root, "file", "below") });
    expect(textOf(report, "files")).toEqual([
      `fix files: ${join(root, "file")} is a file, so the data folder ${join(root, "file", "below")} cannot be created.`,
    ]);
  });
});

describe("a warning", () => {
  const withClock = (prefect: FakePrefect, skewMs: number): PrefectApi => {
    const { settings } = settingsOf({ PREFECT_API_URL: prefect.url });
    const deps = { clock: systemClock, logger: silentLogger };
    const client = createPrefectClient(toConnection(settings, "0.0.0"), deps);
    const ms = skewMs + systemClock.nowUs() / 1000 - systemClock.steadyMs();
    const serverOffset = {
      lowMs: ms,
      highMs: ms,
      newestLowMs: ms,
      observedMs: systemClock.steadyMs(),
      wallMs: 0,
      disputed: null,
    };
    return Object.defineProperty(client, "serverOffset", { value: serverOffset });
  };

  test("a refused websocket is a warning: Prefect is polled instead", async () => {
    await using prefect = await startFakePrefect();
    prefect.faults.stream.refuse = 502;
    const report = await examine({ PREFECT_API_URL: prefect.url });
    const [finding] = report.findings.filter(({ area }) => area === "websocket");
    expect(finding?.level).toBe("warn");
    expect(finding?.fix).toEndWith("Until then Prefect is polled, which is slower.");
    expect(exitCodeOf(report)).toBe(0);
  });

  test("clocks that differ are a warning", async () => {
    await using prefect = await startFakePrefect();
    const env = { PREFECT_API_URL: prefect.url };
    expect(textOf(await examine(env, { api: withClock(prefect, 42_400) }), "clock")).toEqual([
      "warn clock: Prefect's clock is 42.4 s ahead of the clock of this machine.",
    ]);
    expect(textOf(await examine(env, { api: withClock(prefect, -6000) }), "clock")).toEqual([
      "warn clock: Prefect's clock is 6.0 s behind the clock of this machine.",
    ]);
  });

  test("a folder and files that other users can read", async () => {
    await using prefect = await startFakePrefect();
    chmodSync(dataDir, 0o755);
    const recordFile = join(dataDir, "r.sqlite");
    writeFileSync(recordFile, "", { mode: 0o644 });
    const report = await examine({ PREFECT_API_URL: prefect.url }, { recordFile });
    expect(textOf(report, "files").filter((line) => line.startsWith("warn"))).toEqual([
      `warn files: Other users can read the data folder ${dataDir}.`,
      `warn files: Other users can read ${recordFile}.`,
    ]);
  });

  test("no API URL: the default server is named as such", async () => {
    await using prefect = await startFakePrefect();
    const report = await examine({}, { api: withClock(prefect, 0) });
    expect(textOf(report, "settings")).toEqual([
      "warn settings: No API URL is set (no PREFECT_API_URL found), so the local default http://127.0.0.1:4200/api is used (a server that Prefect starts for one process cannot be used from here).",
    ]);
  });

  test("the record is described with its age and the process that syncs it", async () => {
    await using prefect = await startFakePrefect();
    const status = { file: "r", events: 12_345, lagMs: 581_000, syncing: "other", lastError: null } as RecordStatus;
    const report = await examine({ PREFECT_API_URL: prefect.url }, { readRecord: () => status });
    expect<unknown>(textOf(report, "record")).toEqual([
      "ok record: The record holds 12,345 events, complete up to 10 min ago; another process is syncing it.",
    ]);
  });

  test("a write-ahead log that another program keeps from shrinking is a warning", async () => {
    await using prefect = await startFakePrefect();
    const walBytes = 300 * 1024 ** 2;
    const status = { file: "/d/r.sqlite", walBytes, events: 1, lagMs: 0, syncing: "other" } as RecordStatus;
    const report = await examine({ PREFECT_API_URL: prefect.url }, { readRecord: () => status });
    expect<unknown>(report.findings.filter(({ area, level }) => area === "record" && level !== "ok")).toEqual([
      {
        level: "warn",
        area: "record",
        what: "The write-ahead log /d/r.sqlite-wal has grown to 315 MB, because another program reads the record without ending its transaction.",
        fix: "End that transaction, or that program (`lsof` and `fuser` on the file show who has it open); the log then shrinks by itself.",
      },
    ]);
    expect(exitCodeOf(report)).toBe(0);
  });
});

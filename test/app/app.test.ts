import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApp } from "../../src/app/app.ts";
import { recordFileOf } from "../../src/app/connection.ts";
import { fatalProblem, fixedSettings, type SettingsSource } from "../../src/app/settings-source.ts";
import { toolProblems } from "../../src/app/tool-settings.ts";
import { credentialsOf } from "../../src/config/credentials.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import type { ResolvedSettings } from "../../src/config/settings.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { openRecord } from "../../src/store/database.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

function makeFolder() {
  const dir = mkdtempSync(join(tmpdir(), "prefect-mcp-app-"));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

function resolve(dir: string, flags: Record<string, string>, env: Record<string, string> = {}): ResolvedSettings {
  return loadSettings({ flags: { "data-dir": dir, ...flags }, env, cwd: dir, home: dir, platform: "linux" });
}

/** Settings that a test changes under a running application. */
function changing(first: ResolvedSettings): SettingsSource & { set(next: ResolvedSettings): void } {
  let now = first;
  return {
    current: () => now,
    set: (next) => {
      now = next;
    },
  };
}

function open(settings: SettingsSource) {
  const log: { level: string; message: string }[] = [];
  const logger = createLogger("info", (line) => void log.push(JSON.parse(line)));
  return { app: openApp({ settings, entry: MAIN, version: "1", clock: systemClock, logger }), log };
}

const SHOP = { "api-url": "http://127.0.0.1:4998/api" };
const OTHER = { "api-url": "http://127.0.0.1:4997/api" };
const CLOUD = {
  "api-url":
    "https://api.prefect.cloud/api/accounts/aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa/workspaces/bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
};

describe("the application", () => {
  test("offers what a query needs, and no record while there is none", async () => {
    using folder = makeFolder();
    const { app } = open(fixedSettings(resolve(folder.dir, SHOP)));
    await using _ = app;
    const query = app.query();
    expect([query.instance, query.freshMs, query.liveDeadlineMs, query.record()]).toEqual([
      SHOP["api-url"],
      60_000,
      8000,
      null,
    ]);
    expect(query.api().url).toBe(SHOP["api-url"]);
  });

  test("finds the record when another process has created it, and closes one that was removed", async () => {
    using folder = makeFolder();
    const resolved = resolve(folder.dir, SHOP);
    const { app } = open(fixedSettings(resolved));
    await using _ = app;
    const file = recordFileOf(resolved.settings, SHOP["api-url"]);
    openRecord(file, "write").close();
    const record = app.query().record();
    expect([record?.file, record?.isReadOnly]).toEqual([file, true]);
    expect(app.query().record()).toBe(record as NonNullable<typeof record>);
    rmSync(file);
    await waitUntil("the record is closed", () => app.query().record() === null);
  });

  test("throws what is wrong with the settings, logs it once, and continues when it is corrected", async () => {
    using folder = makeFolder();
    const settings = changing(resolve(folder.dir, SHOP));
    const { app, log } = open(settings);
    await using _ = app;
    expect(app.query().instance).toBe(SHOP["api-url"]);
    settings.set(resolve(folder.dir, { "api-url": "127.0.0.1" }));
    expect(() => app.query()).toThrow(fatalProblem(settings.current().problems)?.message ?? "nothing");
    expect(() => app.query()).toThrow();
    expect(app.tools().length).toBeGreaterThan(0);
    expect(log.filter(({ level }) => level === "error").length).toBe(1);
    settings.set(resolve(folder.dir, SHOP));
    expect(app.query().instance).toBe(SHOP["api-url"]);
    expect(log.at(-1)?.message).toBe("the settings are valid again");
  });

  test("switches to another instance when the settings name another", async () => {
    using folder = makeFolder();
    const settings = changing(resolve(folder.dir, SHOP));
    const { app } = open(settings);
    await using _ = app;
    const before = app.query();
    settings.set(resolve(folder.dir, SHOP));
    expect(app.query()).toBe(before);
    settings.set(resolve(folder.dir, OTHER));
    expect(app.query().instance).toBe(OTHER["api-url"]);
  });

  test("notifies when other tools are offered", async () => {
    using folder = makeFolder();
    const settings = changing(resolve(folder.dir, SHOP));
    const { app } = open(settings);
    await using _ = app;
    let notified = 0;
    const unsubscribe = app.onToolsChanged(() => {
      notified += 1;
    });
    const names = () => app.tools().map((tool) => tool.name);
    expect(names()).not.toContain("review_rate_limits");
    settings.set(resolve(folder.dir, CLOUD, { PREFECT_API_KEY: "pnu_0123456789abcdef0123456789abcdef0123" }));
    expect(names()).toContain("review_rate_limits");
    expect(notified).toBe(1);
    unsubscribe();
    settings.set(resolve(folder.dir, SHOP));
    expect(names()).not.toContain("review_rate_limits");
    expect(notified).toBe(1);
  });

  test("refuses the record of a newer program with a sentence", async () => {
    using folder = makeFolder();
    const resolved = resolve(folder.dir, SHOP);
    const file = recordFileOf(resolved.settings, SHOP["api-url"]);
    const db = openRecord(file, "write");
    db.sqlite.run("PRAGMA user_version = 999");
    db.close();
    const { app } = open(fixedSettings(resolved));
    await using _ = app;
    expect(() => app.query().record()).toThrow(/newer version of this program/);
  });

  test("answers without a record when its file cannot be read, and logs that once", async () => {
    using folder = makeFolder();
    const resolved = resolve(folder.dir, SHOP);
    const file = recordFileOf(resolved.settings, SHOP["api-url"]);
    writeFileSync(file, "this is no database, and long enough to be looked at ".repeat(100));
    const { app, log } = open(fixedSettings(resolved));
    await using _ = app;
    expect<unknown>([app.query().record(), app.query().record()]).toEqual([null, null]);
    expect<unknown>(log.map(({ message }) => message)).toEqual([`the record cannot be read: ${file} is damaged.`]);
  });
});

describe("settings", () => {
  test("every configured credential is redacted from the record", () => {
    using folder = makeFolder();
    const { settings } = resolve(folder.dir, SHOP, {
      PREFECT_API_AUTH_STRING: "admin:letmein",
      PREFECT_CLIENT_CUSTOM_HEADERS: '{"X-Token": "abcdef"}',
    });
    expect<unknown>(credentialsOf(settings)).toEqual(["admin:letmein", "abcdef"]);
  });

  test("unknown names of tools and presets are reported", () => {
    const tools = { preset: "everything", allow: ["get_dashbord"], deny: ["read_events"] };
    expect<unknown>(toolProblems({ tools })).toEqual([
      {
        level: "warning",
        where: "PREFECT_MCP_TOOLS",
        message: 'PREFECT_MCP_TOOLS names no preset "everything"; presets: core, default, all.',
        fix: "Correct PREFECT_MCP_TOOLS; until then its default applies.",
      },
      {
        level: "warning",
        where: "PREFECT_MCP_TOOLS_ALLOW",
        message: 'PREFECT_MCP_TOOLS_ALLOW names no tool "get_dashbord".',
        fix: "`prefect-mcp-bun tools` lists the names.",
      },
    ]);
  });
});

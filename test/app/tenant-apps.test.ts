/** Applications for Prefects that callers name: which of the server's own settings apply, and which of these callers see. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTenantApps, settingsFor } from "../../src/app/tenant-apps.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { failureOf } from "../support/failure-of.ts";
import { facts } from "../support/fake-prefect/client.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { MAIN } from "../support/process/product.ts";

/** A caller's API under the operator's environment, and what is logged. */
function open(url: string, env: Record<string, string> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), "prefect-mcp-callers-"));
  const lines: string[] = [];
  const base = loadSettings({
    flags: { "data-dir": dataDir },
    env: { PREFECT_API_URL: "http://127.0.0.1:9/api", ...env },
    cwd: dataDir,
    home: dataDir,
    platform: "linux",
  });
  const logger = createLogger("debug", (line) => void lines.push(line));
  const apps = createTenantApps({ entry: MAIN, version: "1", clock: systemClock, logger, base: () => base });
  const app = apps.open({ url, credential: { kind: "none" } }, "tenant-1");
  return {
    api: app.query().api(),
    lines,
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

test("the path of a CA file that cannot be read is only logged, for the operator", async () => {
  await using prefect = await startFakePrefect();
  await using caller = open(prefect.url, { PREFECT_API_SSL_CERT_FILE: "/srv/private/operator/ca.pem" });
  expect(facts(await failureOf(caller.api.readVersion()))).toEqual({
    code: "invalid_config",
    message: `For ${new URL(prefect.url).origin}, the certificates to trust cannot be read here.`,
    hint: "The operator of this server can look into it; its log says more.",
  });
  expect(caller.lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      level: "warn",
      tenant: "tenant-1",
      error: `For ${new URL(prefect.url).origin}, the CA file /srv/private/operator/ca.pem cannot be read.`,
    }),
  ]);
});

test("neither the address of a proxy nor its variable is shown to a caller", async () => {
  const proxies = [
    ["http://ann:proxy-password@127.0.0.1:9", "through the proxy 127.0.0.1:9."],
    ["socks5://proxy.internal:1", "does not let the call through: "],
  ] as const;
  for (const [proxy, logged] of proxies) {
    await using caller = open("https://127.0.0.1:4999/api", { HTTPS_PROXY: proxy, HTTP_PROXY: proxy });
    const { code, message, hint } = await failureOf(caller.api.readVersion({ retries: 0 }));
    expect(code).toBe("unavailable");
    expect(`${message} ${hint}`).not.toMatch(/PROXY|:9\b|proxy-password|internal|socks/);
    expect(hint).toEndWith("The operator of this server can look into it; its log says more.");
    expect(caller.lines.join("\n")).toContain(logged);
    expect(caller.lines.join("\n")).not.toContain("proxy-password");
  }
});

test("an answer of up to 16 MiB is read, one beyond it is not", async () => {
  await using prefect = await startFakePrefect();
  await using caller = open(prefect.url);
  const text = (bytes: number) => `${" ".repeat(bytes - 3)}"3"`;
  prefect.faults.fail("/admin/version", { status: 200, text: text(16 * 1024 * 1024) });
  prefect.faults.fail("/admin/version", { status: 200, text: text(16 * 1024 * 1024 + 1) });
  expect(await caller.api.readVersion()).toBe("3");
  expect((await failureOf(caller.api.readVersion())).message).toBe(
    "Prefect's answer is not read: the answer is larger than 16 MiB.",
  );
});

test("each tenant's record has a share of the disk limit", () => {
  const GIB = 1024 ** 3;
  const shareWith = (env: Record<string, string>) => {
    const base = loadSettings({ flags: {}, env, cwd: "/", home: tmpdir(), platform: "linux" });
    const dataDir = mkdtempSync(join(tmpdir(), "prefect-mcp-share-"));
    const settings = { ...base.settings, dataDir };
    const target = { url: "https://prefect.example.com/api", credential: { kind: "key", key: "k" } } as const;
    const { retentionBytes } = settingsFor({ ...base, settings }, target).settings.sync;
    rmSync(dataDir, { recursive: true, force: true });
    return retentionBytes;
  };
  expect(shareWith({})).toBe((50 * GIB) / 100);
  expect(shareWith({ PREFECT_MCP_HTTP_MAX_TENANTS: "2" })).toBe(5 * GIB);
  expect(shareWith({ PREFECT_MCP_HTTP_MAX_DISK_BYTES: "0" })).toBe(5 * GIB);
  expect(shareWith({ PREFECT_MCP_HTTP_MAX_DISK_BYTES: "1GB", PREFECT_MCP_RETENTION_BYTES: "0" })).toBe(
    Math.floor(GIB / 100),
  );
});

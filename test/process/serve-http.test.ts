/** `serve --http` as a process: how it starts, what it refuses, how it ends. */

import { describe, expect, test } from "bun:test";
import { startHttpProduct } from "../mcp/http/http-product.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";

describe("serve --http", () => {
  test("answers, and ends by itself on SIGTERM with its records closed", async () => {
    await using prefect = await startFakePrefect();
    await using product = await startHttpProduct({ env: { PREFECT_API_URL: prefect.url } });
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      expect((await fetch(product.url.replace("/mcp", path))).status).toBe(200);
    }
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const params = { name: "get_dashboard", arguments: {} };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    const answer = await fetch(product.url, { method: "POST", headers, body });
    expect(await answer.text()).toContain('"source"');
    expect(await product.stop()).toBe(0);
    expect(product.stderr()).not.toMatch(/internal error|terminated/);
    const wal = [...new Bun.Glob("**/*.sqlite-wal").scanSync({ cwd: product.dataDir })];
    expect(wal).toEqual([]);
  });

  test("follows its own Prefect before the first request", async () => {
    await using prefect = await startFakePrefect();
    await using product = await startHttpProduct({ env: { PREFECT_API_URL: prefect.url } });
    expect(product.url).toStartWith("http://127.0.0.1:");
    expect(
      await waitUntil(
        "a subscriber",
        () => prefect.subscribers,
        (count) => count === 1,
      ),
    ).toBe(1);
  });

  test("refuses a reachable address without caller authentication, with a hint", async () => {
    const { code, stderr } = await runProduct(["serve", "--http", "--host", "0.0.0.0", "--port", "0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Refusing to listen on 0.0.0.0 without caller authentication");
    expect(stderr).toContain("PREFECT_MCP_HTTP_TOKENS");
  });

  test("reports that its port is in use", async () => {
    await using prefect = await startFakePrefect();
    const { code, stderr } = await runProduct(["serve", "--http", "--port", String(prefect.port)]);
    expect([code, stderr.includes(`Port ${prefect.port} of 127.0.0.1 is in use.`)]).toEqual([1, true]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { postModern } from "../mcp/http/http-harness.ts";
import { startHttpProduct } from "../mcp/http/http-product.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type Finished, makePlace, run, startClient } from "./program.ts";

const ROOT = join(import.meta.dir, "..", "..");
const place = makePlace();
const TARGET = { "x-prefect-api-url": "https://10.0.0.7/api", "x-prefect-api-key": "pnu_key" };
let tarball = "";

beforeAll(async () => {
  const packed = await run([process.execPath, "pm", "pack", "--destination", place.dir], {
    cwd: ROOT,
    env: place.env(),
  });
  const name = readdirSync(place.dir).find((file) => file.endsWith(".tgz"));
  if (packed.code !== 0 || !name) throw new Error(`bun pm pack failed: ${packed.stderr}`);
  tarball = join(place.dir, name);
});
afterAll(() => place[Symbol.dispose]());

describe("the package", () => {
  test("contains the program as one file, its bytecode, and no sources", async () => {
    const listed = await run(["tar", "-tzf", tarball], { cwd: place.dir, env: place.env() });
    expect(listed.stdout.trim().split("\n").sort()).toEqual([
      "package/CHANGELOG.md",
      "package/LICENSE",
      "package/README.md",
      "package/dist/prefect-mcp-bun.js",
      "package/dist/prefect-mcp-bun.js.jsc",
      "package/package.json",
    ]);
  });

  test("has no dependencies except Bun", () => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(dependencies).toEqual({});
    expect(readFileSync(join(ROOT, "dist", "prefect-mcp-bun.js"), "utf8")).toStartWith("#!/usr/bin/env bun\n");
  });

  test("runs without the bytecode, and with that of another build; neither file names a folder of this machine", async () => {
    const [built, moved] = [join(ROOT, "dist"), join(place.dir, "moved")];
    mkdirSync(moved, { recursive: true });
    const file = join(moved, "prefect-mcp-bun.js");
    const source = readFileSync(join(built, "prefect-mcp-bun.js"), "utf8");
    const bytecode = readFileSync(join(built, "prefect-mcp-bun.js.jsc"));
    expect([source.includes(ROOT), bytecode.includes(ROOT)]).toEqual([false, false]);
    const title = async () => (await run([process.execPath, file, "tools"], emptyPlace())).stdout.split("\n")[0];
    writeFileSync(file, source);
    expect(await title()).toMatch(/^orientation +Orientation/);
    writeFileSync(file, source.replace('title:"Orientation"', 'title:"Another build"'));
    writeFileSync(`${file}.jsc`, bytecode);
    expect(await title()).toMatch(/^orientation +Another build/);
    writeFileSync(file, source);
    writeFileSync(`${file}.jsc`, bytecode.fill(255, 0, 4));
    expect(await title()).toMatch(/^orientation +Orientation/);
  });

  const command = (...args: string[]) => [
    process.execPath,
    "x",
    "--package",
    `file:${tarball}`,
    "prefect-mcp-bun",
    ...args,
  ];

  /** An empty working folder and an empty home. */
  function emptyPlace(more: Record<string, string> = {}) {
    const [home, empty] = [join(place.dir, "home"), join(place.dir, "empty")];
    for (const dir of [home, empty]) mkdirSync(dir, { recursive: true });
    return { cwd: empty, env: place.env({ HOME: home, TMPDIR: home, ...more }) };
  }
  const bunx = (...args: string[]): Promise<Finished> => run(command(...args), emptyPlace());

  test("runs through bunx in an empty folder with an empty home", async () => {
    const help = await bunx("--help");
    expect(help.stdout).toContain("Usage: prefect-mcp-bun [command] [flags]");
    expect(help.code).toBe(0);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect((await bunx("--version")).stdout).toBe(`${version}\n`);
    const tools = await bunx("tools");
    expect(tools.stdout).toContain("read_events");
    expect(existsSync(join(place.dir, "empty", "node_modules"))).toBe(false);
  });

  test("syncs in its Worker under bunx, and ends when stdin closes", async () => {
    await using prefect = await startFakePrefect();
    await using client = startClient(command(), emptyPlace({ PREFECT_API_URL: prefect.url }));
    await client.initialize();
    await waitUntil("it syncs", async () => (await client.call("get_record_status")).syncing === "self");
    await client.close();
    expect(client.child.exitCode).toBe(0);
  });

  test("serves HTTP with metrics, target rules and traces, whose packages are compiled on demand", async () => {
    const spans: string[] = [];
    await using collector = Bun.serve({
      port: 0,
      async fetch(request) {
        spans.push(await request.text());
        return Response.json({});
      },
    });
    await using prefect = await startFakePrefect();
    const PREFECT_MCP_HTTP_OTLP_ENDPOINT = `http://127.0.0.1:${collector.port}`;
    await using product = await startHttpProduct({
      command: [process.execPath, join(ROOT, "dist", "prefect-mcp-bun.js")],
      env: { PREFECT_API_URL: prefect.url, PREFECT_MCP_HTTP_OTLP_ENDPOINT },
    });
    const refused = await postModern(product.url, "tools/list", {}, { headers: TARGET });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("its address is private")]);
    expect((await postModern(product.url, "tools/list", {})).status).toBe(200);
    const metrics = await (await fetch(product.url.replace("/mcp", "/metrics"))).text();
    expect(metrics).toContain('prefect_mcp_requests_total{tenant="own",method="tools/list",status="200"} 1');
    expect(await product.stop()).toBe(0);
    expect(spans).toEqual([expect.stringContaining('"name":"tools/list"')]);
  });
});

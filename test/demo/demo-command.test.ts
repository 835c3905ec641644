/** The demo as a newcomer meets it: an empty home, no Prefect, another working directory. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseIsoUs } from "../../src/lib/time.ts";
import { bareEnv, MAIN, ROOT, startProduct } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "demo-home-"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A temporary folder of its own shows what the demo leaves behind. */
function surroundings(): { env: Record<string, string>; scratch: string } {
  const scratch = mkdtempSync(join(home, "tmp-"));
  return { env: { HOME: home, TMPDIR: scratch, NO_COLOR: "1" }, scratch };
}

/** Tracked and untracked files of the checkout; null where it is no git checkout. */
function checkoutState(): string | null {
  if (!existsSync(join(ROOT, ".git"))) return null;
  return Bun.spawnSync(["git", "-c", "safe.directory=*", "status", "--porcelain"], { cwd: ROOT }).stdout.toString();
}

describe("demo", () => {
  let output: string;
  let exitCode: number;
  let left: string[];
  let before: string | null;

  beforeAll(async () => {
    before = checkoutState();
    const { env, scratch } = surroundings();
    const child = Bun.spawn([process.execPath, MAIN, "demo"], {
      cwd: home,
      env: bareEnv(env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    output = stdout + stderr;
    exitCode = code;
    left = readdirSync(scratch).filter((name) => name.startsWith("prefect-mcp"));
  });

  test("asks its questions and ends with exit code 0, without a terminal", () => {
    expect(exitCode).toBe(0);
    expect(output).not.toContain("Error ");
    expect(output).not.toContain("No answer");
  });

  test("prints question, tool with arguments, answer and source, at least five times", () => {
    const questions = output.match(/^\d+\. .+\?$/gm) ?? [];
    expect(questions.length).toBeGreaterThanOrEqual(5);
    const calls = output.match(/^ {3}[a-z_]+ \{.*\}$/gm) ?? [];
    const sources = output.match(/^ {3}Source: (record|live|mixed), as of \S+ \([\d.]+ s ago\)/gm) ?? [];
    expect([calls.length, sources.length]).toEqual([questions.length, questions.length]);
  });

  test("shows the failures of the workspace", () => {
    expect(output).toContain("disk quota exceeded: archive volume is full");
    expect(output).toContain("gpu-pool");
    expect(output).toContain("shop.orders.batch-loaded");
  });

  test("answers from the record after Prefect is stopped", () => {
    const offline = output.slice(output.indexOf("Now Prefect is stopped"));
    expect(offline.match(/Source: record/g)?.length).toBe(2);
  });

  test("leaves nothing behind: no record, no temporary folder, a clean checkout", () => {
    expect(left).toEqual([]);
    expect(readdirSync(home).filter((name) => !name.startsWith("tmp-") && name !== ".bun")).toEqual([]);
    expect(checkoutState()).toBe(before);
  });
});

describe("demo --stdio", () => {
  test("serves MCP on the workspace: the newest event is under a minute old, and others come", async () => {
    const { env, scratch } = surroundings();
    const product = await startProduct({ command: [process.execPath, MAIN, "demo", "--stdio"], env, cwd: home });
    try {
      const newest = async () => {
        const { structured, isError, text } = await product.call("read_events", { limit: 1 });
        if (isError) throw new Error(text);
        return structured.events[0] as { id: string; occurred: string };
      };
      const askedMs = Date.now();
      const first = await newest();
      // Its age when it was asked for: the answer itself may take long.
      expect(askedMs - (parseIsoUs(first.occurred) ?? 0) / 1000).toBeLessThan(60_000);
      const next = await waitUntil("a newer event", newest, ({ id }) => id !== first.id);
      expect(next.id).not.toBe(first.id);
    } finally {
      expect(await product.end()).toBe(0);
    }
    expect(product.stderr()).toBe("");
    expect(readdirSync(scratch).filter((name) => name.startsWith("prefect-mcp"))).toEqual([]);
  });

  test("is synced into a record from which every question is answered", async () => {
    const { env } = surroundings();
    await using product = await startProduct({ command: [process.execPath, MAIN, "demo", "--stdio"], env, cwd: home });
    const whole = await waitUntil(
      "failed runs are answered whole from the record",
      () =>
        product.call("read_events", {
          occurred_after: "24h",
          event_type_prefix: "prefect.flow-run.Failed",
          limit: 100,
        }),
      ({ structured }) => structured.source === "record" && structured.coverage.complete,
    );
    expect(whole.structured).toMatchObject({ source: "record", coverage: { complete: true, gaps: [] } });
    expect(whole.structured.events.length).toBeGreaterThan(10);
    const dashboard = await product.call("get_dashboard");
    expect(dashboard.structured.flow_runs).toMatchObject({ late: 4, crashed: 1, paused: 1 });
  });
});

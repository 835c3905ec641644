import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs, MINUTE_US } from "../../src/lib/time.ts";
import { aFlow, aFlowRun, aFlowRunEvent, aState } from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { makePlace, run } from "./program.ts";

const place = makePlace();
afterAll(() => place[Symbol.dispose]());

/** Runs a command on a pseudo terminal and prints its output, then its exit code. */
const PTY = `
import os, pty, sys
status = pty.spawn(sys.argv[1:], stdin_read=lambda fd: b"")
print("exit", os.waitstatus_to_exitcode(status))
`;
const venv = join(import.meta.dir, "..", "..", ".venv", "bin", "python");
const python = existsSync(venv) ? venv : "python3";

test("on a terminal it prints five lines, what it is and how to add it to a client, and ends", async () => {
  const command = await place.command("source");
  const { stdout } = await run([python, "-c", PTY, ...command], { cwd: place.dir, env: place.env() });
  const lines = stdout.replaceAll("\r", "").trimEnd().split("\n");
  expect(lines.pop()).toBe("exit 0");
  expect(lines.length).toBe(5);
  expect(lines[0]).toMatch(/^prefect-mcp-bun \S+ is an MCP server for Prefect/);
  expect(stdout).toContain("claude mcp add prefect -- bunx prefect-mcp-bun");
  expect(stdout).toContain('"mcpServers"');
});

describe("on a terminal, a picture stands above the text", () => {
  const NAME = "evil\u001b[31mred\u001b]0;taken\u0007";
  let prefect: FakePrefect;
  beforeAll(async () => {
    prefect = await startFakePrefect();
    const flow = aFlow();
    prefect.workspace.flows.push(flow);
    const ago = (minutes: number) => formatIsoUs(Math.floor(systemClock.nowUs()) - minutes * MINUTE_US);
    const times = { created: ago(12), expected_start_time: ago(11), start_time: ago(11), end_time: ago(10) };
    const state = aState({ type: "FAILED", name: "Failed", timestamp: ago(10), message: NAME });
    const failed = aFlowRun({
      flow_id: flow.id,
      name: NAME,
      state_type: "FAILED",
      state_name: "Failed",
      state,
      ...times,
    });
    prefect.workspace.flowRuns.push(failed);
    prefect.emit([aFlowRunEvent(failed, { occurred: ago(10), received: ago(10) })]);
    const { code, stderr } = await run([...(await place.command("source")), "sync", "--once"], {
      cwd: place.dir,
      env: env(),
    });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
  });
  afterAll(() => prefect.stop());

  const env = (more = {}) => place.env({ PREFECT_API_URL: prefect.url, TERM: "xterm", LANG: "en_US.UTF-8", ...more });
  async function onTerminal(columns: number, args: readonly string[], more = {}) {
    const command = ["sh", "-c", `stty cols ${columns}; exec "$@"`, "sh", ...(await place.command("source")), ...args];
    const { stdout } = await run([python, "-c", PTY, ...command], { cwd: place.dir, env: env(more) });
    expect(stdout).toContain("exit 0");
    // What a flow's name brings along is nowhere.
    expect(stdout).not.toContain("\u001b[31mred");
    expect(stdout).not.toContain("\u001b]0;");
    return stdout.replaceAll("\r", "");
  }
  const ESCAPE = RegExp.escape("\u001b[");
  const COLOUR = new RegExp(`${ESCAPE}\\d+m`, "g");
  const green = (mark: string) => new RegExp(`${ESCAPE}32m${mark}+${ESCAPE}0m`);
  const picture = (text: string) => text.replaceAll(COLOUR, "").split("\n");

  test.each([40, 80])("of the dashboard, in colours and no wider than %i columns", async (columns) => {
    const text = await onTerminal(columns, ["call", "get_dashboard"]);
    expect(text).toContain("\u001b[31m█");
    const drawn = picture(text).filter((line) => /[█▁]/.test(line));
    expect(drawn.length).toBeGreaterThan(0);
    for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  });

  test("of the diagnosis: its verdict and its causes", async () => {
    const text = await onTerminal(40, ["call", "diagnose"]);
    expect(text).toMatch(COLOUR);
    const [verdict, cause] = picture(text);
    expect(verdict).toMatch(/^(problem|nothing wrong|unknown) /);
    expect(Bun.stringWidth(cause ?? "")).toBeLessThanOrEqual(40);
  });

  test("of what the record covers, below its status; in ASCII where the locale has no more", async () => {
    expect(await onTerminal(80, ["status"])).toMatch(green("█"));
    const plain = await onTerminal(80, ["status"], { LC_ALL: "C" });
    expect(plain).toMatch(green("#"));
    expect(plain).not.toContain("█");
  });

  test.each([
    ["NO_COLOR", { NO_COLOR: "1" }],
    ["TERM=dumb", { TERM: "dumb" }],
    ["CLICOLOR=0", { CLICOLOR: "0" }],
  ])("but not with %s: then the text is as in a pipe", async (_, more) => {
    const text = await onTerminal(80, ["call", "get_flow_runs"], more);
    expect(text).not.toContain("\u001b");
    const dashboard = await onTerminal(80, ["call", "get_dashboard"], more);
    expect(dashboard).not.toContain("\u001b");
    expect(dashboard.split("\n")[0]).toMatch(/^flow runs /);
  });

  test("but not in a pipe, whatever asks for colours", async () => {
    const forced = env({ FORCE_COLOR: "1", CLICOLOR_FORCE: "1" });
    const { stdout } = await run([...(await place.command("source")), "call", "get_dashboard"], {
      cwd: place.dir,
      env: forced,
    });
    expect(stdout).toStartWith("flow runs ");
    expect(stdout).not.toContain("\u001b");
  });
});

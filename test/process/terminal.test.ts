import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
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

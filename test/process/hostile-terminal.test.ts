/** Hostile texts of Prefect, of settings and of the command line on a terminal: commands print visible lines of this program. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct } from "../support/process/product.ts";
import { faultsOfText, unquoted } from "../tools/foreign/answer-grammar.ts";
import { HOSTILE, MARK } from "../tools/foreign/hostile-texts.ts";
import { fillPrefect, hostileObjects } from "../tools/foreign/hostile-workspace.ts";

const INVISIBLE = /[^\P{Cc}\n\t]|[\u2028\u2029\ufff9-\ufffb]|\p{Default_Ignorable_Code_Point}|\p{Cs}/u;
/** A line that a hostile text has begun. */
const FORGED = new RegExp(`^\\s*(?:[-#>|~]+\\s*)?(?:(?:fix|next|hint|retryable|evidence|ids):\\s*)?${MARK}`, "im");

let home: string;
let fake: FakePrefect;
let env: Record<string, string>;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "hostile-terminal-"));
  fake = await startFakePrefect();
  fillPrefect(fake.workspace, hostileObjects());
  env = { PREFECT_API_URL: fake.url, HOME: home, PREFECT_MCP_DATA_DIR: join(home, "data") };
});

afterAll(async () => {
  await fake.stop();
  rmSync(home, { recursive: true, force: true });
});

function faultsOf(where: string, text: string): string[] {
  const faults: string[] = [];
  const invisible = INVISIBLE.exec(text);
  if (invisible) faults.push(`${where}: U+${invisible[0].codePointAt(0)?.toString(16)}`);
  const forged = FORGED.exec(text);
  if (forged) faults.push(`${where}: forged ${JSON.stringify(text.slice(forged.index, forged.index + 80))}`);
  return faults;
}

async function run(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr } = await runProduct(args, { ...env, ...more });
  const name = JSON.stringify(args).slice(0, 100);
  expect([...faultsOf(`stdout of ${name}`, stdout), ...faultsOf(`stderr of ${name}`, stderr)]).toEqual([]);
  return { stdout, stderr };
}

test("of a workspace: in answers, status, reports and JSON", async () => {
  await run(["sync", "--once", "--log-level", "debug"]);
  for (const args of [["status"], ["audit"], ["doctor"], ["doctor", "--json"], ["status", "--json"], ["tools"]])
    await run(args);
  for (const call of [
    ["get_flow_runs", '{"limit": 100}'],
    ["get_deployments"],
    ["get_flow_run_logs", JSON.stringify({ flow_run_id: HOSTILE[0] })],
    ["diagnose"],
    ["get_dashboard"],
    ["search", JSON.stringify({ query: MARK })],
  ]) {
    const { stdout } = await run(["call", ...call]);
    expect(faultsOfText(stdout.trimEnd())).toEqual([]);
    await run(["call", ...call, "--json"]);
  }
  const { stdout } = await run(["forget", "--yes"]);
  expect(stdout).toMatch(/^Removed everything of http/);
});

test("in what Prefect or a proxy refuses with", async () => {
  for (const [n, text] of HOSTILE.entries()) {
    const page = { text: `<html><head><title>${text}</title></head></html>`, headers: { "content-type": "text/html" } };
    const refusals = [
      { status: 403, body: { detail: text } },
      { status: 502, ...page },
      { status: 200, ...page },
    ];
    fake.faults.fail(/./, refusals[n % refusals.length] ?? { status: 500 }, 1_000);
    const { stdout } = await run(["doctor"]);
    expect(unquoted(stdout)).not.toContain(MARK);
    fake.faults.clear();
  }
});

test("in the command line and in settings", async () => {
  for (const text of HOSTILE.map((one) => one.toWellFormed().replaceAll("\0", "").slice(0, 2_000))) {
    const commands = [
      [text],
      ["help", text],
      ["call", text],
      ["call", "get_flow_runs", text],
      ["call", "get_flow_runs", "{}", text],
      ["forget", "--instance", text],
      ["audit", "--since", text],
      ["doctor", `--${text}`],
      ["doctor", `--json=${text}`],
      ["status", "--log-level", text],
      ["status", "--tools", text],
    ];
    for (const args of commands) {
      const { stderr } = await run(args);
      const own = unquoted(stderr);
      expect({ args, own: own.includes(MARK) ? own : "" }).toEqual({ args, own: "" });
    }
    const settings = { PREFECT_PROFILE: text, PREFECT_MCP_TOOLS: text, PREFECT_MCP_LOG_LEVEL: text };
    const { stdout } = await run(["doctor"], settings);
    const findings = stdout.slice(stdout.indexOf("\nFindings\n"));
    expect(unquoted(findings)).not.toContain(MARK);
  }
});

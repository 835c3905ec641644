import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkRoundTrip } from "../../../src/cli/doctor/round-trip.ts";
import { loadSettings } from "../../../src/config/load-settings.ts";
import { systemClock } from "../../../src/lib/clock.ts";

const MAIN = join(import.meta.dir, "..", "..", "..", "src", "main.ts");
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "round-trip-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function check(command: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  const variables = { HOME: home, PATH: process.env.PATH ?? "", ...env };
  const settingsWith = (some: Readonly<Record<string, string>>) =>
    loadSettings({ flags: {}, env: some, cwd: home, home, platform: "linux" });
  const signal = new AbortController().signal;
  const here = settingsWith(variables);
  const findings = await checkRoundTrip({
    command,
    env: variables,
    home,
    clock: systemClock,
    signal,
    here,
    settingsWith,
  });
  return findings.map(({ level, area, what }) => `${level} ${area}: ${what.replace(/\d+ ms/, "N ms")}`);
}

function program(text: string): string[] {
  const path = join(home, "program.ts");
  writeFileSync(path, text);
  return [process.execPath, path];
}

test("the program answers a tool call as a client starts it", async () => {
  expect(await check([process.execPath, MAIN])).toEqual([
    "ok client: A client can start the server: it answers a tool call N ms after its start.",
  ]);
});

test("settings that only this shell has are named", async () => {
  const env = { PREFECT_API_URL: "https://p.example/api", PREFECT_API_KEY: "pnu_secret" };
  const [, same] = await check([process.execPath, MAIN], env);
  expect(same).toBe(
    "warn client: Clients that pass no variables to the server ask another Prefect than this shell: http://127.0.0.1:4200/api.",
  );
});

test.each([
  ["does not exist", () => [join("/", "none", "bun"), "x"], "it does not exist"],
  ["ends at once", () => program("process.exit(1)"), "it ended without an answer"],
  [
    "prints on stdout",
    () => program('console.log("hello"); await new Response(Bun.stdin.stream()).text()'),
    "something else than the protocol",
  ],
  [
    "refuses the call",
    () => program("console.log(JSON.stringify({ id: 2, error: {} })); await new Response(Bun.stdin.stream()).text()"),
    "the tool call was refused",
  ],
])("a program that %s is a finding with a fix", async (_, command, reason) => {
  const [finding] = await check(command());
  expect(finding).toStartWith("fix client: Started as a client does (");
  expect(finding).toContain(reason);
});

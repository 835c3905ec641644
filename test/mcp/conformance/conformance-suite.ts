/** Runs the official conformance suite and the Inspector. With Bun, because the suite needs a newer Node than may be installed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bareEnv, ROOT } from "../../support/process/product.ts";

const MODULES = join(ROOT, "node_modules/@modelcontextprotocol");

/** Scenarios that a server has to pass for a revision, as the suite lists them. */
export function requiredScenarios(revision: string): string[] {
  const text = readFileSync(join(MODULES, `conformance/requirements/${revision}.yaml`), "utf8");
  const list = /^server:\n((?: {2}- .+\n)+)/m.exec(text)?.[1] ?? "";
  return [...list.matchAll(/^ {2}- (\S+)$/gm)].map(([, name]) => name ?? "");
}

export interface Verdict {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
}

/** One line per scenario of the suite's summary. */
export async function runRequired(url: string, revision: string): Promise<Verdict[]> {
  const { output } = await run(["conformance/dist/index.js", "server", "--url", url, "--requirements", revision]);
  return [...output.matchAll(/^[✓✗] ([\w-]+(?:\/[\w-]+)?): (\d+) passed, (\d+) failed$/gmu)].map(
    ([, name = "", passed, failed]) => ({ name, passed: Number(passed), failed: Number(failed) }),
  );
}

/** A single scenario: how many checks passed, and the messages of the others. Scenarios of extensions belong to no revision (""). */
export async function runScenario(url: string, scenario: string, revision: string) {
  const args = [
    "server",
    "--url",
    url,
    "--scenario",
    scenario,
    ...(revision === "" ? [] : ["--spec-version", revision]),
    "--verbose",
  ];
  const { output } = await run(["conformance/dist/index.js", ...args]);
  const failed = [
    ...output.matchAll(/"status": "FAILURE",\s+"timestamp": "[^"]*",\s+"errorMessage": "((?:[^"\\]|\\.)*)"/g),
  ];
  const count = (status: string) => output.split(`"status": "${status}"`).length - 1;
  const silent = Array<string>(count("FAILURE") - failed.length).fill("a failure without a message");
  return { passed: count("SUCCESS"), failures: [...failed.map(([, message = ""]) => message), ...silent] };
}

export interface Inspected {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function inspect(
  url: string,
  era: "modern" | "legacy",
  method: string,
  strict: boolean,
): Promise<Inspected> {
  const args = [
    "--cli",
    url,
    "--protocol-era",
    era,
    "--method",
    method,
    "--format",
    "json",
    ...(strict ? ["--strict"] : []),
  ];
  const { code, stdout, stderr } = await run(["inspector/clients/launcher/build/index.js", ...args]);
  return { code, stdout, stderr };
}

async function run([script = "", ...args]: readonly string[]) {
  const child = Bun.spawn([process.execPath, "--bun", join(MODULES, script), ...args], {
    env: bareEnv({ NO_COLOR: "1", HOME: "/nonexistent" }),
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr, output: stdout + stderr };
}

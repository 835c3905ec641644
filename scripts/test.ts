/**
 * `bun run test`: installs what it needs, runs the checks of `bun run check` and every test, and ends with the line
 * `N passed, N failed`. A skipped test counts as failed. Needs Node or Bun to start it, and Python for the real Prefect.
 *
 *   bun run test                 everything
 *   bun run test lib real        only these folders of test/, without the checks
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type PythonSetup, preparePrefect } from "./python.ts";

const ROOT = join(import.meta.dir, "..");
const GROUP_TIMEOUT_MS = 10 * 60_000;
/** Real servers and spawned processes stand in many tests; a test may set its own. */
const TEST_TIMEOUT_MS = 60_000;

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** One line for each failure, for the end of the output. */
  readonly failures: readonly string[];
}

const scratch = mkdtempSync(join(tmpdir(), "prefect-mcp-test-"));

/** The same bun for every child, also where only npx knows it; none of the user's Prefect settings; a home of its own. */
function childEnv(): Record<string, string> {
  const bin = join(scratch, "bin");
  const home = join(scratch, "home");
  mkdirSync(bin, { recursive: true });
  mkdirSync(home, { recursive: true });
  for (const name of ["bun", "bunx"]) symlinkSync(process.execPath, join(bin, name));
  const kept = Object.entries(process.env).filter(([name]) => !/^(PREFECT_|XDG_)/.test(name));
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ""])),
    PATH: [bin, join(ROOT, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
    HOME: home,
    NO_COLOR: "1",
  };
}

const running = new Set<Bun.Subprocess>();

async function run(command: readonly string[], env: Record<string, string>, timeout = GROUP_TIMEOUT_MS) {
  const child = Bun.spawn([...command], { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"], timeout });
  running.add(child);
  const code = await child.exited;
  running.delete(child);
  return code;
}

/** The parts of the `check` script of package.json, one after another; each counts as one test. */
async function runChecks(env: Record<string, string>): Promise<Outcome> {
  const script: string = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts.check;
  const failures: string[] = [];
  const commands = script.split(" && ");
  for (const command of commands) {
    console.log(`\n== ${command}`);
    if ((await run(command.split(" "), env)) !== 0) failures.push(`check: ${command}`);
  }
  return { passed: commands.length - failures.length, failed: failures.length, failures };
}

/** One `bun test` process for the files below `paths`; counted from its JUnit report. */
async function runGroup(name: string, paths: readonly string[], env: Record<string, string>): Promise<Outcome> {
  const report = join(scratch, `${name.replaceAll("/", "-")}.xml`);
  console.log(`\n== bun test ${paths.join(" ")}`);
  const reporter = ["--reporter=junit", `--reporter-outfile=${report}`];
  const limits = [`--timeout=${TEST_TIMEOUT_MS}`];
  const code = await run([process.execPath, "test", ...limits, ...reporter, ...paths], env);
  const counted = await readReport(report);
  if (!counted) return { passed: 0, failed: 1, failures: [`${name}: ended with code ${code} and without a report`] };
  if (code !== 0 && counted.failed === 0) {
    const failures = [`${name}: ended with code ${code}, an error outside of a test`];
    return { passed: counted.passed, failed: 1, failures };
  }
  return counted;
}

async function readReport(path: string): Promise<Outcome | null> {
  const file = Bun.file(path);
  if (!(await file.exists())) return null;
  const text = await file.text();
  const head = /<testsuites[^>]*>/.exec(text)?.[0] ?? "";
  const figure = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = figure("failures") + figure("skipped");
  const failures: string[] = [];
  for (const match of text.matchAll(/<testcase ([^>]*[^/])>\s*<(failure|error|skipped)/g)) {
    const attribute = (name: string) => new RegExp(`(?:^| )${name}="([^"]*)"`).exec(match[1] ?? "")?.[1] ?? "";
    const verdict = match[2] === "skipped" ? " (skipped)" : "";
    failures.push(`${attribute("file")}: ${attribute("name")}${verdict}`);
  }
  return { passed: figure("tests") - failed, failed, failures };
}

const isTest = (name: string) => /\.test\.tsx?$/.test(name);

/** Folders of test/ in a fixed order: quick ones first, real servers last, one file at a time. */
function groups(): { name: string; paths: string[] }[] {
  const entries = readdirSync(join(ROOT, "test"), { withFileTypes: true });
  const holdsTests = (folder: string) =>
    readdirSync(join(ROOT, "test", folder), { recursive: true }).some((name) => isTest(String(name)));
  const own = entries.filter((entry) => entry.isFile() && isTest(entry.name)).map((entry) => `./test/${entry.name}`);
  const late = ["demo", "process", "real"];
  const folders = entries.filter((entry) => entry.isDirectory() && holdsTests(entry.name)).map((entry) => entry.name);
  folders.sort((a, b) => late.indexOf(a) - late.indexOf(b) || a.localeCompare(b));
  const wanted = process.argv.slice(2);
  return [
    ...(own.length > 0 ? [{ name: "test", paths: own }] : []),
    ...folders.map((folder) => ({ name: folder, paths: [`./test/${folder}/`] })),
  ].filter((group) => wanted.length === 0 || wanted.includes(group.name));
}

function add(a: Outcome, b: Outcome): Outcome {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, failures: [...a.failures, ...b.failures] };
}

async function main(): Promise<Outcome> {
  let total: Outcome = { passed: 0, failed: 0, failures: [] };
  const fail = (line: string) => {
    total = add(total, { passed: 0, failed: 1, failures: [line] });
  };
  const setupEnv = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));
  console.log("== bun install --frozen-lockfile");
  if ((await run([process.execPath, "install", "--frozen-lockfile"], setupEnv)) !== 0) {
    fail("bun install failed");
    return total;
  }
  const env = childEnv();
  const prefect: Promise<PythonSetup> = preparePrefect(ROOT, (line) => console.log(`== ${line}`));
  if (process.argv.length < 3) total = add(total, await runChecks(env));
  const setup = await prefect;
  if (!setup.ready) fail(setup.reason);
  for (const group of groups()) {
    if (group.name === "real" && !setup.ready) continue;
    total = add(total, await runGroup(group.name, group.paths, env));
  }
  return total;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill();
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

const started = performance.now();
const outcome = await main();
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${outcome.failures.length === 0 ? "Nothing failed" : "Failed:"}`);
for (const line of outcome.failures) console.log(`  ${line}`);
console.log(`${Math.round((performance.now() - started) / 1000)} s`);
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exit(outcome.failed === 0 && outcome.passed > 0 ? 0 : 1);

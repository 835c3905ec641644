/**
 * `bun run test`: installs what it needs, runs the checks of `bun run check` and every test, and ends with the line
 * `N passed, N failed`. A skipped test counts as failed. Needs Node or Bun to start it, and Python for the real Prefect.
 *
 *   bun run test                        everything
 *   bun run test lib real/offline       only test files whose path below test/ starts with that, without the checks
 *   bun run test 3.9.1                  only what is played against that Prefect every time
 *   bun run test --busy                 with two busy loops beside it, which the tests have to pass as well
 *
 * Beside Prefect 3.8.8, the newest one and PostgreSQL are tested with a few files (`everyTime` in prefect-versions.ts), where they can be
 * installed.
 *
 * A test that fails is not repeated: no verdict may depend on how fast the machine is. What stood still is printed instead.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { prepareBrowser } from "../test/views/browser/browser.ts";
import { describeGroup, loadNow, startBusyLoops, startLoadMeter } from "./machine-load.ts";
import { prepareVariant, type ReadyVariant, VARIANTS } from "./prefect-versions.ts";
import { preparePeer, preparePrefect } from "./python.ts";
import { TEST_LIMIT_MS } from "./test-limit.ts";

const ROOT = join(import.meta.dir, "..");
/** Only ends a process that would never end; a test that waits for something gives up long before (test/support/time). */
const GROUP_LIMIT_MS = 90 * 60_000;
/** For the installation of another Prefect. Beyond it, that one is not tested, which is printed. */
const INSTALL_LIMIT_MS = 4 * 60_000;
const BUSY_LOOPS = 2;
/** Need a browser, which is installed apart; only `bun run test:browser` plays them. */
const IN_BROWSER = "in a browser";
const BROWSER_TESTS = "views/browser/";
const SHOWN_SLOWEST = 10;

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** One line per failure, printed at the end. */
  readonly failures: readonly string[];
  readonly seconds: readonly FileSeconds[];
  /** Servers that could not be installed here, with the reason. They are no failures: the other tests say as much about this program. */
  readonly untested?: readonly string[];
}

interface FileSeconds {
  readonly file: string;
  readonly seconds: number;
}

/** The test files of one `bun test` process. */
interface Group {
  readonly name: string;
  readonly files: readonly string[];
  /** Another Prefect than that of `.venv`. */
  readonly prepare?: () => Promise<ReadyVariant | { readonly reason: string }>;
}

const NOTHING: Outcome = { passed: 0, failed: 0, failures: [], seconds: [] };
const failure = (line: string): Outcome => ({ ...NOTHING, passed: 0, failed: 1, failures: [line] });

function sum(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce(
    (a, b) => ({
      passed: a.passed + b.passed,
      failed: a.failed + b.failed,
      failures: [...a.failures, ...b.failures],
      seconds: [...a.seconds, ...b.seconds],
      untested: [...(a.untested ?? []), ...(b.untested ?? [])],
    }),
    NOTHING,
  );
}

const isBusy = process.argv.includes("--busy");
const wanted = process.argv.slice(2).filter((argument) => argument !== "--busy");
const scratch = mkdtempSync(join(tmpdir(), "prefect-mcp-test-"));
const running = new Set<Bun.Subprocess>();

function ownEnv(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));
}

/** The same bun for every child, also under npx; without the user's Prefect settings; with a temporary home. */
function testEnv(): Record<string, string> {
  const bin = join(scratch, "bin");
  const home = join(scratch, "home");
  mkdirSync(bin, { recursive: true });
  mkdirSync(home, { recursive: true });
  for (const name of ["bun", "bunx"]) symlinkSync(process.execPath, join(bin, name));
  const kept = Object.entries(ownEnv()).filter(([name]) => !/^(PREFECT_|XDG_)/.test(name));
  const path = [bin, join(ROOT, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path, HOME: home, NO_COLOR: "1" };
}

/** Kills a command with its child processes: a Prefect server would never end. */
function killGroup(child: Bun.Subprocess): void {
  try {
    if (process.platform === "win32") child.kill();
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has already ended.
  }
}

/** Runs a command and prints its output in one piece at the end, because two lanes run in parallel. */
async function run(title: string, command: readonly string[], env: Record<string, string>): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn([...command], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  let stood = "";
  const limit = setTimeout(() => {
    stood = `\nKilled after ${GROUP_LIMIT_MS / 60_000} minutes. Its processes were:\n${describeGroup(child.pid)}`;
    killGroup(child);
  }, GROUP_LIMIT_MS);
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  clearTimeout(limit);
  running.delete(child);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const head = `== ${title} (${seconds} s, code ${code}, load average ${loadNow()})`;
  console.log(`\n${head}\n${[out, error].map((text) => text.trim()).join("\n")}${stood}`);
  return code;
}

/** The commands of the `check` script in package.json, one after another; each counts as one test. */
async function runChecks(env: Record<string, string>): Promise<Outcome> {
  const script: string = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts.check;
  const outcomes: Outcome[] = [];
  for (const command of script.split(" && ")) {
    const code = await run(command, command.split(" "), env);
    outcomes.push(code === 0 ? { ...NOTHING, passed: 1 } : failure(`check: ${command}`));
  }
  return sum(outcomes);
}

async function runGroup(group: Group, env: Record<string, string>): Promise<Outcome> {
  const variant = await group.prepare?.();
  if (variant && "reason" in variant) return { ...NOTHING, untested: [`${group.name}: ${variant.reason}`] };
  try {
    return await runFiles(group, { ...env, ...variant?.env });
  } finally {
    await variant?.stop();
  }
}

/** Counts from the JUnit report, which lists every test. */
async function runFiles({ name, files }: Group, env: Record<string, string>): Promise<Outcome> {
  const report = join(scratch, `${name.replaceAll("/", "-")}.xml`);
  const witnessed = mkdtempSync(join(scratch, "witnessed-"));
  const command = [
    process.execPath,
    "test",
    `--timeout=${TEST_LIMIT_MS}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...files,
  ];
  const startedMs = performance.now();
  const code = await run(`bun test ${name}`, command, { ...env, TEST_WITNESS_DIR: witnessed });
  if (code !== 0) for (const text of readTexts(witnessed)) console.log(`== beside ${name}:\n${text}`);
  const counted = await readReport(report);
  if (!counted) return failure(`${name}: ended with code ${code} and without a report`);
  const [only, ...others] = files;
  // The report does not count the time of hooks, which is most of it where a server is filled.
  const seconds = (performance.now() - startedMs) / 1000;
  const timed =
    only !== undefined && others.length === 0
      ? { ...counted, seconds: [{ file: only.replace("./", ""), seconds }] }
      : counted;
  const isUnexplained = code !== 0 && counted.failed === 0;
  return isUnexplained ? sum([timed, failure(`${name}: ended with code ${code}, an error outside of a test`)]) : timed;
}

function readTexts(folder: string): string[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
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
  const seconds = [...text.matchAll(/^ {2}<testsuite name="([^"]*)".* time="([\d.]+)"/gm)].map(
    ([, file = "", time]) => ({ file, seconds: Number(time) }),
  );
  return { passed: figure("tests") - failed, failed, failures, seconds };
}

/**
 * Two lanes run in parallel: test folders that need no Python, and one after another the files that need a real Prefect, which
 * mostly wait for it. The lane that ends first helps the other one.
 */
function lanes(): { quick: Group[]; server: Group[] } {
  const names = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" }).map((name) =>
    name.replaceAll("\\", "/"),
  );
  const tests = names
    .filter(
      (name) =>
        name.endsWith(".test.ts") &&
        (wanted.length === 0 ? !name.startsWith(BROWSER_TESTS) : wanted.some((start) => name.startsWith(start))),
    )
    .toSorted();
  const inBrowser = tests.filter((name) => name.startsWith(BROWSER_TESTS));
  const needsServer = (name: string) =>
    name.startsWith("real/") || /\/real-prefect\.ts|"\.venv"/.test(readFileSync(join(ROOT, "test", name), "utf8"));
  const path = (name: string) => `./test/${name}`;
  const folders = Map.groupBy(
    tests.filter((name) => !needsServer(name) && !inBrowser.includes(name)),
    (name) => (name.includes("/") ? (name.split("/")[0] ?? "") : "the tree"),
  );
  const say = (line: string) => console.log(`== ${line}`);
  const others = VARIANTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name)).flatMap((variant) =>
    variant.everyTime === undefined
      ? []
      : [
          {
            name: `Prefect ${variant.name}`,
            files: variant.everyTime,
            prepare: () => prepareVariant(ROOT, variant, say, INSTALL_LIMIT_MS),
          },
        ],
  );
  return {
    quick: [...folders].map(([name, files]) => ({ name, files: files.map(path) })),
    server: [
      ...others,
      ...(inBrowser.length > 0 ? [{ name: IN_BROWSER, files: inBrowser.map(path), prepare: readyBrowser }] : []),
      ...tests.filter(needsServer).map((name) => ({ name, files: [path(name)] })),
    ],
  };
}

async function readyBrowser(): Promise<ReadyVariant | { readonly reason: string }> {
  const problem = await prepareBrowser((line) => console.log(`== ${line}`));
  return problem ?? { env: {}, stop: async () => undefined };
}

/** Installs a real Prefect, and the official MCP server for the comparison. A failed installation counts as a failed test. */
async function preparePython(): Promise<Outcome> {
  const say = (line: string) => console.log(`== ${line}`);
  const setups = [await preparePrefect(ROOT, say), await preparePeer(ROOT, say)];
  return sum(setups.map((setup) => (setup.ready ? NOTHING : failure(setup.reason))));
}

async function main(): Promise<Outcome> {
  const install = await run("bun install", [process.execPath, "install", "--frozen-lockfile"], ownEnv());
  if (install !== 0) return failure("bun install failed");
  const env = testEnv();
  const { quick, server } = lanes();
  const isWhole = wanted.length === 0;
  const work = async (groups: Group[]): Promise<Outcome> => {
    const outcomes: Outcome[] = [];
    for (let group = groups.shift(); group; group = groups.shift()) outcomes.push(await runGroup(group, env));
    return sum(outcomes);
  };
  const python = isWhole || server.some(({ name }) => name !== IN_BROWSER) ? preparePython() : Promise.resolve(NOTHING);
  const quickLane = async () => {
    const own = sum([isWhole ? await runChecks(env) : NOTHING, await work(quick)]);
    await python;
    return sum([own, await work(server)]);
  };
  const serverLane = async () => sum([await python, await work(server)]);
  return sum(await Promise.all([quickLane(), serverLane()]));
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

const startedMs = performance.now();
const load = startLoadMeter();
const busy = isBusy ? startBusyLoops(BUSY_LOOPS) : null;
const outcome = await main();
busy?.[Symbol.dispose]();
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${outcome.failures.length === 0 ? "Nothing failed." : "Failed:"}`);
for (const line of outcome.failures) console.log(`  ${line}`);
for (const line of outcome.untested ?? []) console.log(`Not tested: ${line}`);
const slowest = outcome.seconds.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN_SLOWEST);
console.log("Slowest files:");
for (const { file, seconds } of slowest) console.log(`  ${seconds.toFixed(1).padStart(6)} s  ${file}`);
console.log(`${load.summary()}${isBusy ? `, with ${BUSY_LOOPS} busy loops` : ""}`);
console.log(`${Math.round((performance.now() - startedMs) / 1000)} s`);
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exit(outcome.failed === 0 && outcome.passed > 0 ? 0 : 1);

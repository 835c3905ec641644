/**
 * A real Prefect server (`target.ts` says which) on a free loopback port, with a home folder of its own that is removed at the
 * end. It takes some seconds to start: share one per test file.
 */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { systemClock } from "../../../src/lib/clock.ts";
import { lastLines, processState } from "../process/process-state.ts";
import { descendantsOf, signalAll } from "../process/process-tree.ts";
import { addWitness, answerOf, waitUntil } from "../time/wait-until.ts";
import { createDatabase, realPrefectTarget } from "./target.ts";

export interface RealPrefectOptions {
  /** Further environment of the server: `{ PREFECT_SERVER_API_AUTH_STRING: "admin:pass" }`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A free one unless given. */
  readonly port?: number;
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RealPrefect extends AsyncDisposable {
  /** `http://127.0.0.1:{port}/api`, or the base path instead of `/api`. */
  readonly url: string;
  readonly port: number;
  /** PREFECT_HOME: the database is `prefect.db` in it. */
  readonly home: string;
  /** Environment in which flows, workers and the product reach this server. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the server; with SIGKILL what it had not yet written is lost, as in a crash. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Starts it again on the same port and home. */
  restart(): Promise<void>;
  /** Suspends (SIGSTOP) or continues (SIGCONT) the server. */
  pause(isSuspended: boolean): void;
  /** Runs a Python file (absolute, or below test/support) against the server and waits for its end. */
  python(script: string, args?: readonly string[]): Promise<Finished>;
  /**
   * Waits until every event that was published is written, no further one has come for some seconds, and every automation that fired
   * has acted.
   */
  settled(): Promise<void>;
  /** Runs scenarios of workspace.py (without names: all but `worker`), then waits until the server has settled. Returns ids by name. */
  fill(...scenarios: string[]): Promise<Readonly<Record<string, string>>>;
  /**
   * Environment of a product that follows this server and records into `folder`. Its deadline for live answers is generous, because a
   * real server on a busy machine takes seconds for some answers; tests about deadlines set their own.
   */
  productEnv(folder: string): Readonly<Record<string, string>>;
  /** Starts `prefect …` (a worker) beside the server; it ends with the server. */
  prefect(args: readonly string[], env?: Readonly<Record<string, string>>): Subprocess;
  /** One raw call; throws on a status of 400 and more. Retries the 503 that a busy SQLite answers to writes. */
  api<Answer = unknown>(
    method: string,
    path: string,
    body?: unknown,
    parse?: (text: string) => unknown,
  ): Promise<Answer>;
}

const ROOT = join(import.meta.dir, "../../..");
const SUPPORT = join(import.meta.dir, "..");
/** Flows that fill a workspace, for `python`. */
export const WORKSPACE = "real-prefect/workspace.py";
/** Python code that the server loads at its start; see there for why. */
const SERVER_SITE = join(import.meta.dir, "server-site");
/** Only ends what would never end. */
const SCRIPT_MS = 900_000;
/** Longer than the 5 s after which the service that marks runs as Late looks again. */
const QUIET_MS = 7_000;
/** A call of the harness that took longer is part of what is printed when a test fails. */
const SLOW_MS = 3_000;
const LOG_LINES = 30;
const EVER = { since: "1970-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z" };
/** Prefect's own note of the built-in block types that it has registered. */
const MEMO = "memo_store.toml";
/** Without it, a start only takes longer. */
const MEMO_MS = 20_000;

export async function startRealPrefect(options: RealPrefectOptions = {}): Promise<RealPrefect> {
  const folder = await mkdtemp(join(tmpdir(), "real-prefect-"));
  const home = join(folder, "prefect");
  const port = options.port ?? freePort();
  const { bin, apiPath, postgres } = realPrefectTarget();
  const url = `http://127.0.0.1:${port}${apiPath}`;
  const database = postgres === null ? null : await createDatabase(postgres);
  const authString = options.env?.PREFECT_SERVER_API_AUTH_STRING;
  const env: Record<string, string> = {
    ...inherited(),
    HOME: folder,
    PREFECT_HOME: home,
    PREFECT_API_URL: url,
    PREFECT_SERVER_ANALYTICS_ENABLED: "false",
    PREFECT_SERVER_UI_ENABLED: "false",
    PREFECT_LOGGING_SERVER_LEVEL: "WARNING",
    PREFECT_CLI_COLORS: "false",
    PYTHONDONTWRITEBYTECODE: "1",
    ...(apiPath === "/api" ? {} : { PREFECT_SERVER_API_BASE_PATH: apiPath }),
    ...database?.env,
    ...(authString === undefined ? {} : { PREFECT_API_AUTH_STRING: authString }),
    ...options.env,
  };
  const log = Bun.file(join(folder, "server.log"));
  const children = new Set<Subprocess>();
  let server: Subprocess | null = null;
  /** Calls of the harness that took longer than `SLOW_MS`. */
  const slow: string[] = [];
  const witness = async () => {
    const startMs = systemClock.steadyMs();
    const health = (await isHealthy(url)) ? "answers" : "does not answer";
    const tookMs = Math.round(systemClock.steadyMs() - startMs);
    return [
      `Prefect at ${url} ${health} /health after ${tookMs} ms; ${server ? processState(server.pid) : "it is stopped"}`,
      ...[...children].map(({ pid }) => `  started beside it, ${processState(pid)}`),
      "The end of its log:",
      lastLines((await log.exists()) ? await log.text() : "", LOG_LINES),
      ...(slow.length === 0 ? [] : [`Calls that took longer than ${SLOW_MS / 1000} s:`, ...slow]),
    ].join("\n");
  };
  const removeWitness = addWitness(witness);

  async function start(): Promise<void> {
    const command = [join(bin, "prefect"), "server", "start", "--host", "127.0.0.1", "--port", String(port)];
    const started = Bun.spawn(command, {
      env: { ...env, PYTHONPATH: SERVER_SITE },
      cwd: folder,
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    server = started;
    await waitUntil("the Prefect server has started", async () => {
      if (started.exitCode !== null) throw new Error(`the Prefect server ended at its start: ${await log.text()}`);
      return await isHealthy(url);
    });
  }

  async function stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const running = server;
    server = null;
    if (running === null) return;
    // Servers before 3.2 run in a process that the command starts, and that outlives it when it is killed.
    const below = descendantsOf(running.pid);
    running.kill(signal);
    if (signal === "SIGKILL") signalAll(below, signal);
    const tooSlow = new AbortController();
    void systemClock.sleep(15_000, tooSlow.signal).then(() => tooSlow.signal.aborted || running.kill("SIGKILL"));
    await running.exited;
    tooSlow.abort();
    signalAll(below, "SIGKILL");
  }

  async function dispose(): Promise<void> {
    removeWitness();
    await leaveWitness(port, witness);
    // Workers run flows in processes of their own.
    const below = [...children].flatMap((process) => descendantsOf(process.pid));
    for (const process of children) process.kill("SIGKILL");
    signalAll(below, "SIGKILL");
    await Promise.all([...children].map((process) => process.exited));
    await stop("SIGKILL");
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }

  async function api<Answer>(
    method: string,
    path: string,
    body?: unknown,
    parse: (text: string) => unknown = JSON.parse,
  ): Promise<Answer> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (authString !== undefined) headers.authorization = `Basic ${btoa(authString)}`;
    const startMs = systemClock.steadyMs();
    const note = (outcome: string) => {
      const tookMs = systemClock.steadyMs() - startMs;
      if (tookMs > SLOW_MS)
        slow.push(`  ${new Date().toISOString()} ${method} ${path}: ${outcome} after ${Math.round(tookMs)} ms`);
    };
    let refused = 0;
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const answer = async () => {
      const response = await fetch(url + path, { ...init, keepalive: false, proxy: false }).catch((error: unknown) => {
        // Without keep-alive: the server closes idle connections after 5 s, also one on which a call was just sent.
        refused += 1;
        if (refused > 3) throw error;
        return null;
      });
      const text = (await response?.text()) ?? "";
      note(String(response?.status));
      if (response === null || response.status === 503) return { isOk: false, status: response?.status, text };
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return { isOk: true, status: response.status, text };
    };
    const { text } = await waitUntil(`${method} ${path} is accepted`, answer, ({ isOk }) => isOk);
    return (text === "" ? null : parse(text)) as Answer;
  }

  async function python(script: string, args: readonly string[] = []): Promise<Finished> {
    const file = script.startsWith("/") ? script : join(SUPPORT, script);
    const command = [join(bin, "python"), file, ...args];
    const child = Bun.spawn(command, { env, cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    children.add(child);
    const finished = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    const [stdout, stderr, exitCode] = await answerOf(`the end of ${script} ${args.join(" ")}`, finished, SCRIPT_MS);
    children.delete(child);
    return { exitCode, stdout, stderr };
  }

  async function settled(): Promise<void> {
    let before = -1;
    const settle = async () => {
      await flushed();
      const total = await countEvents();
      const isSettled = total === before + 1 && !(await isActing());
      before = total;
      if (!isSettled) await systemClock.sleep(QUIET_MS);
      return isSettled || `${total} events`;
    };
    await waitUntil("the server has settled", settle, (outcome) => outcome === true);
  }

  /** Prefect writes events in their order, in batches: once it returns this one, it has written those that came before. */
  async function flushed(): Promise<void> {
    const id = crypto.randomUUID();
    const resource = { "prefect.resource.id": "test.settling" };
    await api("POST", "/events", [{ id, occurred: new Date().toISOString(), event: "test.settling", resource }]);
    await waitUntil("a published event is written", () => countEvents({ id: { id: [id] } }));
  }

  async function isActing(): Promise<boolean> {
    const fired = await countEvents({ event: { name: ["prefect.automation.triggered"] } });
    const acted = ["prefect.automation.action.executed", "prefect.automation.action.failed"];
    return fired > (await countEvents({ event: { name: acted } }));
  }

  async function countEvents(filter: object = {}): Promise<number> {
    const body = { filter: { occurred: EVER, ...filter }, limit: 0 };
    return (await api<{ total: number }>("POST", "/events/filter", body)).total;
  }

  async function fill(...scenarios: string[]): Promise<Readonly<Record<string, string>>> {
    const { exitCode, stdout, stderr } = await python(WORKSPACE, scenarios);
    if (exitCode !== 0) throw new Error(`workspace.py ended with ${exitCode}: ${stderr.slice(-2_000)}`);
    await settled();
    return (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { ids: Record<string, string> }).ids;
  }

  try {
    await mkdir(home, { recursive: true });
    const template = postgres === null ? templateFile() : null;
    if (template !== null && existsSync(template)) {
      await copyFile(template, join(home, "prefect.db"));
      await copyFile(`${template}.memo`, join(home, MEMO));
    }
    await start();
    if (template !== null && !existsSync(template)) await keepTemplate(home, template);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url,
    port,
    home,
    env,
    stop,
    restart: start,
    pause(isSuspended) {
      if (server !== null) signalAll([server.pid, ...descendantsOf(server.pid)], isSuspended ? "SIGSTOP" : "SIGCONT");
    },
    python,
    settled,
    productEnv: (folder) => ({
      HOME: folder,
      PREFECT_API_URL: url,
      PREFECT_MCP_DATA_DIR: folder,
      PREFECT_MCP_LIVE_DEADLINE_SECONDS: "300",
    }),
    fill,
    prefect(args, extra = {}) {
      const command = [join(bin, "prefect"), ...args];
      const child = Bun.spawn(command, {
        env: { ...env, ...extra },
        cwd: folder,
        stdin: "ignore",
        stdout: log,
        stderr: log,
      });
      children.add(child);
      return child;
    },
    api,
    [Symbol.asyncDispose]: dispose,
  };
}

/**
 * An empty database, migrated once per checkout and Prefect version: applying the migrations is two thirds of a first start.
 * Lies in the ignored `.tmp`.
 */
function templateFile(): string {
  return join(ROOT, ".tmp", `prefect-${realPrefectTarget().version}.db`);
}

async function keepTemplate(home: string, template: string): Promise<void> {
  await mkdir(join(template, ".."), { recursive: true });
  // Some versions write no note (3.4.25, 3.6.29). Then each server migrates a database of its own.
  const isNoted = waitUntil(
    "the server has registered the block types",
    () => existsSync(join(home, MEMO)),
    Boolean,
    MEMO_MS,
  );
  if (!(await isNoted.catch(() => false))) return;
  const draft = `${template}.${process.pid}-${systemClock.nowUs()}`;
  const database = new Database(join(home, "prefect.db"));
  try {
    database.run("VACUUM INTO ?", [draft]);
  } finally {
    database.close();
  }
  await copyFile(join(home, MEMO), `${template}.memo`);
  await rename(draft, template);
}

function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "LANG", "TMPDIR", "SSL_CERT_FILE"]) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** `bun run test` prints this when the file fails. */
async function leaveWitness(port: number, witness: () => Promise<string>): Promise<void> {
  const folder = process.env.TEST_WITNESS_DIR;
  if (folder) await Bun.write(join(folder, `prefect-${port}.txt`), await witness());
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(30_000);
    return (await fetch(`${url}/health`, { signal, proxy: false })).ok;
  } catch {
    return false;
  }
}

/** The program in its three forms (source, bundle, binary), and processes that run it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Subprocess } from "bun";
import { buildBundle } from "../../scripts/build.ts";
import { readLines } from "../support/process/read-lines.ts";
import { answerOf } from "../support/time/wait-until.ts";

const ROOT = join(import.meta.dir, "..", "..");
const MAIN = join(ROOT, "src", "main.ts");

export type Form = "source" | "bundle" | "compiled";

/** An empty folder that is home, working directory and parent of the data folder; builds go into it too. */
export interface Place extends Disposable {
  readonly dir: string;
  readonly dataDir: string;
  /** Only PATH of the current environment, and `more`. */
  env(more?: Readonly<Record<string, string>>): Record<string, string>;
  /** Builds the form where needed, once. */
  command(form: Form): Promise<string[]>;
}

export function makePlace(): Place {
  const dir = mkdtempSync(join(tmpdir(), "prefect-mcp-process-"));
  const built = new Map<Form, Promise<string[]>>();
  return {
    dir,
    dataDir: join(dir, "data"),
    env: (more = {}) => ({
      PATH: [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
      HOME: dir,
      PREFECT_MCP_DATA_DIR: join(dir, "data"),
      PREFECT_MCP_LOG_LEVEL: "warn",
      ...more,
    }),
    command(form) {
      const known = built.get(form) ?? build(form, dir);
      built.set(form, known);
      return known;
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

async function build(form: Form, dir: string): Promise<string[]> {
  if (form === "source") return [process.execPath, MAIN];
  if (form === "bundle") return [process.execPath, await buildBundle(join(dir, "bundle"))];
  const target = join(dir, "prefect-mcp-bun");
  const compile = Bun.spawn([process.execPath, "build", "--compile", "--outfile", target, MAIN], {
    cwd: dir,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const complaint = await new Response(compile.stderr).text();
  if ((await compile.exited) !== 0) throw new Error(`bun build --compile failed: ${complaint}`);
  return [target];
}

export interface Finished {
  readonly code: number;
  readonly signal: Subprocess["signalCode"];
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, without stdin. */
export async function run(
  command: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<Finished> {
  const child = Bun.spawn([...command], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  return { code, signal: child.signalCode, stdout, stderr };
}

interface Answer {
  readonly id: number;
  readonly result?: {
    readonly structuredContent?: Record<string, unknown>;
    readonly isError?: boolean;
    readonly [key: string]: unknown;
  };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A minimal MCP client: it writes lines to the process and reads lines from it. */
export interface LineClient extends AsyncDisposable {
  readonly child: Subprocess<"pipe", "pipe", "pipe">;
  request(method: string, params?: object): Promise<Answer>;
  initialize(): Promise<Answer>;
  /** The structured answer of a tool. */
  call(tool: string, args?: object): Promise<Record<string, unknown>>;
  /** Closes stdin and waits for the process to end. */
  close(): Promise<void>;
  stderr(): Promise<string>;
}

export function startClient(
  command: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): LineClient {
  const child = Bun.spawn([...command], { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const waiting = new Map<number, (answer: Answer) => void>();
  const errors = new Response(child.stderr).text();
  let last = 0;
  void readLines(child.stdout, (line) => {
    const answer = JSON.parse(line) as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const request = (method: string, params: object = {}) => {
    const id = ++last;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    waiting.set(id, resolve);
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    child.stdin.flush();
    return answerOf(`the answer to ${method}`, promise);
  };
  const close = async () => {
    child.stdin.end();
    await answerOf("the end of the program", child.exited);
  };
  return {
    child,
    request,
    initialize: () =>
      request("initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "test", version: "1" },
      }),
    call: async (tool, args = {}) => {
      const { result, error } = await request("tools/call", { name: tool, arguments: args });
      if (error) throw new Error(error.message);
      return result?.structuredContent ?? {};
    },
    close,
    stderr: () => errors,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

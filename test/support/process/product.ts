/** The product as a client sees it: a process that speaks MCP over stdin and stdout. Also runs its other commands. */
import { join } from "node:path";
import type { Subprocess } from "bun";
import { addWitness, answerOf } from "../time/wait-until.ts";
import { lastLines, processState } from "./process-state.ts";
import { readLines } from "./read-lines.ts";

export const ROOT = join(import.meta.dir, "../../..");
export const MAIN = join(ROOT, "src/main.ts");

export interface ToolResult {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly structured: any;
  readonly text: string;
}

export interface Product extends AsyncDisposable {
  readonly pid: number;
  call(tool: string, args?: object): Promise<ToolResult>;
  /** Any other request of the protocol; throws on a JSON-RPC error. */
  request(method: string, params?: object): Promise<unknown>;
  /** Closes stdin, as a client that ends does. Returns the exit code. */
  end(): Promise<number>;
  /** The text on stderr; complete after `end`. */
  stderr(): string;
}

export interface ProductOptions {
  /** Default: `serve` from source with the bun of this test. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

interface Reply {
  readonly id?: number;
  readonly result?: { structuredContent?: unknown; content?: { text: string }[]; isError?: boolean };
  readonly error?: { code: number; message: string };
}

/** An environment with nothing but the paths of programs and temporary files, and the language. */
export function bareEnv(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = ["PATH", "TMPDIR", "LANG"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(kept), ...env };
}

export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const { command = [process.execPath, MAIN, "serve"], env = {}, cwd = "/" } = options;
  const child = Bun.spawn([...command], { cwd, env: bareEnv(env), stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const waiting = new Map<number, PromiseWithResolvers<Reply>>();
  let last = 0;
  let stderr = "";
  const send = (message: object) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    child.stdin.flush();
  };
  const ask = (method: string, params: object): Promise<Reply> => {
    last += 1;
    const reply = Promise.withResolvers<Reply>();
    waiting.set(last, reply);
    send({ id: last, method, params });
    return answerOf(`the answer to ${method} ${JSON.stringify(params).slice(0, 300)}`, reply.promise);
  };
  const reading = readLines(child.stdout, (line) => {
    const reply: Reply = JSON.parse(line);
    waiting.get(reply.id ?? -1)?.resolve(reply);
    waiting.delete(reply.id ?? -1);
  });
  const complaining = readLines(child.stderr, (line) => {
    stderr += `${line}\n`;
  });
  void Promise.all([reading, complaining, child.exited]).then(() => {
    const ended = new Error(`the product ended with ${child.exitCode ?? child.signalCode}: ${stderr.slice(-2000)}`);
    for (const reply of waiting.values()) reply.reject(ended);
  });
  const removeWitness = addWitness(
    () => `The product, ${processState(child.pid)}\nThe end of its log:\n${lastLines(stderr, 10)}`,
  );
  void child.exited.then(removeWitness);
  const end = async (): Promise<number> => {
    await child.stdin.end();
    const code = await answerOf("the end of the product", child.exited);
    await Promise.all([reading, complaining]);
    return code;
  };
  await ask("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  });
  send({ method: "notifications/initialized" });
  return {
    pid: child.pid,
    async call(tool, args = {}) {
      const { result, error } = await ask("tools/call", { name: tool, arguments: args });
      if (error) throw new Error(`${tool}: ${error.message}`);
      const text = (result?.content ?? []).map((block) => block.text).join("\n");
      return { isError: result?.isError === true, structured: result?.structuredContent, text };
    },
    async request(method, params = {}) {
      const { result, error } = await ask(method, params);
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    },
    end,
    stderr: () => stderr,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of the product and waits for its end. */
export async function runProduct(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child: Subprocess<"ignore", "pipe", "pipe"> = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: "/",
    env: bareEnv(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

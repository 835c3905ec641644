/** The program itself under `serve --http`, as an operator starts it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareEnv, MAIN } from "../../support/process/product.ts";

export interface HttpProduct extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  stderr(): string;
  /** Sends SIGTERM and returns the exit code. */
  stop(): Promise<number>;
}

export interface HttpProductOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Default: the program from source with the bun of this test. */
  readonly command?: readonly string[];
}

export async function startHttpProduct(options: HttpProductOptions): Promise<HttpProduct> {
  const { env, args = [], command = [process.execPath, MAIN] } = options;
  const home = mkdtempSync(join(tmpdir(), "prefect-mcp-http-"));
  const dataDir = join(home, "data");
  const child = Bun.spawn([...command, "serve", "--http", "--port", "0", ...args], {
    cwd: home,
    env: bareEnv({ HOME: home, PREFECT_MCP_DATA_DIR: dataDir, ...env }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let log = "";
  const ready = Promise.withResolvers<string>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) {
      log += decoder.decode(chunk, { stream: true });
      const url = /serves MCP at (\S+)/.exec(log)?.[1];
      if (url) ready.resolve(url);
    }
    ready.reject(new Error(`the server ended: ${log}`));
  })();
  const url = await ready.promise;
  return {
    url,
    pid: child.pid,
    dataDir,
    stderr: () => log,
    async stop() {
      child.kill("SIGTERM");
      const code = await child.exited;
      await reading;
      return code;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await reading;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

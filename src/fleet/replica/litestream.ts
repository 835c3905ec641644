/**
 * Litestream (https://litestream.io) as a child process: one daemon replicates all records of this node. Records are added and removed
 * through its control socket.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Subprocess } from "bun";
import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";

const PROGRAM = "litestream";
const RESTART_MS = 1_000;
/** For `sync`, `register` and `unregister`. */
const WITHIN_S = 20;
const MAX_SHOWN = 300;

export class Litestream implements AsyncDisposable {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly program: string;
  /** The path of a socket may have about 100 characters. */
  private readonly folder = mkdtempSync(join(tmpdir(), "prefect-mcp-fleet-"));
  private readonly ending = new AbortController();
  /** Destinations by file. */
  private readonly replicas = new Map<string, string>();
  private daemon: Subprocess | null = null;
  private running: Promise<void> | null = null;

  /** Throws AppError `invalid_config` when the program is not installed. */
  constructor(clock: Clock, logger: Logger) {
    const program = Bun.which(PROGRAM);
    if (program === null) {
      throw new AppError("invalid_config", "PREFECT_MCP_FLEET_REPLICA is set, but `litestream` is not on the PATH.", {
        hint: "Install Litestream 0.5 (https://litestream.io/install), or unset PREFECT_MCP_FLEET_REPLICA.",
      });
    }
    this.program = program;
    this.clock = clock;
    this.logger = logger;
    writeFileSync(this.config, JSON.stringify({ socket: { enabled: true, path: this.socket } }), { mode: 0o600 });
  }

  start(): void {
    this.running ??= this.keepRunning();
  }

  /** Replicates a record from now on. Its earlier replica is not continued. */
  async add(file: string, url: string): Promise<void> {
    rmSync(join(dirname(file), `.${basename(file)}-litestream`), { recursive: true, force: true });
    this.replicas.set(file, url);
    await this.register(file, url);
  }

  /** Resolves when all that is committed is in the replica. */
  async sync(file: string): Promise<void> {
    await this.run(["sync", "-wait", "-timeout", String(WITHIN_S), "-socket", this.socket, file]);
  }

  async remove(file: string): Promise<void> {
    if (!this.replicas.delete(file)) return;
    await this.run(["unregister", "-timeout", String(WITHIN_S), "-socket", this.socket, file]);
  }

  /** Writes the newest state of a replica to a new file. */
  async restore(url: string, file: string): Promise<void> {
    await this.run(["restore", "-o", file, url]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    this.daemon?.kill("SIGTERM");
    await this.running;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get socket(): string {
    return join(this.folder, "s");
  }

  private get config(): string {
    return join(this.folder, "c.yml");
  }

  private async register(file: string, url: string): Promise<void> {
    await this.run(["register", "-timeout", String(WITHIN_S), "-socket", this.socket, "-replica", url, file]);
  }

  private async keepRunning(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      rmSync(this.socket, { force: true });
      // Ends when this process has ended, however it did.
      const watch = `sh -c "while kill -0 ${process.pid} 2>/dev/null; do sleep 1; done"`;
      const daemon = Bun.spawn(
        [this.program, "replicate", "-config", this.config, "-log-level", "error", "-exec", watch],
        {
          stdio: ["ignore", "ignore", "ignore"],
        },
      );
      this.daemon = daemon;
      void this.registerAll(daemon);
      await daemon.exited;
      if (signal.aborted) return;
      this.logger.warn("litestream ended and is started again", { code: daemon.exitCode });
      await this.clock.sleep(RESTART_MS, signal);
    }
  }

  private async registerAll(daemon: Subprocess): Promise<void> {
    for (const [file, url] of [...this.replicas]) {
      if (this.daemon !== daemon) return;
      await this.register(file, url).catch(() => undefined);
    }
  }

  /** Retries while the daemon does not listen yet. */
  private async run(args: readonly string[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const child = Bun.spawn([this.program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      const [error, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
      if (code === 0) return;
      const isStarting = /connect|no such file|refused/i.test(error) && args.includes(this.socket) && attempt < 20;
      if (!isStarting || this.ending.signal.aborted) {
        throw new Error(`litestream ${args[0]} failed: ${error.trim().slice(-MAX_SHOWN)}`);
      }
      await this.clock.sleep(RESTART_MS / 4, this.ending.signal);
    }
  }
}

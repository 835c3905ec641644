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
import { parseJson } from "../../lib/exact-json.ts";
import type { Logger } from "../../lib/logger.ts";
import { ReplicaLag } from "./replica-lag.ts";

const PROGRAM = "litestream";
const RESTART_MS = 1_000;
/** For `sync`, `register` and `unregister`. */
const WITHIN_S = 20;
const MAX_SHOWN = 300;
/** For the check whether a replica is up to date. */
const CHECK_WITHIN_S = 4;
/** A restore that takes longer is given up: the storage may have become silent. */
const RESTORE_WITHIN_MS = 900_000;
/** Earlier states that are tried when the end of a replica is torn. */
const MAX_EARLIER = 3;
/** Commands that run at once: a node that ends leaves all its tenants. */
const MAX_COMMANDS = 8;

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
  private readonly lag: ReplicaLag;
  private commands = 0;
  private readonly queue: (() => void)[] = [];

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
    this.lag = new ReplicaLag({
      clock,
      logger,
      files: () => [...this.replicas.keys()],
      syncedAt: () => this.syncedAt(),
      sync: (file) => this.syncWithin(file, CHECK_WITHIN_S),
    });
    writeFileSync(this.config, JSON.stringify({ socket: { enabled: true, path: this.socket } }), { mode: 0o600 });
  }

  start(): void {
    this.running ??= Promise.all([this.keepRunning(), this.lag.run(this.ending.signal)]).then(() => undefined);
  }

  /** For how long the replica that is furthest behind has lacked a commit, milliseconds. */
  get lagMs(): number {
    return this.lag.lagMs;
  }

  /** Replicates a record from now on. Its earlier replica is not continued. */
  async add(file: string, url: string): Promise<void> {
    rmSync(join(dirname(file), `.${basename(file)}-litestream`), { recursive: true, force: true });
    this.replicas.set(file, url);
    await this.register(file, url);
  }

  replicates(file: string): boolean {
    return this.replicas.has(file);
  }

  /** Resolves when all that is committed is in the replica. */
  sync(file: string): Promise<void> {
    return this.syncWithin(file, WITHIN_S);
  }

  async remove(file: string): Promise<void> {
    if (!this.replicas.delete(file)) return;
    await this.run(["unregister", "-timeout", String(WITHIN_S), "-socket", this.socket, file]);
  }

  /** Writes the newest state of a replica that can be read to a new file. Every state is one between two transactions. */
  async restore(url: string, file: string, stop: AbortSignal): Promise<void> {
    try {
      await this.run(["restore", "-o", file, url], RESTORE_WITHIN_MS, stop);
    } catch (error) {
      // A writer that was killed may have left the last file of a shared folder torn.
      const earlier = await this.statesOf(url).catch(() => []);
      for (const id of earlier.slice(1, 1 + MAX_EARLIER)) {
        if (stop.aborted) break;
        try {
          await this.run(["restore", "-txid", id, "-o", file, url], RESTORE_WITHIN_MS, stop);
          const why = error instanceof Error ? error.message : "";
          this.logger.warn("the end of a replica cannot be read; an earlier state was restored", { why });
          return;
        } catch {}
      }
      throw error;
    }
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

  private async syncWithin(file: string, seconds: number): Promise<void> {
    await this.run(["sync", "-wait", "-timeout", String(seconds), "-socket", this.socket, file], 2_000 * seconds);
  }

  private async syncedAt(): Promise<ReadonlyMap<string, number>> {
    const text = await this.run(["list", "-json", "-timeout", "2", "-socket", this.socket], 4_000);
    const { databases } = parseJson(text) as { databases?: { path: string; last_sync_at?: string }[] | null };
    return new Map(
      (databases ?? []).flatMap(({ path, last_sync_at: at }) => (at ? [[path, Date.parse(at)] as const] : [])),
    );
  }

  /** Ids of the transactions after which a replica has a state, newest first. */
  private async statesOf(url: string): Promise<readonly string[]> {
    const text = await this.run(["ltx", "-json", "-level", "all", url], RESTORE_WITHIN_MS);
    const files = parseJson(text) as { max_txid: string }[];
    return [...new Set(files.map(({ max_txid: id }) => id))].toSorted().toReversed();
  }

  private async registerAll(daemon: Subprocess): Promise<void> {
    for (const [file, url] of [...this.replicas]) {
      if (this.daemon !== daemon) return;
      await this.register(file, url).catch(() => undefined);
    }
  }

  /** Returns what it prints. Retries while the daemon does not listen yet. */
  private async run(args: readonly string[], withinMs = 2_000 * WITHIN_S, stop?: AbortSignal): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      const { text, error, code } = await this.inTurn(() => this.execute(args, withinMs, stop));
      if (code === 0) return text;
      const isStarting = /connect|no such file|refused/i.test(error) && args.includes(this.socket) && attempt < 20;
      if (!isStarting || this.ending.signal.aborted) {
        throw new Error(`litestream ${args[0]} failed: ${error.trim().slice(-MAX_SHOWN) || `code ${code}`}`);
      }
      await this.clock.sleep(RESTART_MS / 4, this.ending.signal);
    }
  }

  private async execute(args: readonly string[], withinMs: number, stop?: AbortSignal) {
    const child = Bun.spawn([this.program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new AbortController();
    const kill = () => child.kill("SIGKILL");
    void this.clock.sleep(withinMs, ended.signal).then(() => {
      if (!ended.signal.aborted) kill();
    });
    stop?.addEventListener("abort", kill, { once: true });
    if (stop?.aborted) kill();
    const outputs = [new Response(child.stdout).text(), new Response(child.stderr).text()] as const;
    const [text, error, code] = await Promise.all([...outputs, child.exited]);
    ended.abort();
    stop?.removeEventListener("abort", kill);
    return { text, error, code };
  }

  private async inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.commands >= MAX_COMMANDS) await new Promise<void>((resolve) => this.queue.push(resolve));
    else this.commands += 1;
    try {
      return await task();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.commands -= 1;
    }
  }
}

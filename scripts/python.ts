/** The virtual environments with a real Prefect: created once in the checkout, ignored by git, reused while the versions match. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * A newer FastAPI breaks this server at import, SQLAlchemy 2.1 silently stops its scheduler (both checked on Prefect 3.8.8).
 */
export const PREFECT: PythonEnvironment = {
  folder: ".venv",
  pins: ["prefect==3.8.8", "fastapi==0.150.0", "sqlalchemy<2.1"],
};
/** The official MCP server, for the comparison. */
const PEER = { folder: ".venv-peer", pins: ["prefect-mcp==0.0.1b13", "fastapi==0.150.0"] };

export type PythonSetup = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface PythonEnvironment {
  /** Below the checkout. */
  readonly folder: string;
  readonly pins: readonly string[];
  /** Python 3.x that it needs at least; 3.10 by default. */
  readonly leastMinor?: number;
}

export function preparePrefect(root: string, say: (line: string) => void): Promise<PythonSetup> {
  return preparePython(root, PREFECT, say);
}

export function preparePeer(root: string, say: (line: string) => void): Promise<PythonSetup> {
  return preparePython(root, PEER, say);
}

/** Creates the virtual environment unless it has the pinned versions. */
export async function preparePython(
  root: string,
  environment: PythonEnvironment,
  say: (line: string) => void,
  /** For the installation of packages. */
  limitMs?: number,
): Promise<PythonSetup> {
  const folder = join(root, environment.folder);
  if (await hasVersions(folder, environment.pins)) return { ready: true };
  const leastMinor = environment.leastMinor ?? 10;
  const python = await findPython(leastMinor);
  if (!python) {
    const reason =
      `Python 3.${leastMinor} to 3.14 with venv and pip is needed for the tests against a real Prefect server: ` +
      "install python3 (on Debian and Ubuntu also python3-venv) and run this again";
    return { ready: false, reason };
  }
  say(`installing ${environment.pins.join(" ")} into ${environment.folder}`);
  rmSync(folder, { recursive: true, force: true });
  const made = await output([python, "-m", "venv", folder]);
  if (made.code !== 0) return { ready: false, reason: `python -m venv failed: ${lastLine(made.text)}` };
  const pip = [executable(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
  const installed = await output([...pip, ...environment.pins], limitMs);
  // A part of it could pass for the whole next time.
  if (installed.code !== 0) rmSync(folder, { recursive: true, force: true });
  if (installed.isTooLong) return { ready: false, reason: `pip install took more than ${limitMs} ms` };
  if (installed.code !== 0) return { ready: false, reason: `pip install failed: ${lastLine(installed.text)}` };
  if (await hasVersions(folder, environment.pins)) return { ready: true };
  return {
    ready: false,
    reason: `${environment.folder} does not contain ${environment.pins.join(" ")} after pip install`,
  };
}

function executable(folder: string): string {
  return process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
}

/** Whether the environment has the pinned versions. */
async function hasVersions(folder: string, pins: readonly string[]): Promise<boolean> {
  if (!existsSync(executable(folder)) || isMoved(folder)) return false;
  const names = pins.map((pin) => pin.split(/[=<]/)[0] ?? pin);
  const code = `from importlib.metadata import version\nfor name in ${JSON.stringify(names)}: print(version(name))`;
  const found = await output([executable(folder), "-c", code]);
  const versions = found.text.trim().split(/\s+/);
  return found.code === 0 && pins.every((pin, index) => satisfies(versions[index] ?? "", pin));
}

/** The commands of an environment name its Python by path, so none of them runs after the folder was moved. */
function isMoved(folder: string): boolean {
  const command = join(folder, "bin", "pip");
  if (!existsSync(command)) return false;
  const [, python = ""] = /^#!(\S+)/.exec(readFileSync(command, "utf8")) ?? [];
  return python.startsWith("/") && !existsSync(python);
}

function satisfies(version: string, pin: string): boolean {
  const exact = pin.split("==")[1];
  if (exact !== undefined) return version === exact;
  const below = pin.split("<")[1] ?? "";
  return Bun.semver.order(padded(version), padded(below)) < 0;
}

const padded = (version: string) => [...version.split("."), "0", "0"].slice(0, 3).join(".");

async function findPython(leastMinor: number): Promise<string | null> {
  const check = `import sys, venv, ensurepip; sys.exit(not (3, ${leastMinor}) <= sys.version_info[:2] <= (3, 14))`;
  for (const name of ["python3", "python", "python3.13", "python3.12", "python3.11", "python3.10"]) {
    const path = Bun.which(name);
    if (path && (await output([path, "-c", check])).code === 0) return path;
  }
  return null;
}

async function output(
  command: readonly string[],
  limitMs?: number,
): Promise<{ code: number; text: string; isTooLong: boolean }> {
  const limit = limitMs === undefined ? {} : { timeout: limitMs, killSignal: "SIGKILL" as const };
  const child = Bun.spawn([...command], { stdio: ["ignore", "pipe", "pipe"], ...limit });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const text = code === 0 ? out : `${out}\n${error}`;
  return { code, text, isTooLong: limitMs !== undefined && child.signalCode === "SIGKILL" };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

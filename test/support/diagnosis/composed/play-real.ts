/** The composed situations on a real Prefect server, all at once: each is beside all others, and every deployment is called `prod`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProduct, type ToolResult } from "../../process/product.ts";
import { startRealPrefect } from "../../real-prefect/real-prefect.ts";
import { waitUntil } from "../../time/wait-until.ts";
import type { Composed, Scope } from "./blocker.ts";
import { BLOCKERS } from "./blockers.ts";
import { FURTHER } from "./further-blockers.ts";
import { bestFaults, type Cause, MAX_TOKENS, scopesOf } from "./play.ts";
import { type RealWorld, RealWorlds } from "./real-world.ts";
import { World } from "./world.ts";

export interface PlayedReal {
  readonly kind: string;
  readonly blocker: string;
  readonly scope: Scope;
  readonly faults: readonly string[];
  readonly tokens: number;
}

/** Numbers would not keep errors apart: those with the same text but for numbers are one. */
const LETTERS = "abcdefghij";
/** A change that no event of Prefect records: only a record that has read the object before knows it. */
const WITHOUT_TRACE = /^deployment limit, .*limit lowered/;

interface Placed {
  readonly blocker: string;
  readonly composed: Composed;
  readonly real: RealWorld;
}

/** Every blocker in every scope. `only`: part of the names of blockers. */
export async function playReal(only: string | undefined, log: (text: string) => void): Promise<PlayedReal[]> {
  await using prefect = await startRealPrefect();
  const worlds = new RealWorlds(prefect);
  const placed: Placed[] = [];
  for (const [blocker, compose] of BLOCKERS) {
    if (FURTHER.has(blocker)) continue;
    if (WITHOUT_TRACE.test(blocker) || (only !== undefined && !blocker.includes(only))) continue;
    const world = new World();
    const composed = compose(world);
    const real = worlds.open(world, `s${LETTERS[Math.floor(placed.length / 10)]}${LETTERS[placed.length % 10]}-`);
    await real.begin();
    placed.push({ blocker, composed, real });
  }
  log(`${placed.length} situations have their objects and ended runs`);
  // Leases of slots end after 300 s: what holds them comes last.
  for (const { real } of placed) await real.end();
  log("what holds and waits is there");
  await worlds.finish();
  const folder = mkdtempSync(join(tmpdir(), "composed-"));
  const product = await startProduct({ env: prefect.productEnv(folder) });
  try {
    const status = () => product.call("get_record_status");
    await waitUntil("the record goes back as far as it will", status, ({ structured }) => structured.backfill?.done);
    const runs = () => product.call("get_flow_runs", { limit: 1 });
    await waitUntil("the record answers", runs, ({ structured }) => structured.source === "record");
    await worlds.startWorkers();
    log("the record is complete, and the workers are there");
    const played: PlayedReal[] = [];
    for (const one of placed)
      for (const scope of scopesOf(one.composed)) {
        const ask = argsOf(scope, one);
        await one.real.beat();
        played.push(judge(one, scope, await pagesOf((args) => product.call("diagnose", args), ask, scope)));
      }
    return played;
  } finally {
    worlds.driver.stopHeartbeats();
    await product[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

function argsOf(scope: Scope, { composed, real }: Placed): Record<string, string> {
  const { place, run, automation } = composed;
  if (scope === "flow_run") return { flow_run: real.idOf(run?.id ?? "") };
  if (scope === "deployment") return { deployment: `${real.nameOf(place.flow.name)}/${place.deployment.name}` };
  if (scope === "flow") return { flow: real.nameOf(place.flow.name) };
  if (scope === "work_pool") return { work_pool: real.nameOf(place.pool.name) };
  if (scope === "automation") return { automation: real.nameOf(automation ?? "") };
  return {};
}

/** A workspace with every trouble has several pages. */
async function pagesOf(
  call: (args: object) => Promise<ToolResult>,
  ask: Record<string, string>,
  scope: Scope,
): Promise<ToolResult[]> {
  const first = await call(ask);
  const pages = [first];
  if (scope !== "workspace") return pages;
  const isMore = (page: ToolResult | undefined) => typeof page?.structured.next_cursor === "string";
  while (isMore(pages.at(-1)))
    pages.push(await call({ ...ask, limit: 50, cursor: pages.at(-1)?.structured.next_cursor }));
  return pages;
}

function judge({ blocker, composed, real }: Placed, scope: Scope, pages: readonly ToolResult[]): PlayedReal {
  const [first] = pages;
  const tokens = Math.ceil(Math.max(first?.text.length ?? 0, JSON.stringify(first?.structured ?? null).length) / 4);
  const all = pages.flatMap((page) => {
    const causes = JSON.stringify(page.structured.causes ?? []);
    return JSON.parse(real.asOfWorld(causes)) as Cause[];
  });
  const causes = scope === "workspace" ? all : all.slice(0, 1);
  const verdict = String(first?.structured.verdict ?? first?.text);
  const faults = [
    ...(verdict === "problem" ? [] : [`verdict ${verdict}`]),
    ...bestFaults(causes, composed.oracle),
    ...(tokens > MAX_TOKENS ? [`${tokens} tokens`] : []),
  ];
  return { kind: blocker.split(",")[0] ?? blocker, blocker, scope, faults, tokens };
}

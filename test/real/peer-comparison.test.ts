/** The official server and this one, with the same questions on the same real Prefect. Prints the comparison. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePeer } from "../../scripts/python.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import {
  type Comparison,
  compareWithPeer,
  comparisonTable,
  largeLists,
  largeSums,
  untilRecorded,
} from "../support/peer/comparison.ts";
import { type Product, ROOT, startProduct } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";

const BASELINES = join(ROOT, "test/fixtures/token-baselines.json");
/** Each server has new names and ids, so token counts differ from run to run. */
const TOLERANCE = 1.15;
/**
 * These list what 200 tasks did at the same time. How far their ids have common beginnings and how their events are interleaved depends
 * on how fast they ran, so they are compared with what the official server needs for the same rows: at most this share.
 */
const SHARE_OF_PEER: Readonly<Record<string, number>> = { "200 events": 0.5, "task runs of a run": 0.22 };

let prefect: RealPrefect;
let ids: Readonly<Record<string, string>>;
let compared: Comparison;

beforeAll(async () => {
  const setup = await preparePeer(ROOT, () => undefined);
  if (!setup.ready) throw new Error(setup.reason);
  prefect = await startRealPrefect();
  ids = await prefect.fill();
  compared = await compareWithPeer(prefect, ids);
  process.stderr.write(`${comparisonTable(compared.rows)}\n`);
});

afterAll(() => prefect?.[Symbol.asyncDispose]());

describe("side by side with the official server", () => {
  test("both name the same facts", () => {
    for (const { name, peer, ours } of compared.rows) expect([name, ours.facts]).toEqual([name, peer.facts]);
    expect(compared.rows.filter(({ peer }) => peer.facts.length > 0).length).toBeGreaterThanOrEqual(15);
  });

  test("large lists cost at most half the tokens in sum, and none costs more", () => {
    const lists = largeLists(compared.rows);
    expect(lists.length).toBeGreaterThanOrEqual(10);
    for (const { name, peer, ours } of lists) expect([name, ours.tokens <= peer.tokens]).toEqual([name, true]);
    const { peer, ours } = largeSums(compared.rows);
    expect(ours / peer).toBeLessThanOrEqual(0.5);
  });

  test("small answers stay small", () => {
    for (const { name, isList, peer, ours } of compared.rows) {
      if (isList && peer.tokens < 250) expect([name, ours.tokens <= 250]).toEqual([name, true]);
    }
  });

  test("no answer costs more than its baseline (UPDATE_SNAPSHOTS=1 writes them)", async () => {
    const measured = Object.fromEntries(compared.rows.map(({ name, ours }) => [name, ours.tokens]));
    if (Bun.env.UPDATE_SNAPSHOTS === "1") writeFileSync(BASELINES, `${JSON.stringify(measured, null, 2)}\n`);
    const baselines: Record<string, number> = await Bun.file(BASELINES).json();
    expect(Object.keys(measured)).toEqual(Object.keys(baselines));
    for (const [name, tokens] of Object.entries(measured)) {
      const share = SHARE_OF_PEER[name];
      const ofPeer = compared.rows.find((row) => row.name === name)?.peer.tokens ?? 0;
      const most = share === undefined ? (baselines[name] ?? 0) * TOLERANCE + 10 : ofPeer * share;
      expect([name, tokens <= most]).toEqual([name, true]);
    }
  });

  test("the record answers: questions cost Prefect no request, and whatever was sent only reads", () => {
    const asked = compared.rows.filter(({ ours }) => ours.requests > 2).map(({ name }) => name);
    expect(asked.length).toBeLessThanOrEqual(2);
    const writes = compared.requests.filter(
      (line) => !/^(GET |POST \S+\/(filter|count|count-by\/\w+|concurrency_status)$)/.test(line),
    );
    expect(writes).toEqual([]);
  });
});

describe("what the official server has no tool for", () => {
  let folder: string;
  let product: Product;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "beyond-peer-"));
    product = await startProduct({ env: prefect.productEnv(folder) });
    await untilRecorded(product);
  });

  afterAll(async () => {
    await product?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("counts of the record are Prefect's own, in every grouping", async () => {
    const window = { occurred_after: "2h", occurred_before: formatIsoUs(systemClock.nowUs() - 5_000_000), limit: 200 };
    for (const by of ["time", "event", "resource", "deployment", "state"]) {
      const held = await product.call("aggregate_events", { ...window, by });
      const live = await product.call("aggregate_events", { ...window, by, fresh: true });
      expect([held.structured.source, live.structured.source]).toEqual(["record", "live"]);
      const counts = ({ structured }: typeof held) =>
        structured.groups.map((group: Record<string, unknown>) => [group.group, group.count]);
      const sorted = (answer: typeof held) => (by === "time" ? counts(answer) : counts(answer).sort());
      expect([by, live.structured.total, sorted(live)]).toEqual([by, held.structured.total, sorted(held)]);
      expect(held.structured.total).toBeGreaterThan(5);
    }
  });

  test("the timeline of a failed run holds its states in order and its error lines", async () => {
    const { structured } = await product.call("get_timeline", { flow_run: ids.failure });
    const own = structured.entries.filter((one: { kind: string; of?: string }) => one.kind === "state" && !one.of);
    const states = await prefect.api<{ name: string }[]>("GET", `/flow_run_states/?flow_run_id=${ids.failure}`);
    expect(own.map((one: { what: string }) => one.what)).toEqual(states.map((state) => state.name));
    expect(structured.entries.some((one: { kind: string; what: string }) => /^ERROR/.test(one.what))).toBe(true);
  });

  test("search finds a failed run by the words of its error, and a wait ends on a run that has ended", async () => {
    const { structured } = await product.call("search", { query: '"invalid literal"' });
    const kinds = new Set(structured.results.map((one: { kind: string }) => one.kind));
    expect([...kinds].sort()).toEqual(["event", "log"]);
    const waited = await product.call("wait_for", { flow_run: ids.failure, timeout: "5s" });
    expect(waited.structured).toMatchObject({ reached: true, flow_run: { state_type: "FAILED" } });
    const none = await product.call("wait_for", { event_type_prefix: "no.such.event", timeout: "1s" });
    expect(none.structured).toMatchObject({ reached: false });
  });
});

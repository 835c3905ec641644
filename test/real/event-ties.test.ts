/**
 * Many events of one instant, which Prefect pages by offset without a tie-break: record and answers have all of them, or say that they do
 * not. Run by `bun run test:versions` on PostgreSQL, where the pages leave some out, and by `bun run test` on SQLite.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Product, runProduct, startProduct } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const AGO_MS = 600_000;
const START_MS = Date.now() - AGO_MS;
const at = (seconds: number) => new Date(START_MS + seconds * 1_000).toISOString();

/** Events by instant: few on one page, 72, 600 of ten names and 300 resources, and 120 that nothing distinguishes. */
const GROUPS = [
  { name: "few", seconds: 1, count: 30, names: 1, resources: 1 },
  { name: "some", seconds: 2, count: 72, names: 2, resources: 72 },
  { name: "many", seconds: 3, count: 600, names: 10, resources: 300 },
  { name: "alike", seconds: 4, count: 120, names: 1, resources: 1 },
  { name: "after", seconds: 5, count: 3, names: 1, resources: 1 },
];

let prefect: RealPrefect;
let folder: string;
let product: Product;
let empty: Product;

beforeAll(async () => {
  prefect = await startRealPrefect();
  folder = mkdtempSync(join(tmpdir(), "event-ties-"));
  for (const { name, seconds, count, names, resources } of GROUPS) {
    const events = Array.from({ length: count }, (_, n) => ({
      id: crypto.randomUUID(),
      occurred: at(seconds),
      event: `ties.${name}.${n % names}`,
      resource: { "prefect.resource.id": `ties.${name}.${n % resources}` },
      payload: { n },
    }));
    for (let from = 0; from < count; from += 100) await prefect.api("POST", "/events", events.slice(from, from + 100));
  }
  await waitUntil(
    "all events are stored",
    () => total("ties."),
    (found) => found === sum(GROUPS),
  );
  const synced = await runProduct(["sync", "--once"], prefect.productEnv(join(folder, "record")));
  expect(synced.code).toBe(0);
  product = await startProduct({ env: prefect.productEnv(join(folder, "record")) });
  empty = await startProduct({ env: { ...prefect.productEnv(join(folder, "none")), PREFECT_MCP_SYNC: "off" } });
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await empty?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const sum = (groups: readonly { readonly count: number }[]) => groups.reduce((all, { count }) => all + count, 0);

async function total(prefix: string): Promise<number> {
  const filter = { event: { prefix: [prefix] }, occurred: { since: at(-3_600), until: at(3_600) } };
  return (await prefect.api<{ total: number }>("POST", "/events/filter", { filter, limit: 0 })).total;
}

/** All events of a group by the product, page by page, and whether each page was complete. */
async function read(from: Product, group: string, order: "asc" | "desc") {
  const ids = new Set<string>();
  const notes = new Set<string>();
  let isComplete = true;
  let cursor: string | undefined;
  do {
    const args = { filter: { event: { prefix: [`ties.${group}.`] } }, occurred_after: at(0), order, limit: 100 };
    const { structured, isError, text } = await from.call("read_events", { ...args, ...(cursor ? { cursor } : {}) });
    if (isError) throw new Error(text);
    for (const { id } of structured.events) ids.add(id);
    isComplete &&= structured.coverage.complete;
    for (const note of structured.coverage.notes ?? []) notes.add(note);
    cursor = structured.next_cursor;
  } while (cursor);
  return { count: ids.size, isComplete, notes: [...notes] };
}

const ASKED = [
  ["from the record", () => product],
  ["from Prefect", () => empty],
] as const;
const CASES = ASKED.flatMap(([title, of]) =>
  (["asc", "desc"] as const).flatMap((order) =>
    GROUPS.map((group) => [`${group.name} ${title}, ${order}`, group, of, order] as const),
  ),
);

test.each(CASES)("%s", async (_, { name, count }, of, order) => {
  const found = await read(of(), name, order);
  // What nothing distinguishes may be impossible to list; then the answer must not be called complete.
  const isWhole = found.count === count;
  expect([isWhole || name === "alike", found.isComplete || name === "alike"]).toEqual([true, true]);
  if (!isWhole)
    expect([found.isComplete, found.notes.join(" ")]).toEqual([false, expect.stringContaining("lists fewer events")]);
});

test.each(ASKED)("counts are right %s", async (_, of) => {
  for (const { name, count } of GROUPS) {
    const filter = { event: { prefix: [`ties.${name}.`] } };
    const { structured } = await of().call("aggregate_events", { by: "event", filter, since: at(0) });
    const counted = structured.groups.reduce((all: number, group: { count: number }) => all + group.count, 0);
    if (structured.coverage.complete) expect([name, counted]).toEqual([name, count]);
    else expect(name).toBe("alike");
  }
});

test("the record goes on after an instant that cannot be listed", async () => {
  const found = await read(product, "after", "asc");
  expect(found).toMatchObject({ count: 3, isComplete: true });
});

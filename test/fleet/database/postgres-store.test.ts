import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { type Postgres, startPostgres } from "../../../scripts/postgres.ts";
import { openPostgresStore } from "../../../src/fleet/database/postgres-store.ts";
import type { FleetStore } from "../../../src/fleet/fleet-store.ts";
import { seededRandom } from "../../support/random.ts";
import { LeaseBook } from "../lease/lease-book.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");
const REPORT = { open: 0, forwarded: 0, received: 0, live: 0 };
let server: Postgres;
let store: FleetStore;

beforeAll(async () => {
  server = await startPostgres(ROOT);
  store = openPostgresStore(`${server.url}/postgres`);
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await server?.stop();
});

const aNode = (incarnation: string, name = "n") => ({ incarnation, name, address: "http://n:1", version: "1.0.0" });
const aTenant = (key: string) => ({ key, url: "http://p/api" });
const renewal = (incarnation: string) => ({ incarnation, isDraining: false, report: REPORT });

test("several nodes that start together create the tables once", async () => {
  const stores = [1, 2, 3].map(() => openPostgresStore(`${server.url}/postgres`));
  const incarnations = stores.map(() => crypto.randomUUID());
  await Promise.all(stores.map((one, index) => one.begin(aNode(incarnations[index] ?? ""))));
  await Promise.all(incarnations.map((incarnation) => store.end(incarnation, null)));
  await Promise.all(stores.map((one) => one[Symbol.asyncDispose]()));
  expect((await store.status()).nodes).toEqual([]);
});

test("the database follows the rules of the simulation", async () => {
  const random = seededRandom(19);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const book = new LeaseBook();
  const incarnations = Array.from({ length: 8 }, () => crypto.randomUUID());
  const tenants = ["rule-a", "rule-b", "rule-c"];
  const plain = (sessions: readonly { incarnation: string; renewals: number }[]) =>
    sessions.map(({ incarnation, renewals }) => `${incarnation} ${renewals}`).toSorted();
  for (let step = 0; step < 600; step += 1) {
    const incarnation = pick(incarnations);
    const tenant = pick(tenants);
    const kind = random();
    if (kind < 0.1) {
      await store.begin(aNode(incarnation));
      book.begin(aNode(incarnation));
    } else if (kind < 0.3) {
      const expected = book.renew(incarnation);
      const found = await store.renew(renewal(incarnation));
      expect([found.isAccepted, found.renewals]).toEqual([expected.isAccepted, expected.renewals]);
      expect(plain(found.sessions)).toEqual(plain(expected.sessions));
    } else if (kind < 0.34) {
      const renewals = random() < 0.5 ? Math.floor(random() * 4) : null;
      expect(await store.end(incarnation, renewals)).toBe(book.end(incarnation, renewals));
    } else if (kind < 0.7) {
      const above = Math.floor(random() * 20);
      expect(await store.claim(aTenant(tenant), incarnation, above)).toEqual(book.claim(tenant, incarnation, above));
    } else if (kind < 0.9) {
      const fence = Math.ceil(random() * 20);
      await store.release(tenant, incarnation, fence);
      book.release(tenant, incarnation, fence);
    }
    expect(await store.owner(tenant)).toBe(book.owner(tenant));
  }
});

test("of claims at the same time one is held, and the numbers only grow", async () => {
  const incarnations = Array.from({ length: 4 }, () => crypto.randomUUID());
  for (const incarnation of incarnations) await store.begin(aNode(incarnation));
  let last = 0;
  for (let round = 0; round < 10; round += 1) {
    const results = await Promise.all(incarnations.map((one) => store.claim(aTenant("contested"), one, 0)));
    const held = results.flatMap((result, index) => (result.kind === "held" ? [{ ...result, index }] : []));
    expect(held).toHaveLength(1);
    expect(held[0]?.fence).toBeGreaterThan(last);
    last = held[0]?.fence ?? 0;
    await store.release("contested", incarnations[held[0]?.index ?? 0] ?? "", last);
  }
});

test("a session is ended or renewed, never both, and an ended one gets no tenant", async () => {
  for (let round = 0; round < 20; round += 1) {
    const incarnation = crypto.randomUUID();
    await store.begin(aNode(incarnation));
    const [isEnded, renewed, claimed] = await Promise.all([
      store.end(incarnation, 0),
      store.renew(renewal(incarnation)),
      store.claim(aTenant(`round-${round}`), incarnation, 0),
    ]);
    expect(isEnded).toBe(!renewed.isAccepted);
    const owner = await store.owner(`round-${round}`);
    expect(owner).toBe(isEnded || claimed.kind === "ended" ? null : incarnation);
  }
});

test("a session is renewed while more claims than there are connections wait", async () => {
  const incarnation = crypto.randomUUID();
  await store.begin(aNode(incarnation));
  await store.claim(aTenant("slow"), incarnation, 0);
  const sql = new SQL(`${server.url}/postgres`, { max: 1 });
  const unlock = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = sql.begin(async (tx) => {
    await tx`SELECT FROM prefect_mcp_fleet.lease WHERE tenant = 'slow' FOR UPDATE`;
    locked.resolve();
    await unlock.promise;
  });
  await locked.promise;
  let settled = 0;
  const claims = Array.from({ length: 6 }, () =>
    store.claim(aTenant("slow"), incarnation, 0).finally(() => {
      settled += 1;
    }),
  );
  const renewed = await store.renew(renewal(incarnation));
  // No claim holds the row of the session while it waits.
  expect([renewed.isAccepted, settled]).toEqual([true, 0]);
  unlock.resolve();
  await holding;
  await sql.end();
  const fences = (await Promise.all(claims)).map((claim) => (claim.kind === "held" ? claim.fence : 0));
  expect(fences.toSorted()).toEqual([2, 3, 4, 5, 6, 7]);
});

test("a node begins beside neighbouring minor versions, and not beside others that run", async () => {
  const { sessions } = await store.renew(renewal(crypto.randomUUID()));
  for (const { incarnation } of sessions) await store.end(incarnation, null);
  const begin = async (version: string) => {
    const incarnation = crypto.randomUUID();
    return { incarnation, other: await store.begin({ ...aNode(incarnation), version }) };
  };
  const first = await begin("1.4.7");
  expect(first.other).toBeNull();
  for (const version of ["1.3.9", "1.5.0", "1.4.0"]) {
    const { other, incarnation } = await begin(version);
    expect(other).toBeNull();
    await store.end(incarnation, null);
  }
  for (const version of ["1.2.0", "1.6.0", "2.4.7", "0.4.7"]) expect((await begin(version)).other).toBe("1.4.7");
  // One that was renewed longer ago belongs to no running node, even when it was not ended yet.
  const sql = new SQL(`${server.url}/postgres`, { max: 1 });
  await sql`UPDATE prefect_mcp_fleet.node SET renewed_at = now() - interval '16 seconds'`;
  await sql.end();
  expect((await begin("1.6.0")).other).toBeNull();
});

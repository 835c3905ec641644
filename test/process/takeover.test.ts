import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import { anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/eventually.ts";
import { type LineClient, makePlace, startClient } from "./program.ts";

setDefaultTimeout(60_000);
const place = makePlace();
const prefect = await startFakePrefect();
/** What just happened. */
const happen = (event: string) => {
  const now = formatIsoUs(Math.floor(systemClock.nowUs()));
  prefect.emit(anEvent({ event, occurred: now, received: now }));
};
happen("shop.opened");
const env = place.env({ PREFECT_API_URL: prefect.url });

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

async function start(): Promise<LineClient> {
  const client = startClient(await place.command("source"), { cwd: place.dir, env });
  await client.initialize();
  return client;
}

const syncing = async (client: LineClient) => (await client.call("get_record_status")).syncing;
const becomes = (client: LineClient, who: "self" | "other", withinMs: number) =>
  waitUntil(`syncing: ${who}`, withinMs, async () => (await syncing(client)) === who);

/** Events that a client sees, from the record. */
async function seen(client: LineClient, name: string): Promise<number> {
  const answer = await client.call("read_events", { event_type_prefix: name });
  return (answer.events as unknown[]).length;
}

test.each(["SIGKILL", "SIGTERM"] as const)(
  "of two processes one syncs; after %s of that one the other does within 10 s",
  async (signal) => {
    await using first = await start();
    await becomes(first, "self", 15_000);
    await using second = await start();
    await becomes(second, "other", 10_000);
    expect(await syncing(first)).toBe("self");

    first.child.kill(signal);
    await first.child.exited;
    const diedMs = performance.now();
    await becomes(second, "self", 10_000);
    expect(performance.now() - diedMs).toBeLessThan(10_000);

    const name = `shop.after.${signal.toLowerCase()}`;
    happen(name);
    await waitUntil("the new leader records", 10_000, async () => (await seen(second, name)) === 1);
  },
  60_000,
);

test("both answer the same while one syncs", async () => {
  await using first = await start();
  await becomes(first, "self", 15_000);
  await using second = await start();
  happen("shop.shared");
  await waitUntil(
    "both see it",
    10_000,
    async () => (await seen(first, "shop.shared")) + (await seen(second, "shop.shared")) === 2,
  );
});

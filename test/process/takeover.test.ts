import { afterAll, expect, test } from "bun:test";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import { anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type LineClient, makePlace, startClient } from "./program.ts";

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
const becomes = (client: LineClient, who: "self" | "other") =>
  waitUntil(`syncing: ${who}`, async () => (await syncing(client)) === who);

/** Events that a client sees, from the record. */
async function seen(client: LineClient, name: string): Promise<number> {
  const answer = await client.call("read_events", { event_type_prefix: name });
  return (answer.events as unknown[]).length;
}

test.each(["SIGKILL", "SIGTERM"] as const)(
  "of two processes one syncs; after %s of that one the other does",
  async (signal) => {
    await using first = await start();
    await becomes(first, "self");
    await using second = await start();
    await becomes(second, "other");
    expect(await syncing(first)).toBe("self");

    first.child.kill(signal);
    await first.child.exited;
    await becomes(second, "self");

    const name = `shop.after.${signal.toLowerCase()}`;
    happen(name);
    await waitUntil("the new leader records", async () => (await seen(second, name)) === 1);
  },
);

test("both answer the same while one syncs", async () => {
  await using first = await start();
  await becomes(first, "self");
  await using second = await start();
  happen("shop.shared");
  await waitUntil(
    "both see it",
    async () => (await seen(first, "shop.shared")) + (await seen(second, "shop.shared")) === 2,
  );
});

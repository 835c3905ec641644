import { expect, test } from "bun:test";
import { MINUTE_US } from "../../../src/lib/time.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { countEventsPerBucket, countEventsPerDeployment } from "../../../src/store/events/event-groups.ts";
import { createEventWriter } from "../../../src/store/events/events.ts";
import { anEvent, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

const WINDOW = { fromUs: T0_US, toUs: T0_US + 10 * MINUTE_US };
const deployment = (id: string, name: string) => ({
  "prefect.resource.id": `prefect.deployment.${id}`,
  "prefect.resource.name": name,
  "prefect.resource.role": "deployment",
});

function aRecord() {
  const db = memoryRecord();
  const events = [
    anEvent({ event: "a", occurred: at(0), related: [deployment("1", "nightly"), deployment("2", "hourly")] }),
    anEvent({ event: "b", occurred: at(90), related: [deployment("1", "nightly")] }),
    anEvent({ event: "b", occurred: at(100), resource: deployment("1", "nightly") }),
    anEvent({ event: "a", occurred: at(110) }),
    anEvent({ event: "a", occurred: at(700), related: [deployment("2", "hourly")] }),
  ];
  inTransaction(db, () => createEventWriter(db).insert(events, "live", T0_US));
  return db;
}

test("events count for each deployment that they are about or related to", () => {
  using db = aRecord();
  const groups = countEventsPerDeployment(db, WINDOW).sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(groups).toEqual([
    {
      key: "prefect.deployment.1",
      label: "nightly",
      count: 3,
      firstUs: T0_US,
      lastUs: T0_US + 100_000_000,
    },
    { key: "prefect.deployment.2", label: "hourly", count: 1, firstUs: T0_US, lastUs: T0_US },
  ]);
  expect(countEventsPerDeployment(db, WINDOW, { name: ["b"] })).toMatchObject([{ label: "nightly", count: 2 }]);
});

test("events count in buckets of time", () => {
  using db = aRecord();
  const buckets = { baseUs: T0_US, stepUs: MINUTE_US };
  expect(countEventsPerBucket(db, WINDOW, buckets, { prefix: ["a"] })).toEqual([
    { startUs: T0_US, count: 1, firstUs: T0_US, lastUs: T0_US },
    { startUs: T0_US + MINUTE_US, count: 1, firstUs: T0_US + 110_000_000, lastUs: T0_US + 110_000_000 },
  ]);
});

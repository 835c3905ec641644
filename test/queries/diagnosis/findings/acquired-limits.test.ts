import { expect, test } from "bun:test";
import { acquiredLimits } from "../../../../src/queries/diagnosis/findings/acquired-limits.ts";
import { anEvent, anId } from "../../../support/builders.ts";
import { someRunFacts } from "../../../support/diagnosis/facts.ts";

test("each limit once, from the events of its acquisition alone", () => {
  const about = { "prefect.resource.id": `prefect.concurrency-limit.${anId(72)}`, "prefect.resource.name": "ledger" };
  const acquired = anEvent({ event: "prefect.concurrency-limit.acquired", resource: about });
  const released = anEvent({
    event: "prefect.concurrency-limit.released",
    resource: { ...about, "prefect.resource.name": "other" },
  });
  expect(acquiredLimits(someRunFacts({}, { events: [acquired, acquired, released] }))).toEqual(["ledger"]);
});

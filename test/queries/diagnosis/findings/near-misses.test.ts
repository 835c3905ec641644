import { expect, test } from "bun:test";
import { nearestLast } from "../../../../src/queries/diagnosis/findings/near-misses.ts";
import { anEvent, at } from "../../../support/builders.ts";

const event = (name: string, seconds: number, flow: string) =>
  anEvent({
    event: "prefect.flow-run.Failed",
    occurred: at(seconds),
    resource: { "prefect.resource.id": `prefect.flow-run.${name}`, "prefect.resource.name": name },
    related: [{ "prefect.resource.id": "f", "prefect.resource.role": "flow", "prefect.resource.name": flow }],
  });
const [mine, older, stranger] = [
  event("a", 10, "Load_Orders"),
  event("b", 0, "Load_Orders"),
  event("c", 50, "billing"),
];
const names = (events: readonly { resource: object }[]) =>
  events.map(({ resource }) => Reflect.get(resource, "prefect.resource.name"));

test("events of the flow that was meant come after those of strangers, the newest last", () => {
  const match_related = [{ "prefect.resource.role": "flow", "prefect.resource.name": "load-orders" }];
  expect(names(nearestLast([older, mine, stranger], { match: {}, match_related }))).toEqual(["c", "b", "a"]);
});

test("without a shared value the newest is last; a role is no shared value", () => {
  const match_related = [{ "prefect.resource.role": "flow", "prefect.resource.name": "else" }];
  expect(names(nearestLast([stranger, mine, older], { match: {}, match_related }))).toEqual(["b", "a", "c"]);
});

test("one of several values is enough", () => {
  const match = { "prefect.resource.name": ["x", "b"] };
  expect(names(nearestLast([older, mine, stranger], { match, match_related: [] }))).toEqual(["a", "c", "b"]);
});

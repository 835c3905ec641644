import { describe, expect, test } from "bun:test";
import {
  parseEventFilter,
  resourceCondition,
  withEventPrefix,
  withResource,
} from "../../../src/queries/events/event-filter.ts";
import { anId } from "../../support/builders.ts";

describe("an event filter", () => {
  test("is accepted in all forms that Prefect accepts, and its nulls are removed", () => {
    const filter = {
      occurred: { since: "2026-08-20", until: "2026-08-20T09:15:00+02:00" },
      event: { prefix: ["a."], exclude_name: ["a.b"], name: null },
      resource: { id: ["x"], labels: { "prefect.resource.name": ["a*", "!b"] }, distinct: true },
      related: [{ role: ["flow"], resources_in_roles: [["x", "flow"]] }, { labels: { a: "b" } }],
      any_resource: { id_prefix: ["prefect."] },
      id: { id: [anId(1)] },
      text: { query: "disk" },
      order: "ASC",
    };
    const { name: _, ...event } = filter.event;
    expect(parseEventFilter(filter)).toEqual({ ...filter, event } as never);
    expect(parseEventFilter(undefined)).toEqual({});
    expect(parseEventFilter({ event: { prefix: "a." } })).toEqual({ event: { prefix: ["a."] } });
    expect(parseEventFilter({ occurred: { since: 1_787_217_300 } })).toEqual({
      occurred: { since: "2026-08-20T09:15:00Z" },
    });
  });

  const bad: [unknown, string][] = [
    [[], "filter must be an object, not []"],
    [{ evnt: {} }, 'unknown field "evnt" in filter'],
    [{ constructor: {} }, 'unknown field "constructor" in filter'],
    [{ event: { prefixes: [] } }, 'unknown field "prefixes" in filter.event'],
    [{ event: { prefix: [1] } }, "filter.event.prefix[0] must be a text, not 1"],
    [
      { occurred: { since: "soon" } },
      'filter.occurred.since must be an ISO 8601 time such as "2026-01-31T09:00:00Z", not "soon"',
    ],
    [{ resource: { distinct: "yes" } }, 'filter.resource.distinct must be true or false, not "yes"'],
    [{ resource: { labels: { a: 1 } } }, "filter.resource.labels.a must be a text or a list of texts, not 1"],
    [
      { related: { resources_in_roles: [["x"]] } },
      'filter.related.resources_in_roles[0] must be a pair [resource id, role], not ["x"]',
    ],
    [{ id: { id: ["7"] } }, 'filter.id.id[0] must be a UUID, not "7"'],
    [{ related: [{ labels: {} }, { ids: [] }] }, 'unknown field "ids" in filter.related[1]'],
    [{ any_resource: 5 }, "filter.any_resource must be an object, not 5"],
    [{ any_resource: [{ id: [5] }] }, "filter.any_resource[0].id[0] must be a text, not 5"],
    [{ order: "down" }, 'filter.order must be one of ASC, DESC, not "down"'],
    [{ text: {} }, "filter.text needs query"],
    [{ text: { query: "x".repeat(201) } }, "filter.text.query is longer than 200 characters"],
  ];
  test.each(bad)("%j is refused", (filter, message) => {
    expect(() => parseEventFilter(filter)).toThrow(expect.objectContaining({ code: "invalid_input", message }));
  });
});

describe("typed arguments", () => {
  test("are added to the given filter", () => {
    expect(withEventPrefix({}, "a.")).toEqual({ event: { prefix: ["a."] } });
    expect(withEventPrefix({ event: { prefix: ["a.b.", "c."] } }, "a.")).toEqual({ event: { prefix: ["a.b."] } });
    expect(withEventPrefix({ event: { prefix: ["a."] } }, "a.b.")).toEqual({ event: { prefix: ["a.b."] } });
    expect(() => withEventPrefix({ event: { prefix: ["a."] } }, "b.")).toThrow(
      'no event name begins with event_type_prefix "b." and with filter.event.prefix',
    );
    expect(withResource({}, { id: ["x"] })).toEqual({ any_resource: { id: ["x"] } });
    expect(withResource({ any_resource: { id: ["y"] } }, { id: ["x"] })).toEqual({
      any_resource: [{ id: ["y"] }, { id: ["x"] }],
    });
  });

  test("a resource may be an id, a prefix, a UUID of any kind or a name", () => {
    expect(resourceCondition("prefect.flow-run.*")).toEqual({ id_prefix: ["prefect.flow-run."] });
    expect(resourceCondition("prefect.flow-run.")).toEqual({ id_prefix: ["prefect.flow-run."] });
    expect(resourceCondition("s3://lake/orders")).toEqual({ id: ["s3://lake/orders"] });
    expect(resourceCondition("shop.order.1")).toEqual({ id: ["shop.order.1"] });
    expect(resourceCondition(anId(1)).id).toContain(`prefect.deployment.${anId(1)}`);
    expect(resourceCondition("order 1")).toEqual({ labels: { "prefect.resource.name": "order 1" } });
  });
});

import { formatIsoUs, SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type { EventFilter } from "../../../src/model/events/event-filter.ts";
import { anEvent, T0_US } from "../../support/builders.ts";

export type Random = () => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new RangeError("nothing to pick from");
  return found;
}

const chance = (random: Random, share: number) => random() < share;

export const NAMES = [
  "prefect.flow-run.Running",
  "prefect.flow-run.Failed",
  "Prefect.Flow-Run.Odd",
  "shop_order.placed",
  "shopXorder.placed",
  "shop.50%",
];
const RESOURCES = [
  "prefect.flow-run.a1",
  "prefect.flow-run.b2",
  "prefect.worker.Process.Host",
  "shop_order.1",
  "shopXorder.2",
  "s3://lake/orders",
];
const ROLES = ["flow", "tag", "flow-run", "Flow"];
const WORDS = ["disk", "Full", "ümläut", "two words", "100%", "a_b", 'quote"d', "back\\slash"];

/** One of a few times, some of them adjacent, so that equal times are common. */
function someTime(random: Random): number {
  return T0_US + Math.floor(random() * 40) + (chance(random, 0.3) ? Math.floor(random() * 5) * SECOND_US * 1800 : 0);
}

function someLabels(random: Random): Record<string, string> {
  return {
    ...(chance(random, 0.7) ? { "prefect.resource.name": pick(random, ["order one", "Order Two", "x"]) } : {}),
    ...(chance(random, 0.4) ? { colour: pick(random, ["red", "RED", "blue", "", "re*d"]) } : {}),
  };
}

export function someEvent(random: Random): PrefectEvent {
  const occurredUs = someTime(random);
  const related = Array.from({ length: Math.floor(random() * 4) }, () => ({
    "prefect.resource.id": pick(random, RESOURCES),
    "prefect.resource.role": pick(random, ROLES),
    ...someLabels(random),
  }));
  return anEvent({
    id: crypto.randomUUID(),
    occurred: formatIsoUs(occurredUs),
    received: formatIsoUs(occurredUs + Math.floor(random() * 3000) - 1000),
    event: pick(random, NAMES),
    resource: { "prefect.resource.id": pick(random, RESOURCES), ...someLabels(random) },
    related,
    payload: chance(random, 0.5)
      ? { message: pick(random, WORDS), nested: { list: [1.5, pick(random, WORDS), null, true] } }
      : {},
  });
}

const some = <T>(random: Random, from: readonly T[]): T[] => from.filter(() => chance(random, 0.35));

function someSpec(random: Random): Record<string, string | string[]> {
  const keys = ["colour", "prefect.resource.name", "prefect.resource.id", "prefect.resource.role", "absent"];
  const values = [
    "red",
    "RED",
    "r*",
    "?ed",
    "!red",
    "!r*",
    "order one",
    "ORDER*",
    "flow",
    "shop_order.1",
    "prefect.*",
    "",
    "re*d",
  ];
  return Object.fromEntries(
    some(random, keys).map((key) => [key, chance(random, 0.5) ? pick(random, values) : some(random, values)]),
  );
}

/** A filter of a few of Prefect's fields with values that often match. */
export function someFilter(random: Random, events: readonly PrefectEvent[]): EventFilter {
  const maybe = <T>(share: number, value: () => T): T[] => (chance(random, share) ? [value()] : []);
  const prefixes = ["prefect.", "PREFECT.flow", "shop_order", "shop.50%", "s3://", "nothing", ""];
  const idPrefixes = ["prefect.flow-run.", "shop_order", "PREFECT.worker", "s3://lake/orders", "nope", "%order"];
  const related = () => ({
    ...Object.assign({}, ...maybe(0.5, () => ({ id: some(random, [...RESOURCES, "unknown"]) }))),
    ...Object.assign({}, ...maybe(0.3, () => ({ role: some(random, [...ROLES, ""]) }))),
    ...Object.assign(
      {},
      ...maybe(0.2, () => ({ resources_in_roles: [[pick(random, RESOURCES), pick(random, ROLES)]] })),
    ),
    ...Object.assign({}, ...maybe(0.2, () => ({ labels: someSpec(random) }))),
  });
  const any = () => ({
    ...Object.assign({}, ...maybe(0.5, () => ({ id: some(random, [...RESOURCES, "unknown"]) }))),
    ...Object.assign({}, ...maybe(0.3, () => ({ id_prefix: some(random, idPrefixes) }))),
    ...Object.assign({}, ...maybe(0.2, () => ({ labels: someSpec(random) }))),
  });
  const queries = [
    "disk",
    "DISK -full",
    "+disk +full",
    '"two words"',
    "!disk",
    "100%",
    "a_b ümläut",
    "- disk",
    "order",
    '"back\\\\slash"',
    " ",
  ];
  return Object.assign(
    {},
    ...maybe(0.35, () => ({
      event: {
        ...Object.assign({}, ...maybe(0.5, () => ({ prefix: some(random, prefixes) }))),
        ...Object.assign({}, ...maybe(0.3, () => ({ name: some(random, NAMES) }))),
        ...Object.assign({}, ...maybe(0.2, () => ({ exclude_prefix: some(random, prefixes) }))),
        ...Object.assign({}, ...maybe(0.2, () => ({ exclude_name: some(random, NAMES) }))),
      },
    })),
    ...maybe(0.35, () => ({
      resource: {
        ...Object.assign({}, ...maybe(0.4, () => ({ id: some(random, [...RESOURCES, "unknown"]) }))),
        ...Object.assign({}, ...maybe(0.3, () => ({ id_prefix: some(random, idPrefixes) }))),
        ...Object.assign({}, ...maybe(0.3, () => ({ labels: someSpec(random) }))),
        ...Object.assign({}, ...maybe(0.4, () => ({ distinct: chance(random, 0.7) }))),
      },
    })),
    ...maybe(0.3, () => ({ related: chance(random, 0.7) ? related() : [related(), related()] })),
    ...maybe(0.3, () => ({ any_resource: chance(random, 0.7) ? any() : [any(), any()] })),
    ...maybe(0.1, () => ({
      id: { id: [...some(random, events.slice(0, 20)).map((event) => event.id), crypto.randomUUID()] },
    })),
    ...maybe(0.15, () => ({ text: { query: pick(random, queries) } })),
  ) as EventFilter;
}

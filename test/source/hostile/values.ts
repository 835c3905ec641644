/** JSON values and events that make a pass over them slow: deep, wide, with long names, many labels, many related resources. */
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { anEvent } from "../../support/builders.ts";
import { pick, type Random, type Shape, TEXT_SHAPES } from "./texts.ts";

/** As deep as an answer of Prefect may be. */
const DEEPEST = 500;

function nested(depth: number, wrap: (inner: unknown) => unknown, innermost: unknown): unknown {
  let value = innermost;
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
}

const object = (count: number, member: (n: number) => [string, unknown]): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: Math.max(1, count) }, (_, n) => member(n)));

const text = (size: number, random: Random): string => pick(random, TEXT_SHAPES).make(size, random);

function shape(name: string, make: (size: number, random: Random) => unknown): Shape<unknown> {
  return { name, make };
}

export const VALUE_SHAPES: readonly Shape<unknown>[] = [
  shape("many members", (size) => object(size / 12, (n) => [`k${n}`, n])),
  shape("many members of almost one name", (size) => object(size / 60, (n) => [`${"k".repeat(50)}${n}`, n])),
  shape("members with names of secrets", (size) => object(size / 24, (n) => [`api_key_${n}`, `abc123def${n}`])),
  shape("members whose names are secrets", (size) => object(size / 60, (n) => [`pnu_${"k0".repeat(20)}${n}`, n])),
  shape("one long name", (size) => ({ ["n".repeat(size)]: 1 })),
  shape("many long names", (size) => object(size / 1_000, (n) => [`${"n".repeat(990)}${n}`, 1])),
  shape("names of the prototype", (size) =>
    object(size / 30, (n) => [`__proto__${n % 2 ? "" : n}`, { constructor: n }]),
  ),
  shape("a long list", (size) => Array.from({ length: size / 4 }, (_, n) => n % 100)),
  shape("a list of texts", (size) => Array.from({ length: size / 30 }, (_, n) => `text number ${n} of the list`)),
  shape("a list of flags and values", (size) =>
    Array.from({ length: size / 16 }, (_, n) => (n % 2 ? `s3cret${n}` : "--password")),
  ),
  shape("a list of pairs", (size) =>
    Array.from({ length: size / 60 }, (_, n) => ({ name: "PGPASSWORD", value: `s3cret${n}` })),
  ),
  shape("a list of empty lists", (size) => Array.from({ length: size / 3 }, () => [])),
  shape("deep objects beside each other", (size) =>
    Array.from({ length: Math.max(1, size / (6 * DEEPEST)) }, () => nested(DEEPEST, (inner) => ({ a: inner }), 1)),
  ),
  shape("deep lists beside each other", (size) =>
    Array.from({ length: Math.max(1, size / (2 * DEEPEST)) }, () => nested(DEEPEST, (inner) => [inner], "x")),
  ),
  shape("a wide member at each level", (size) =>
    nested(100, (inner) => ({ inner, wide: "w".repeat(Math.max(1, size / 100 - 20)) }), null),
  ),
  shape("a text at each level", (size, random) =>
    nested(50, (inner) => ({ inner, token: text(Math.max(20, size / 50 - 20), random) }), null),
  ),
  shape("deep members of a secret name", (size) =>
    Array.from({ length: Math.max(1, size / 9_000) }, () =>
      nested(DEEPEST, (inner) => ({ password: inner }), "s3cret"),
    ),
  ),
  shape("a schema of a block", (size) => ({
    event: "prefect.block-document.created",
    payload: { data: object(size / 30, (n) => [`field_${n}`, { secret: `s3cret${n}` }]) },
  })),
  shape("a variable with many sides", (size) => ({
    event: "prefect.variable.updated",
    payload: { updates: { value: object(size / 16, (n) => [`side${n}`, n]) } },
  })),
  shape("numbers of many digits", (size) => Array.from({ length: size / 20 }, (_, n) => 2 ** 60 + n * 1_000)),
  shape("one hostile text", (size, random) => ({ message: text(size, random) })),
  shape("many hostile texts", (size, random) =>
    Array.from({ length: 32 }, () => ({ message: text(size / 32, random) })),
  ),
];

function event(name: string, make: (size: number, random: Random) => Partial<PrefectEvent>): Shape<PrefectEvent> {
  return { name, make: (size, random) => anEvent({ event: "shop.order.loaded", ...make(size, random) }) };
}

const labels = (id: string, more: Record<string, unknown> = {}) =>
  ({ "prefect.resource.id": id, ...more }) as Record<string, string>;

export const EVENT_SHAPES: readonly Shape<PrefectEvent>[] = [
  event("many labels", (size) => ({
    resource: labels(
      "a.b",
      object(size / 24, (n) => [`label-${n}`, `value ${n}`]),
    ),
  })),
  event("one long label", (size) => ({ resource: labels("a.b", { label: "v".repeat(size) }) })),
  event("a long resource id", (size) => ({ resource: labels(`a.${"b.".repeat(size / 2)}`) })),
  event("a long name", (size) => ({ event: `shop${".order".repeat(size / 6)}` })),
  event("many related resources", (size) => ({
    related: Array.from({ length: Math.max(1, size / 70) }, (_, n) =>
      labels(`a.b.${n}`, { "prefect.resource.role": `role-${n}` }),
    ),
  })),
  event("one related resource many times", (size) => ({
    related: Array.from({ length: Math.max(1, size / 70) }, () => labels("a.b", { "prefect.resource.role": "flow" })),
  })),
  event("many labels of one related resource", (size) => ({
    related: [
      labels("a.b", { "prefect.resource.role": "x", ...object(size / 24, (n) => [`label-${n}`, `value ${n}`]) }),
    ],
  })),
  ...VALUE_SHAPES.map(({ name, make }) =>
    event(`payload: ${name}`, (size, random) => ({ payload: { value: make(size, random) } })),
  ),
];

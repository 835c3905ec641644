/** Every pass over foreign texts and values, with each hostile shape once. The work that they take is compared by `scripts/fuzz-text.ts`. */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../support/random.ts";
import { EVENT_PASSES, type Pass, TEXT_PASSES, VALUE_PASSES } from "./hostile/passes.ts";
import { ORDINARY, randomPump, type Shape, TEXT_SHAPES } from "./hostile/texts.ts";
import { EVENT_SHAPES, VALUE_SHAPES } from "./hostile/values.ts";

const SEED = 1;
const CHARS = 2_000;

async function problems<Input>({ run, problem }: Pass<Input>, shapes: readonly Shape<Input>[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, make } of shapes) {
    const input = make(CHARS, seededRandom(SEED));
    try {
      const result = await run(input);
      const wrong = problem?.(input, result) ?? null;
      if (wrong !== null) found.push(`${name}: ${wrong}`);
    } catch (error) {
      found.push(`${name}: throws ${String(error)}`);
    }
  }
  return found;
}

const random = seededRandom(SEED);
const TEXTS = [...TEXT_SHAPES, ...Array.from({ length: 50 }, () => randomPump(random))];

describe("no hostile text makes this throw or return a wrong result:", () => {
  test.each(TEXT_PASSES.map((pass) => [pass.name, pass] as const))("%s", async (_, pass) => {
    expect(await problems(pass, TEXTS)).toEqual([]);
  });
});

describe("no hostile value makes this throw or return a wrong result:", () => {
  test.each(VALUE_PASSES.map((pass) => [pass.name, pass] as const))("%s", async (_, pass) => {
    expect(await problems(pass, VALUE_SHAPES)).toEqual([]);
  });
});

describe("no hostile event makes this throw:", () => {
  test.each(EVENT_PASSES.map((pass) => [pass.name, pass] as const))("%s", async (_, pass) => {
    expect(await problems(pass, EVENT_SHAPES)).toEqual([]);
  });
});

test("the same seed makes the same texts", () => {
  const made = () => TEXT_SHAPES.map(({ make }) => make(CHARS, seededRandom(SEED))).join("\n");
  expect(made()).toBe(made());
  expect(ORDINARY.make(CHARS, seededRandom(SEED)).length).toBeLessThanOrEqual(CHARS);
});

import { expect, test } from "bun:test";
import { lazily } from "../../src/lib/lazily.ts";

test("a lazy value is made once, with the first use, also when it is undefined", () => {
  let made = 0;
  const value = lazily(() => {
    made += 1;
    return undefined;
  });
  expect(made).toBe(0);
  expect([value(), value()]).toEqual([undefined, undefined]);
  expect(made).toBe(1);
});

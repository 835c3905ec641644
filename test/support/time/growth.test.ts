import { expect, test } from "bun:test";
import { expectLinear } from "./growth.ts";

function loop(times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n += 1) sum += n % 7;
  return sum;
}

let kept = 0;

test("linear work passes, quadratic work fails", () => {
  const linear = (size: number) => {
    kept += loop(size);
  };
  expectLinear(linear, 1_000_000);
  const quadratic = (size: number) => {
    kept += loop(size * size);
  };
  expect(() => expectLinear(quadratic, 1_000)).toThrow();
  expect(kept).toBeGreaterThan(0);
});

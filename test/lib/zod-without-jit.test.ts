import { expect, test } from "bun:test";
import "../../src/lib/zod-without-jit.ts";
import { config } from "zod";

test("zod is told not to compile parsers, by the place where it keeps its settings", () => {
  expect(config().jitless).toBe(true);
});

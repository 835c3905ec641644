import { expect, test } from "bun:test";
import "../../src/lib/zod-without-jit.ts";
import { config } from "zod";

test("zod does not compile parsers: its global setting is switched off", () => {
  expect(config().jitless).toBe(true);
});

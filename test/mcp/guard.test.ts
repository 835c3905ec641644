import { expect, test } from "bun:test";
import { callTool } from "../../src/mcp/guard.ts";
import { fakeTenant } from "./fake-tenant.ts";

test("what fails because its tenant was closed under it is no internal error", async () => {
  const fake = fakeTenant();
  const crash = fake.tools().find(({ name }) => name === "crash");
  if (!crash) throw new Error("no such tool");
  const ending = new AbortController();
  const call = () =>
    callTool(
      Object.assign(fake, { ended: ending.signal }),
      crash,
      {},
      { signal: new AbortController().signal, progress() {} },
    );
  expect((await call()).structuredContent).toMatchObject({ code: "internal" });
  expect(fake.log.filter((line) => line.includes("internal error"))).toHaveLength(1);
  ending.abort();
  expect((await call()).structuredContent).toMatchObject({
    code: "unavailable",
    message: "This tenant was just closed.",
  });
  expect(fake.log.filter((line) => line.includes("internal error"))).toHaveLength(1);
});

import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { DAY_US } from "../../../src/lib/time.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { refreshServerFacts } from "../../../src/sync/context/server-facts.ts";
import { T0_US } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { aHarness, neverAborted } from "../engine-harness.ts";

describe("facts about the server", () => {
  test("are its version and retention, and are written into the record", async () => {
    const { ctx, prefect } = aHarness();
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    await refreshServerFacts(ctx, neverAborted);
    expect(ctx.server).toMatchObject({ version: "3.8.8", retentionUs: 3 * DAY_US, shortestRetentionUs: 3 * DAY_US });
    expect(findFact(ctx.db, "instance")).toEqual({
      url: "http://tiny/api",
      version: "3.8.8",
      retentionUs: 3 * DAY_US,
      createdUs: T0_US,
    });
  });

  test("are taken from an earlier answer when permission is missing now", async () => {
    const { ctx, prefect } = aHarness();
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    await refreshServerFacts(ctx, neverAborted);
    ctx.server.retentionUs = 7 * DAY_US;
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unauthorized", "forbidden", { status: 403 });
    };
    await refreshServerFacts(ctx, neverAborted);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
  });

  test("are not treated as unknown after a failure that may pass", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unavailable", "busy", { status: 503 });
    };
    expect((await failureOf(refreshServerFacts(ctx, neverAborted))).code).toBe("unavailable");
  });

  test("are asked for again where only that route fails, and less is claimed until then", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unavailable", "bad gateway", { status: 502 });
    };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(false);
    expect(ctx.server).toMatchObject({ version: "3.8.8", retentionUs: DAY_US, shortestRetentionUs: DAY_US });
    expect(findFact(ctx.db, "instance")?.retentionUs).toBeNull();
    expect(ctx.connectivity.isReachable).toBe(true);
    prefect.before = () => undefined;
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(true);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unavailable", "bad gateway", { status: 502 });
    };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(false);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
  });
});

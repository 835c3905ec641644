/** The official conformance suite against the HTTP layer with fixture tools, and its generic part against the product. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { aFlowRun } from "../../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { startHttp } from "../http/http-harness.ts";
import { type HttpProduct, startHttpProduct } from "../http/http-product.ts";
import { inspect, requiredScenarios, runRequired, runScenario } from "./conformance-suite.ts";
import { buildFixtureServer } from "./fixture-server.ts";

const LIMIT_MS = 90_000;

describe("the HTTP layer with fixture tools", () => {
  for (const [revision, count] of [
    ["2026-07-28", 37],
    ["2025-11-25", 30],
  ] as const) {
    test(
      `passes the ${count} required scenarios of ${revision}`,
      async () => {
        const required = requiredScenarios(revision);
        expect(required.length).toBe(count);
        await using http = startHttp({ build: buildFixtureServer });
        const verdicts = await runRequired(http.server.url, revision);
        const found = required.map((name) => verdicts.find((verdict) => verdict.name === name) ?? name);
        expect(found.filter((one) => typeof one === "string" || one.failed > 0 || one.passed === 0)).toEqual([]);
      },
      LIMIT_MS,
    );
  }
});

const GENERIC = [
  ["tools-list", "2026-07-28"],
  ["resources-list", "2026-07-28"],
  ["prompts-list", "2026-07-28"],
  ["dns-rebinding-protection", "2026-07-28"],
  ["caching", "2026-07-28"],
  ["http-header-validation", "2026-07-28"],
  ["sep-2164-resource-not-found", "2026-07-28"],
  ["sep-2640-skills-enumeration", ""],
  ["sep-2640-skills-manifest", ""],
  ["server-initialize", "2025-11-25"],
  ["ping", "2025-11-25"],
  ["tools-list", "2025-11-25"],
  ["resources-list", "2025-11-25"],
  ["prompts-list", "2025-11-25"],
  ["dns-rebinding-protection", "2025-11-25"],
  ["server-session-lifecycle", "2025-11-25"],
] as const;

describe("the product", () => {
  let prefect: FakePrefect;
  let product: HttpProduct;

  beforeAll(async () => {
    prefect = await startFakePrefect();
    prefect.workspace.flowRuns.push(aFlowRun());
    product = await startHttpProduct({ env: { PREFECT_API_URL: prefect.url } });
  });
  afterAll(async () => {
    await product[Symbol.asyncDispose]();
    await prefect.stop();
  });

  test.each(GENERIC)(
    "passes %s of %s",
    async (scenario, revision) => {
      const verdict = await runScenario(product.url, scenario, revision);
      expect(verdict.failures).toEqual([]);
      expect(verdict.passed).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  test(
    "passes what server-stateless can ask of a server without its diagnostic tools",
    async () => {
      const { passed, failures } = await runScenario(product.url, "server-stateless", "2026-07-28");
      expect(passed).toBeGreaterThan(20);
      expect(failures.filter((line) => !line.startsWith("Not testable"))).toEqual([]);
    },
    LIMIT_MS,
  );

  test.each(["modern", "legacy"] as const)(
    "lists its tools, resources and prompts to the strict Inspector in the %s era",
    async (era) => {
      for (const [method, key] of [
        ["tools/list", "tools"],
        ["resources/list", "resources"],
        ["prompts/list", "prompts"],
      ] as const) {
        const { code, stdout } = await inspect(product.url, era, method, method === "tools/list");
        expect(code).toBe(0);
        expect(JSON.stringify(JSON.parse(stdout))).toContain(`"${key}"`);
      }
    },
    LIMIT_MS,
  );
});

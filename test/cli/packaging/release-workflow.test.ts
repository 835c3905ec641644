import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ROOT } from "../../../scripts/packaging/about.ts";

const Step = z.object({
  uses: z.string().optional(),
  run: z.string().optional(),
  if: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const workflow = z
  .object({ jobs: z.object({ release: z.object({ steps: z.array(Step) }) }) })
  .parse(parse(read(".github/workflows/release.yml")));
const { steps } = workflow.jobs.release;

describe("the release workflow", () => {
  test("runs scripts of this repository with the Bun of the tests", () => {
    const scripts = steps.flatMap(({ run = "" }) => [...run.matchAll(/(?:scripts|\.ci|packaging)\/[\w./-]+/g)]);
    const paths = [...new Set(scripts.map(([path]) => path))].sort();
    expect(paths).toEqual([
      ".ci/release",
      "packaging/Containerfile",
      "scripts/packaging/about.ts",
      "scripts/packaging/release-files.ts",
      "scripts/packaging/verify-release.ts",
    ]);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const bun = steps.find(({ uses }) => uses?.startsWith("oven-sh/setup-bun"))?.with?.["bun-version"];
    expect([bun, /bun@([\d.]+)/.exec(read(".ci/run"))?.[1]]).toEqual(["1.4.5", "1.4.5"]);
  });

  test("publishes nothing without the switch for it", () => {
    const publishing = /npm publish|docker push|gh release create|\.ci\/release "|attest-build-provenance/;
    const found = steps.filter(({ run = "", uses = "" }) => publishing.test(run) || publishing.test(uses));
    expect(found.map((step) => step.if)).toEqual(Array(4).fill("env.PUBLISH == 'true'"));
    const dry = steps.filter(({ run = "" }) => run.includes(".ci/release --dry-run"));
    expect(dry.map((step) => step.if)).toEqual(["env.PUBLISH != 'true'"]);
  });
});

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { counted, withArticle } from "../../src/lib/shown-text.ts";

test("a count has its noun in the singular or the plural, and separators of thousands", () => {
  expect([
    counted(0, "run"),
    counted(1, "run"),
    counted(2, "log line"),
    counted(1, "entry", "entries"),
    counted(4_007, "entry", "entries"),
  ]).toEqual(["0 runs", "1 run", "2 log lines", "1 entry", "4,007 entries"] as never);
});

test("a noun has its article", () => {
  expect([withArticle("automation"), withArticle("flow run")]).toEqual(["an automation", "a flow run"] as never);
});

const NOUNS =
  "automations|buckets|causes|changes|characters|deployments|differences|entries|errors|events|files|flows|frames|groups|" +
  "items|limits|lines|members|minutes|moments|pages|periods|pools|queues|records|requests|results|rows|runs|settings|" +
  "slots|steps|tags|tasks|times|words|workers|" +
  "accounts|arguments|artifacts|assets|callers|claims|days|fields|gaps|holders|hours|ids|incidents|keys|nodes|profiles|" +
  "schedules|seconds|sessions|tenants|tokens|variables|weeks|workspaces";
/** A value followed by a noun in the plural: `${count} runs`, `${n} more log lines`. */
const PLURAL = new RegExp(
  `\\$\\{([^{}]*)\\} (?:(?!of|to|at|the|in|is|are|were|and|or|for|with)[a-z]+ ){0,2}(?:${NOUNS})\\b`,
  "g",
);
/** Constants are more than one. Names, texts and times are no counts. */
const NO_COUNT =
  /^(?:figure\()?[A-Z_]+\)?(?:\.toLocaleString\("en-US"\))?$|^(?:as[A-Z]\w*|quote|joined|counted|durationText|own|listed|plural)\(|\?[^{}]*:|(?:^|\.)(?:max|most)[A-Z]\w*$/;
/** A text is cut where it is long, the demo answers as Prefect does, and numbers of automations are exact and more than one. */
const EXEMPT = ["lib/truncate.ts", "demo/event-routes.ts", "model/objects/automation-summary.ts"];
/** What is not shown to anyone. */
const INTERNAL = /new (?:Range)?Error\(|throw new Error\(/;

/** A count followed by a verb in the plural: `${late} of them wait`, `${counted(taken, "slot")} are taken`. */
const PLURAL_VERB =
  /\$\{((?:[\w.]+\.)?(?:length|size|[a-z]*[cC]ount|total|late|taken|left|n)|counted\((?!MAX|DEFAULT|limit)[^{}]*\))\} (?:of (?:them|these) |more )?(?:are|were|have|wait|do|need|match|fail|hold|run|begin|start|end|exist|remain|differ|take)\b/g;

test("no template of the source writes a verb in the plural behind a number that may be one", async () => {
  const found: string[] = [];
  const root = join(import.meta.dir, "../../src");
  for await (const path of new Bun.Glob("**/*.ts").scan(root)) {
    for (const line of readFileSync(join(root, path), "utf8").split("\n")) {
      // The singular is the other choice.
      if (INTERNAL.test(line) || line.includes("=== 1 ?")) continue;
      for (const [text] of line.matchAll(PLURAL_VERB)) found.push(`${path} ${text}`);
    }
  }
  expect(found).toEqual([]);
});

test("no template of the source writes a noun in the plural behind a number that may be one", async () => {
  const root = join(import.meta.dir, "../../src");
  const found: string[] = [];
  for await (const path of new Bun.Glob("**/*.ts").scan(root)) {
    if (EXEMPT.includes(path)) continue;
    readFileSync(join(root, path), "utf8")
      .split("\n")
      .forEach((line, index) => {
        if (INTERNAL.test(line) || /^\s*(?:\/?\*|\/\/)/.test(line)) return;
        for (const [text, value = ""] of line.matchAll(PLURAL)) {
          if (!NO_COUNT.test(value)) found.push(`${path}:${index + 1} ${text}`);
        }
      });
  }
  expect(found).toEqual([]);
});

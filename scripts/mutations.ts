/**
 * Tests the simulation: puts one deliberate fault after the other into a copy of the engine and runs schedules until one
 * fails. `bun scripts/mutations.ts [--count 2000] [--only text]`. Exit 1 when a fault survives or no longer applies.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: "catch-ups do not overlap",
    file: "src/sync/events/catch-up.ts",
    find: "const overlapUs = ctx.settings.overlapMs * 1000;",
    replace: 'const overlapUs = coverageEnd(ctx.db, "event", "") === null ? 30_000_000 : 0;',
  },
  {
    name: "the overlap before a long absence is forgotten",
    file: "src/sync/events/catch-up.ts",
    find: "if (!isLittle && before.fromUs <= before.toUs) {",
    replace: "if (!isLittle && freshUs <= endUs && before.fromUs <= before.toUs) {",
  },
  {
    name: "events ahead of our clock are not asked for",
    file: "src/sync/events/catch-up.ts",
    find: "toUs: nowUs + AHEAD_US }",
    replace: "toUs: nowUs }",
  },
  {
    name: "a claim is committed before its rows",
    file: "src/sync/context/ingest.ts",
    find: "    const clean = events.map((event) => this.redact.event(event));\n",
    replace:
      '    if (claim) inTransaction(this.db, () => this.cover("event", "", claim));\n    const clean = events.map((event) => this.redact.event(event));\n',
  },
  {
    name: "a page claims the whole range",
    file: "src/sync/walks/store-walk.ts",
    find: "Math.min(provenToUs, range.toUs, reachedUs)",
    replace: "Math.min(range.toUs, reachedUs)",
  },
  {
    name: "a claim is as of its end",
    file: "src/sync/walks/store-walk.ts",
    find: "{ fromUs, toUs, source, verifiedUs: mark.atUs }",
    replace: "{ fromUs, toUs, source, verifiedUs: ctx.clock.nowUs() }",
  },
  {
    name: "our clock is taken for the server's",
    file: "src/sync/server/server-clock.ts",
    find: "return skews.length === 0 ? null : atUs + Math.min(...skews) * 1000 - this.marginUs();",
    replace: "return skews.length === 0 ? null : atUs;",
  },
  {
    name: "claims reach beyond the server's retention",
    file: "src/sync/context/engine-context.ts",
    find: "if (retentionUs === null) return",
    replace: "if (retentionUs !== 1) return",
  },
  {
    name: "the next page begins after the last stamp",
    file: "src/sync/walks/event-walk.ts",
    find: "      fromUs = last.atUs;\n",
    replace: "      fromUs = last.atUs + 1;\n",
  },
  {
    name: "an instant ends with its first page",
    file: "src/sync/walks/event-walk.ts",
    find: "const instant = await readInstant(reader, fromUs, options);",
    replace: "const instant = stamped.map((row) => row.event);",
  },
  {
    name: "the total of an instant is not checked",
    file: "src/sync/walks/event-walk.ts",
    find: "if (found.size >= total) return",
    replace: "if (found.size >= 0) return",
  },
  {
    name: "a short page is believed",
    file: "src/sync/walks/event-walk.ts",
    find: "if (isWhole) return stamped;",
    replace: "return stamped;",
  },
  {
    name: "a doubt is no reason to catch up",
    file: "src/sync/engine.ts",
    find: "    const nowMs = this.ctx.clock.nowMs();\n    this.schedule.request(nowMs);\n",
    replace: "    const nowMs = this.ctx.clock.nowMs();\n    if (nowMs > 0) return;\n",
  },
  {
    name: "the hole of a new connection stays open",
    file: "src/sync/engine.ts",
    find: '    if (reason !== "lost") this.schedule.request(nowMs + FLUSHED_MS);\n    if (reason === "connected") this.schedule.request(nowMs + SETTLED_MS);\n',
    replace: "",
  },
  {
    name: "a burst goes unnoticed",
    file: "src/sync/events/event-feed.ts",
    find: '    this.ctx.changes.publish("possibleGap", { reason: "burst" });\n',
    replace: "",
  },
  {
    name: "what the socket brings is stored seconds later",
    file: "src/sync/context/tuning.ts",
    find: "batchMs: 250,",
    replace: "batchMs: 2_500,",
  },
  {
    name: "the back-off grows to minutes",
    file: "src/sync/context/tuning.ts",
    find: "retryMaxMs: 8_000,",
    replace: "retryMaxMs: 240_000,",
  },
  {
    name: "events that cannot be stored are dropped",
    file: "src/sync/events/event-feed.ts",
    find: 'if (failure.code === "unavailable") return false;',
    replace: "",
  },
  {
    name: "streamed events count as shown by REST",
    file: "src/store/events/confirmed-events.ts",
    find: "range.fromUs, range.toUs, STREAM)?.n",
    replace: "range.fromUs, range.toUs, -1)?.n",
  },
  {
    name: "a replaced database goes unnoticed",
    file: "src/sync/verification/reset-detection.ts",
    find: "if (!isThere(held)) return this.recordDoubt();",
    replace: "",
  },
  {
    name: "what the stream brought is claimed",
    file: "src/sync/context/ingest.ts",
    find: '      if (claim) this.cover("event", "", claim);\n',
    replace:
      '      if (claim) this.cover("event", "", claim);\n      else if (source === "stream" && inserted.length > 1) {\n        const stamps = inserted.map((event) => parseIsoUs(event.occurred) ?? 0).sort((a, b) => a - b);\n        const reached = this.toServerUs(this.clock.nowUs() - 3_000_000);\n        if (reached !== null) this.cover("event", "", { fromUs: stamps[0] ?? 0, toUs: Math.min(reached, stamps.at(-1) ?? 0), source: "stream", verifiedUs: this.clock.nowUs() });\n      }\n',
  },
  {
    name: "a copy over REST does not replace the socket's",
    file: "src/store/events/event-writer.ts",
    find: 'if (isSame || source === "stream") return null;',
    replace: "return null;",
  },
  {
    name: "what was dropped on purpose may be claimed again",
    file: "src/sync/context/ingest.ts",
    find: "const fromUs = Math.ceil(Math.max(claim.fromUs, retentionFloorUs(this.db)));",
    replace: "const fromUs = Math.ceil(claim.fromUs);",
  },
  {
    name: "Retry-After holds up nobody else",
    file: "src/sync/server/requests.ts",
    find: "if (failure.retryAfterMs !== undefined) this.budget.pause(failure.retryAfterMs);",
    replace: "if (failure.retryAfterMs !== undefined) this.budget.pause(0);",
  },
  {
    name: "the logs of a run are claimed without their last page",
    file: "src/sync/walks/row-walk.ts",
    find: "if (page.length < pageSize || lastUs === null) {",
    replace: "if (page.length <= pageSize || lastUs === null) {",
  },
  {
    name: "a state of REST wins whatever came after it",
    file: "src/store/runs/flow-runs.ts",
    find: "const isNewer = heldUs >",
    replace: "const isNewer = false && heldUs >",
  },
  {
    name: "deleted runs are never looked for",
    file: "src/sync/runs/run-sync.ts",
    find: '    await this.reconciler.readUnfinishedRuns(readBeforeUs, "reconcile", signal);\n',
    replace: "",
  },
  {
    name: "a task run whose row comes late is taken for deleted",
    file: "src/sync/runs/reconcile.ts",
    find: "row, mark, LATEST_TASK_ROW_US",
    replace: "row, mark, 0",
  },
  {
    name: "a flow run whose row comes late is taken for deleted",
    file: "src/sync/runs/reconcile.ts",
    find: "row, mark, LATEST_FLOW_ROW_US",
    replace: "row, mark, 30_000_000",
  },
];

const { values } = parseArgs({
  options: { count: { type: "string", default: "2000" }, only: { type: "string", default: "" } },
});
const root = resolve(import.meta.dir, "..");

function applied(mutation: Mutation): string | null {
  const text = readFileSync(join(root, mutation.file), "utf8");
  const parts = text.split(mutation.find);
  return parts.length === 2 ? parts.join(mutation.replace) : null;
}

async function survives(mutation: Mutation, text: string): Promise<{ caught: boolean; told: string }> {
  const copy = mkdtempSync(join(tmpdir(), "mutation-"));
  try {
    for (const part of [
      "src",
      "test/simulation",
      "test/support",
      "scripts/simulate.ts",
      "drizzle",
      "package.json",
      "tsconfig.json",
    ]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    writeFileSync(join(copy, mutation.file), text);
    const run = Bun.spawn(["bun", "scripts/simulate.ts", "--seed", "1", "--count", values.count, "--no-shrink"], {
      cwd: copy,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
    const failure = /fails: (.*)/.exec(out)?.[1] ?? err.trim().split("\n").at(-1) ?? "";
    const after = /after (\d+) schedules/.exec(out)?.[1] ?? "?";
    return { caught: code !== 0, told: code === 0 ? "" : `${after.padStart(5)}  ${failure.slice(0, 90)}` };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

let bad = 0;
let tried = 0;
for (const mutation of MUTATIONS.filter((one) => one.name.includes(values.only))) {
  tried += 1;
  const text = applied(mutation);
  const result = text === null ? null : await survives(mutation, text);
  if (!result?.caught) bad += 1;
  const verdict = result === null ? "DOES NOT APPLY" : result.caught ? "caught after" : "SURVIVES";
  console.log(`${mutation.name.padEnd(52)} ${verdict.padEnd(14)} ${result?.told ?? mutation.file}`);
}
console.log(`${tried - bad} of ${tried} faults were caught within ${values.count} schedules each.`);
process.exit(bad === 0 ? 0 : 1);

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { type Acting, toChangeAccess } from "../../src/acting/access.ts";
import { createConfirmations } from "../../src/acting/confirmations.ts";
import { AppError } from "../../src/errors.ts";
import { ALL_PERMISSIONS, type Permission } from "../../src/model/verbs.ts";
import type { WriteOutcome, WriteRequest } from "../../src/prefect/write-api.ts";
import { withLimits } from "../../src/queries/source/context.ts";
import { everyTool } from "../../src/tools/index.ts";
import { aFlowRun, anId } from "../support/builders.ts";
import { callWith } from "../support/call-tool.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const RUNS = [1, 2, 3].map((n) => anId(20 + n));
const tool = everyTool().find(({ name }) => name === "change_flow_run");
const ARGS = { action: "cancel", filter: { id: { any_: RUNS } }, wait: "0s" };

let harness: ToolHarness;
let sent: WriteRequest[];
let notes: { phase: string; change: string; summary: string }[];
let outcomeOf: (index: number) => WriteOutcome;
let isLogBroken: boolean;
let allowed: ReadonlySet<Permission>;

harness = await openToolHarness({ record: false });
afterAll(() => harness[Symbol.asyncDispose]());
const confirmations = createConfirmations({ steadyMs: () => harness.query.clock.steadyMs() });

beforeEach(() => {
  sent = [];
  notes = [];
  isLogBroken = false;
  allowed = new Set(ALL_PERMISSIONS);
  outcomeOf = () => ({ kind: "answered", answer: { status: "ACCEPT" } });
  const runs = RUNS.map((id, index) => aFlowRun({ id, name: `run-${index}`, state_type: "RUNNING" }));
  harness.fake.workspace.flowRuns.splice(0, Number.POSITIVE_INFINITY, ...runs);
});

function acting(): Acting {
  return {
    writer: () => ({
      url: harness.fake.url,
      readForCopy: () => Promise.reject(new Error("not needed")),
      send: async (request) => outcomeOf(sent.push(request) - 1),
    }),
    allowed,
    confirmations,
    tenant: "one",
    note: ({ phase, change, summary }) => {
      if (isLogBroken) throw new AppError("unavailable", "the disk is full");
      notes.push({ phase, change, summary });
    },
  };
}

interface Called {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly structured: any;
}
async function call(args: object = {}, options: Parameters<typeof callWith>[3] = {}): Promise<Called> {
  const query = { ...withLimits(harness.query, {}), changes: toChangeAccess(acting()) };
  const { structuredContent, isError } = await callWith(query, tool as never, { ...ARGS, ...args }, options);
  return { structured: structuredContent, isError: isError === true };
}
const tokenOf = ({ structured }: Called): string => structured.preview.confirm;
const refusedBy = (code: "unauthorized" | "invalid_input"): WriteOutcome => ({
  kind: "refused",
  error: new AppError(code, "no"),
});

describe("a change", () => {
  test("is noted as preview, attempt and result of one id", async () => {
    const { structured } = await call({ confirm: tokenOf(await call()) });
    expect(structured).toMatchObject({ done: 3, of: 3 });
    expect(notes.map(({ phase }) => phase)).toEqual(["preview", "attempt", "result"]);
    expect(new Set(notes.map(({ change }) => change)).size).toBe(1);
  });

  test("that cannot be noted is not sent", async () => {
    const confirm = tokenOf(await call());
    isLogBroken = true;
    const { structured } = await call({ confirm });
    expect(structured).toMatchObject({ code: "unavailable", message: "the disk is full" });
    expect(sent).toEqual([]);
  });

  test("that is not allowed is refused and noted, also when it was confirmed before", async () => {
    const confirm = tokenOf(await call());
    allowed = new Set<Permission>(["change_flow_run.retry"]);
    const { structured } = await call({ confirm });
    expect(structured).toMatchObject({ code: "unauthorized" });
    expect([sent.length, notes.map(({ phase }) => phase)]).toEqual([0, ["preview", "refusal"]]);
  });

  test("counts ten minutes, measured by the steady clock: setting the wall clock changes nothing", async () => {
    const early = tokenOf(await call());
    harness.setWallClock(3_600_000_000);
    expect((await call({ confirm: early })).structured).toMatchObject({ done: 3 });
    const late = tokenOf(await call());
    harness.nowUs += 600_000_000;
    expect((await call({ confirm: late })).structured.message).toBe("This confirmation is older than ten minutes.");
    expect(sent).toHaveLength(3);
  });

  test("goes on after a refusal of one run, and stops after a failure that would meet the others", async () => {
    outcomeOf = (index) =>
      index === 0 ? refusedBy("invalid_input") : { kind: "answered", answer: { status: "ACCEPT" } };
    const one = await call({ confirm: tokenOf(await call()) });
    expect(one.structured.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      "refused",
      "done",
      "done",
    ]);
    sent = [];
    outcomeOf = () => refusedBy("unauthorized");
    const all = await call({ confirm: tokenOf(await call()) });
    expect(all.structured.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      "refused",
      "not_sent",
      "not_sent",
    ]);
    expect(sent).toHaveLength(1);
  });

  test("reads ABORT and WAIT of an accepted request as a refusal with Prefect's reason", async () => {
    const details = { reason: "Run is already in terminal state COMPLETED." };
    outcomeOf = () => ({ kind: "answered", answer: { status: "ABORT", state: null, details } });
    const { structured } = await call({ confirm: tokenOf(await call()) });
    expect(structured).toMatchObject({ done: 0, results: [{ outcome: "refused", reason: details.reason }, {}, {}] });
  });

  test("that the client cancels sends nothing further, and says what was sent", async () => {
    const stop = new AbortController();
    outcomeOf = (index) => {
      if (index === 0) stop.abort();
      return { kind: "answered", answer: { status: "ACCEPT" } };
    };
    const { structured } = await call({ confirm: tokenOf(await call()) }, { signal: stop.signal });
    expect(structured.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      "done",
      "not_sent",
      "not_sent",
    ]);
    expect(sent).toHaveLength(1);
  });

  test("reports its progress", async () => {
    const seen: string[] = [];
    await call({ confirm: tokenOf(await call()) }, { progress: (_done, _total, message) => void seen.push(message) });
    expect(seen.slice(0, 3)).toEqual(["1 of 3 requests sent", "2 of 3 requests sent", "3 of 3 requests sent"]);
  });
});

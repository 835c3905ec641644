import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { callsOfView, type View } from "../../../src/views/calls.ts";
import { pageHtml } from "../../../src/views/page.ts";
import { audit, openBrowser, waitUntilDrawn } from "./browser.ts";

const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-charts-"));
const browser = await openBrowser();
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Answers = Readonly<Record<string, (args: Readonly<Record<string, unknown>>) => object>>;

/** A file of the view, whose answers are made by tool. */
async function openFile(view: View, args: object, answers: Answers, width = 900) {
  const calls = callsOfView(view, { ...args }).map((call) => ({
    ...call,
    structured: { ...answers[call.tool]?.(call.args) },
  }));
  const path = join(folder, `${view}-${width}.html`);
  await Bun.write(path, pageHtml({ view, calls }));
  const opened = await browser.open(pathToFileURL(path).href, width);
  await waitUntilDrawn(opened.page);
  return opened;
}

const iso = (hour: number) => new Date(Date.UTC(2026, 10, 30, hour)).toISOString();
const second = (at: number) => new Date(Date.UTC(2026, 10, 30, 3, 0, at)).toISOString();
const whole = { source: "record", as_of: iso(24), coverage: { complete: true, gaps: [] } };

describe("bars", () => {
  const FAILED = [0, 3, 0, 1, 0, 2];
  const GAP = { from: iso(4), to: iso(5) };
  const answers: Answers = {
    get_dashboard: () => ({ flow_runs: { failed: 6, total: 6 }, ...whole }),
    aggregate_events: ({ event_type_prefix }) => ({
      groups: FAILED.map((count, hour) => ({
        start: iso(hour),
        count: event_type_prefix === "prefect.flow-run.Failed" ? count : 0,
      })),
      interval_seconds: 3600,
      window: { from: iso(0), to: new Date(Date.parse(iso(6)) - 60_000).toISOString() },
      ...whole,
      coverage: { complete: true, gaps: [GAP] },
    }),
  };

  test("have axes with whole numbers, a unit and local times, a legend, and a hatched bar for what is not covered", async () => {
    await using opened = await openFile("dashboard", {}, answers);
    const { page } = opened;
    const ticks = (axis: string) => page.locator(`.bars [aria-label='${axis}-axis tick label'] text`).allTextContents();
    expect(await ticks("y")).toEqual(["0", "1", "2", "3"]);
    expect((await ticks("x")).length).toBeGreaterThan(3);
    expect((await ticks("x"))[0]).toContain("Nov 30");
    expect(await page.locator(".bars [aria-label='y-axis label']").allTextContents()).toEqual(["runs"]);
    expect((await page.locator("figcaption .legend > span").allTextContents()).map((one) => one.trim())).toEqual([
      "failed",
      "crashed",
      "cancelled",
      "completed",
      "not covered",
    ]);
    const boxes = (fill: string) =>
      page.evaluate<number[]>(
        `[...document.querySelectorAll(".bars [fill='${fill}'] rect")].map((one) => Math.round(Number(one.getAttribute("x"))))`,
      );
    expect(await boxes("url(#gap)")).toHaveLength(1);
    // 3, 1 and 2 failed; the hour in the gap has no bar.
    expect(await boxes("var(--bad)")).toHaveLength(3);
    expect(
      await page.evaluate<boolean>("getComputedStyle(document.querySelector('pattern rect')).fill !== 'none'"),
    ).toBe(true);
    const right = await page.evaluate<number[]>(
      "[...document.querySelectorAll('.bars text')].map((one) => one.getBoundingClientRect().right)",
    );
    expect(Math.max(...right)).toBeLessThanOrEqual(900);
    expect(opened.problems).toEqual([]);
  });

  test("are chosen with the arrow keys, and said in the words of the list", async () => {
    await using opened = await openFile("dashboard", {}, answers, 320);
    const { page } = opened;
    await page.locator("[role=slider]").focus();
    const said = () => page.evaluate<string>("document.querySelector('[role=slider]').getAttribute('aria-valuetext')");
    const heard: string[] = [];
    for (const key of ["Home", "ArrowRight", "End", "ArrowLeft", "ArrowLeft"]) {
      await page.keyboard.press(key);
      heard.push((await said()).replace(/^.*?[AP]M/, ""));
    }
    expect(heard).toEqual([": none", ": 3 failed", " (in part): 2 failed", ": not covered", ": 1 failed"]);
    expect(await page.locator(".reading b").textContent()).toBe(await said());
    const listed = await page.evaluate<string[]>(
      "[...document.querySelectorAll('.bars details li')].map((one) => one.textContent)",
    );
    expect(listed).toContain(await said());
    expect(listed).toHaveLength(4);
    expect(await audit(page)).toEqual([]);
  });
});

describe("lanes of a run", () => {
  const event = (name: string, at: number) => ({
    id: `${name}${at}`,
    event: `prefect.task-run.${name}`,
    resource_id: "prefect.task-run.t1",
    occurred: second(at),
  });
  const answers: Answers = {
    get_timeline: () => ({
      subject: { name: "run", state: "Failed" },
      entries: [
        { time: second(0), kind: "state", what: "Running", id: "1" },
        { time: second(9), kind: "state", what: "Failed", id: "2" },
      ],
      ...whole,
    }),
    get_task_runs: () => ({
      task_runs: [
        {
          id: "t1",
          name: "load",
          state_type: "FAILED",
          state_name: "Failed",
          start_time: second(1),
          duration: 5,
          run_count: 2,
        },
        { id: "t2", name: "never", state_type: "PENDING", state_name: "Pending" },
        {
          id: "t3",
          name: "unknown",
          state_type: "FAILED",
          state_name: "Failed",
          start_time: second(2),
          duration: 1,
          run_count: 3,
        },
      ],
      ...whole,
    }),
    read_events: () => ({
      events: [event("Running", 1), event("AwaitingRetry", 2), event("Retrying", 4), event("Failed", 6)],
      ...whole,
    }),
    get_flow_run_logs: () => ({ logs: [{ n: 1, timestamp: second(1), level: "INFO", message: "hello" }], ...whole }),
  };

  test("show each attempt with its state and time, the wait between, and what the colours say", async () => {
    await using opened = await openFile("run", { flow_run: "r" }, answers);
    const { page } = opened;
    const attempts = await page.locator(".attempts li").allTextContents();
    expect(attempts).toHaveLength(2);
    expect(attempts[0]).toMatch(/^attempt 1 failed, retried .*:01\.000.* to .*:02\.000/);
    expect(attempts[1]).toMatch(/^attempt 2 Failed .*:04\.000.* to .*:06\.000/);
    const parts = await page.evaluate<string[]>(
      "[...document.querySelectorAll('ul.gantt > li')].map((one) => [...one.querySelectorAll('.lane > span')].map(({ className }) => className).join(' '))",
    );
    expect(parts).toEqual(["bad wait bad", "bad", ""]);
    const labels = await page.locator("ul.gantt .label").allTextContents();
    expect(labels[1]).toContain("attempt 3");
    expect(labels[2]).toContain("not started");
    expect((await page.locator("p.legend > span").allTextContents()).map((one) => one.trim())).toEqual([
      "Failed",
      "failed, retried",
      "waits to be retried",
    ]);
    expect(await page.locator(".axis text").count()).toBeGreaterThan(1);
    expect(opened.problems).toEqual([]);
  });

  test.each([
    [900, true],
    [320, false],
  ])("at %i px the logs are beside them: %p, else below", async (width, isBeside) => {
    await using opened = await openFile("run", { flow_run: "r" }, answers, width);
    const [lanes, logs] = await opened.page.evaluate<{ top: number; right: number; bottom: number; left: number }[]>(
      "['tasks', 'logs'].map((id) => document.getElementById(id).parentElement.getBoundingClientRect().toJSON())",
    );
    if (isBeside) expect([logs?.top, Number(logs?.left) > Number(lanes?.right)]).toEqual([lanes?.top, true]);
    else expect(Number(logs?.top)).toBeGreaterThanOrEqual(Number(lanes?.bottom));
  });
});

describe("the calendar of coming runs", () => {
  const run = (deployment: string, hour: number, more: object = {}) => ({
    deployment,
    expected: iso(hour),
    duration_s: 60,
    late_by_s: 0,
    waits_for: null,
    ...more,
  });
  const answers: Answers = {
    forecast: () => ({
      runs: [
        run("a/x", -1, { late_by_s: null, waits_for: "work_pool p", outcome: "does not start" }),
        run("a/x", 1),
        run("a/x", 1, { late_by_s: 750, waits_for: "work_pool p (1 slot)" }),
        run("b/y", 4),
      ],
      window: { from: iso(0), to: iso(12) },
      total: 9,
      next_cursor: "more",
      collisions: [],
      never_fires: [],
      assumptions: [],
      ...whole,
    }),
  };

  test("counts the runs of each hour, marks those that wait with how long, and hatches what is not listed", async () => {
    await using opened = await openFile("forecast", {}, answers);
    const { page } = opened;
    expect(await page.locator(".calendar .label").allTextContents()).toEqual([
      "a/x 3 runs1 late, by 12 min 30 s1 does not start",
      "b/y 1 run",
    ]);
    const rows = await page.evaluate<string[][]>(
      "[...document.querySelectorAll('.calendar .cells')].map((row) => [...row.children].map((one) => one.className.replace('cell', '').trim() + one.textContent))",
    );
    const rest = Array.from({ length: 7 }, () => "hatched");
    expect(rows).toEqual([
      ["taken bad1×", "", "taken late2▲", "", "", "", ...rest],
      ["", "", "", "", "", "taken busy1", ...rest],
    ]);
    const title = await page.evaluate<string>("document.querySelector('.cell.late').title");
    expect(title).toContain("takes 1 min");
    expect(title).toContain("12 min 30 s late, waits for work_pool p (1 slot)");
    expect(await page.locator("main").textContent()).toContain("is not known here, and not empty");
    expect(opened.problems).toEqual([]);
  });
});

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { FIRST_TOOL, VIEWS, type View } from "../../../src/views/calls.ts";
import { type AnsweredCall, pageHtml } from "../../../src/views/page.ts";
import { audit, openBrowser, type Page, waitFor, waitUntilDrawn } from "./browser.ts";
import { startDemoWeb } from "./demo-web.ts";
import { PLAIN, PLANTS, planted } from "./hostile.ts";

const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-pages-"));
const [demo, browser] = await Promise.all([startDemoWeb(), openBrowser()]);
const answers = new Map<View, AnsweredCall[]>();
for (const view of VIEWS) answers.set(view, await demo.answers(view));
await demo[Symbol.asyncDispose]();
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
/** A page as `call --html` writes it. */
async function openFile(view: View, calls: readonly AnsweredCall[], width = 900, scheme: "light" | "dark" = "light") {
  files += 1;
  const path = join(folder, `${files}.html`);
  await Bun.write(path, pageHtml({ view, calls }));
  const opened = await browser.open(pathToFileURL(path).href, width, scheme);
  await waitUntilDrawn(opened.page);
  return opened;
}

const callsWith = (view: View, change: (structured: unknown, call: AnsweredCall) => unknown): AnsweredCall[] =>
  (answers.get(view) ?? []).map((call) => ({ ...call, structured: Object(change(call.structured, call)) }));

/** Every element with the names of its attributes, in order; each opened and closed. */
async function census(page: Page): Promise<string[]> {
  await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
  for (const row of await rowsOf(page)) await page.evaluate(row);
  return page.evaluate<string[]>(
    "[...document.querySelectorAll('*')].map((one) => [one.localName, ...one.getAttributeNames()].join(' '))",
  );
}

async function rowsOf(page: Page): Promise<string[]> {
  const count = await page.locator("button.row").count();
  return count === 0 ? [] : ["document.querySelector('button.row').click()"];
}

describe("a text of a flow is only text", () => {
  test.each(VIEWS)(
    "in every field of %s: no element, attribute, script, dialog or request comes of it",
    async (view) => {
      for (const isWhole of [false, true]) {
        await using plain = await openFile(
          view,
          callsWith(view, (value) => planted(value, PLAIN, isWhole)),
        );
        const expected = await census(plain.page);
        const texts = await plain.page.evaluate<number>(
          `document.querySelector("main").textContent.split(${JSON.stringify(PLAIN)}).length`,
        );
        expect(texts).toBeGreaterThan(2);
        for (const [name, text] of Object.entries(PLANTS)) {
          await using opened = await openFile(
            view,
            callsWith(view, (value) => planted(value, text, isWhole)),
          );
          const { page, problems, requests } = opened;
          expect([name, await census(page)]).toEqual([name, expected]);
          expect([name, problems, requests]).toEqual([name, [], []]);
          expect(await page.evaluate<unknown>("[typeof taken, document.title, document.scripts.length]")).toEqual([
            "undefined",
            "Prefect",
            2,
          ]);
          const shown = await page.evaluate<string>("document.querySelector('main').textContent");
          if (name === "direction") expect(shown).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/u);
          else expect(shown).toContain(text);
        }
      }
    },
  );
});

const ROWS = 10_000;

/** The first item of a list, `ROWS` times, with a name and a time of its own. */
function manyOf(view: View, tool: string, list: string): AnsweredCall[] {
  return callsWith(view, (structured, call) => {
    if (call.tool !== tool) return structured;
    const held = Object(structured);
    const startMs = Date.parse("2026-11-30T00:00:00Z");
    const items = Array.from({ length: ROWS }, (_, index) => {
      const at = new Date(startMs + index * 1000).toISOString();
      const names = {
        name: `row ${index}`,
        message: `row ${index}`,
        resource_name: `row ${index}`,
        title: `row ${index}`,
      };
      const times = { occurred: at, start_time: at, timestamp: at, time: at, expected: at };
      return { ...held[list][0], ...names, ...times, id: `${index}`, n: index };
    });
    return { ...held, [list]: items };
  });
}

const LONG = [
  ["events", "read_events", "events", ".rows"],
  ["run", "get_flow_run_logs", "logs", ".logs"],
  ["run", "get_task_runs", "task_runs", ".gantt"],
  ["run", "get_timeline", "entries", ".entries"],
  ["incidents", "get_incidents", "incidents", ".rows"],
  ["reliability", "get_reliability", "results", ".rows"],
  ["forecast", "forecast", "runs", ".calendar"],
] as const;

describe(`${ROWS} rows`, () => {
  test.each(LONG)(
    "%s, %s.%s: only the rows in sight are in the page, and the last is reached",
    async (view, tool, list, place) => {
      await using opened = await openFile(view, manyOf(view, tool, list));
      const { page, problems } = opened;
      const session = await page.context().newCDPSession(page);
      await session.send("Performance.enable");
      await page.goto(page.url());
      await waitUntilDrawn(page);
      const { metrics } = Object(await session.send("Performance.getMetrics"));
      const seconds = (name: string) => metrics.find((one: { name: string }) => one.name === name).value;
      const script = Math.round(1000 * seconds("ScriptDuration"));
      const layout = Math.round(1000 * (seconds("LayoutDuration") + seconds("RecalcStyleDuration")));
      console.log(
        `${view}, ${ROWS} ${list}: ${script} ms of scripts, ${layout} ms of style and layout until it is drawn`,
      );
      if (view === "forecast")
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
      expect(await page.evaluate<number>("document.querySelectorAll('*').length")).toBeLessThan(3_500);
      const last = `${view === "forecast" ? "" : place} [aria-setsize]:last-child`;
      await waitFor(
        page,
        "the last row",
        `(() => {
        const box = document.querySelector(${JSON.stringify(place)}).closest(".long") ?? document.querySelector(".long");
        box.scrollTop = box.scrollHeight;
        const one = document.querySelector(${JSON.stringify(last)});
        return one?.ariaPosInSet === "${ROWS}";
      })()`,
      );
      expect(problems).toEqual([]);
    },
  );
});

/** Nothing in it but its window and its source. */
const emptied = (structured: unknown) =>
  Object.fromEntries(
    Object.entries(Object(structured)).map(([key, value]) => [key, Array.isArray(value) ? [] : value]),
  );
const GAP = { from: "2026-11-30T03:00:00Z", to: "2026-11-30T05:00:00Z" };
const withGap = (structured: unknown) => ({
  ...Object(structured),
  coverage: { ...Object(structured).coverage, complete: false, gaps: [GAP] },
});
const OFFLINE = {
  code: "unavailable",
  message: "Prefect does not answer: connection refused.",
  hint: "Check PREFECT_API_URL.",
  retryable: true,
};

describe("states", () => {
  test.each(VIEWS)(
    "%s with nothing in it, with a gap and as an error is said in words, in both themes",
    async (view) => {
      for (const scheme of ["light", "dark"] as const) {
        await using empty = await openFile(view, callsWith(view, emptied), 320, scheme);
        expect((await empty.page.locator("main").textContent())?.length).toBeGreaterThan(60);
        expect(await audit(empty.page)).toEqual([]);
        await using partial = await openFile(view, callsWith(view, withGap), 320, scheme);
        expect(await partial.page.locator("footer strong").first().textContent()).toMatch(
          /not everything is covered.*1 gap/s,
        );
        expect(await audit(partial.page)).toEqual([]);
        await using failed = await openFile(
          view,
          callsWith(view, () => OFFLINE),
          320,
          scheme,
        );
        expect(await failed.page.locator("[role=alert]").first().textContent()).toContain(OFFLINE.message);
        expect(await failed.page.locator("[role=alert]").first().textContent()).toContain(OFFLINE.hint);
        expect(await audit(failed.page)).toEqual([]);
        expect([...empty.problems, ...partial.problems, ...failed.problems]).toEqual([]);
      }
    },
  );

  test("hours that the record does not cover are gaps in the bars, never zero", async () => {
    const first = answers.get("dashboard")?.find(({ tool }) => tool === "aggregate_events");
    const start: string = Object(first?.structured).groups[3].start;
    const gap = { from: start, to: new Date(Date.parse(start) + 1000).toISOString() };
    const calls = callsWith("dashboard", (structured, { tool }) =>
      tool === FIRST_TOOL.dashboard
        ? structured
        : { ...Object(structured), coverage: { ...Object(structured).coverage, gaps: [gap] } },
    );
    await using opened = await openFile("dashboard", calls);
    const { page } = opened;
    await page.evaluate("document.querySelector('.bars details').open = true");
    const uncovered = (await page.locator(".bars li").allTextContents()).filter((one) => one.endsWith("not covered"));
    expect(uncovered).toHaveLength(1);
  });
});

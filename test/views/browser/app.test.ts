import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { pageHtml } from "../../../src/views/page.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { openBrowser, waitUntilDrawn } from "./browser.ts";

const browser = await openBrowser();
const built = await Bun.build({ entrypoints: [join(import.meta.dir, "in-page/host.ts")], target: "browser" });
const host = (await built.outputs[0]?.text()) ?? "";
afterAll(() => browser[Symbol.asyncDispose]());

const held = {
  get_dashboard: { flow_runs: { failed: 3, completed: 4, total: 7 }, problems: [], source: "record" },
  aggregate_events: { groups: [], coverage: { complete: true, gaps: [] } },
  diagnose: { verdict: "problem", subject: { kind: "workspace" }, causes: [], state: "3 runs failed" },
};

test("the host of an MCP App gives it theme and answer, and is asked for everything else", async () => {
  await using opened = await browser.open("about:blank", 360);
  const { page, problems, requests } = opened;
  await page.setContent("<iframe sandbox='allow-scripts' style='width:320px;height:700px'></iframe>");
  const given = { page: pageHtml({ view: "dashboard" }), theme: "dark", held, first: "get_dashboard", calls: [] };
  await page.evaluate(`globalThis.given = ${JSON.stringify(given)}; 0`);
  await page.addScriptTag({ content: host, type: "module" });
  const frame = await waitUntil("the frame of the app", () => page.frames().find((one) => one !== page.mainFrame()));
  // The frame is still on its way to the page.
  await waitUntil("the app", () => frame.evaluate<boolean>("document.querySelector('h2') !== null").catch(() => false));
  await waitUntilDrawn(frame);
  const called = () => page.evaluate<string[]>("given.calls.map(({ name }) => name)");
  const theme = () => frame.evaluate<string>("document.documentElement.dataset.theme");
  expect(await frame.locator("h2").first().textContent()).toContain("7 flow runs");
  expect(await theme()).toBe("dark");
  // The dashboard itself came with the host's own call; the bars are asked for.
  expect(new Set(await called())).toEqual(new Set(["aggregate_events"]));
  await frame.getByRole("button", { name: "Diagnosis" }).click();
  await waitUntil(
    "the diagnosis",
    () => frame.locator("h1").textContent(),
    (text) => text?.includes("Something is wrong") === true,
  );
  expect(await called()).toContain("diagnose");
  await page.evaluate("given.setTheme('light')");
  await waitUntil("the light theme", theme, (one) => one === "light");
  expect(await frame.evaluate<number>("document.documentElement.scrollWidth")).toBe(320);
  expect(problems).toEqual([]);
  expect(requests).toEqual([]);
});

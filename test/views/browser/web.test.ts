import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startReplayServer } from "../../../src/demo/replay-server.ts";
import { durationWords } from "../../../src/views/app/parts/time.ts";
import { VIEWS } from "../../../src/views/calls.ts";
import { bareEnv, MAIN } from "../../support/process/product.ts";
import { readLines } from "../../support/process/read-lines.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ageMs, audit, openBrowser, SCREENSHOTS, type Scheme, waitFor, waitUntilDrawn } from "./browser.ts";
import { startDemoWeb } from "./demo-web.ts";

const [demo, browser] = await Promise.all([startDemoWeb(), openBrowser()]);
mkdirSync(SCREENSHOTS, { recursive: true });
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await demo[Symbol.asyncDispose]();
});

const WIDTHS = [320, 900];
const SCHEMES: readonly Scheme[] = ["light", "dark"];
const SIZES = WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme })));
const CASES = VIEWS.flatMap((view) => SIZES.map((size) => ({ view, ...size })));

/** Requests to anything but the program itself. */
const foreign = (requests: readonly { readonly url: string }[]) =>
  requests.filter(({ url }) => new URL(url).origin !== demo.origin || url.includes(demo.token));

describe("each view of the demo's workspace", () => {
  test.each(CASES)("$view at $width px, $scheme, fits, is accessible and asks nobody else", async (one) => {
    await using opened = await browser.open(demo.address(one.view), one.width, one.scheme);
    const { page, requests, problems } = opened;
    await waitUntilDrawn(page);
    const drawnMs = await ageMs(page);
    if (one.width === 900 && one.scheme === "light")
      console.log(`${one.view}: drawn ${drawnMs} ms after it was opened`);
    await page.screenshot({ path: join(SCREENSHOTS, `${one.view}-${one.width}-${one.scheme}.png`), fullPage: true });
    expect(await page.locator("h1").count()).toBe(1);
    expect(await page.locator("[role=alert]").allTextContents()).toEqual([]);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(one.width);
    if (one.width === 320) expect(await audit(page)).toEqual([]);
    expect(problems).toEqual([]);
    expect(foreign(requests)).toEqual([]);
  });
});

/** Every number of an answer, those in its texts too, and each as the views write it: as percent and as a duration. */
function numbersOf(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value === "number") {
    found.add(`${value}`).add(`${Math.round(value * 1000) / 10}`);
    for (const one of numbersIn(durationWords(value))) found.add(one);
  } else if (typeof value === "string") for (const one of numbersIn(value)) found.add(one);
  else for (const [key, one] of Object.entries(value ?? {})) numbersOf(one, numbersOf(key, found));
  return found;
}

const numbersIn = (text: string) => text.match(/\d+(\.\d+)?/g) ?? [];

describe("numbers", () => {
  test.each(VIEWS.filter((view) => view !== "forecast"))("of %s are those of the answers", async (view) => {
    await using opened = await browser.open(demo.address(view));
    const { page } = opened;
    const answers: unknown[] = [];
    await waitUntilDrawn(page);
    for (const { url, body: asked } of opened.requests) {
      if (!url.endsWith("/mcp") || !asked.includes("tools/call")) continue;
      const { name, arguments: args } = JSON.parse(asked).params;
      const { structured, text } = await demo.call({ tool: name, args });
      answers.push(structured, text);
    }
    const shown = await page.evaluate<string>(`(() => {
      const copy = document.querySelector(".page").cloneNode(true);
      for (const one of copy.querySelectorAll("time, .age, .bars, details")) one.remove();
      const texts = [];
      for (let walk = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT); walk.nextNode(); ) texts.push(walk.currentNode.data);
      return texts.join(" ");
    })()`);
    const known = numbersOf(answers);
    expect(numbersIn(shown).length).toBeGreaterThan(1);
    expect(numbersIn(shown).filter((one) => !known.has(one))).toEqual([]);
  });

  test("of the dashboard's states are in the text of the tool, one by one", async () => {
    await using opened = await browser.open(demo.address("dashboard"));
    const { page } = opened;
    await waitUntilDrawn(page);
    const { text } = await demo.call({ tool: "get_dashboard", args: {} });
    const shown = await page.locator(".counts li").allTextContents();
    expect(shown.length).toBeGreaterThan(3);
    const settled = shown.filter((one) => /failed|crashed|cancelled|paused/.test(one));
    for (const one of settled) expect(text).toContain(one.trim());
  });
});

describe("the page at /web", () => {
  test("is used with the keyboard: a view, a run, and back", async () => {
    await using opened = await browser.open(demo.address("dashboard"));
    const { page, problems } = opened;
    await waitUntilDrawn(page);
    const focused = () => page.evaluate<string>("document.activeElement.textContent");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Dashboard");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Diagnosis");
    const outline = await page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
    await page.keyboard.press("Enter");
    await waitFor(page, "the diagnosis", "document.querySelector('ol.causes')");
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("view")).toBe("diagnosis");
    const order = await page.evaluate<number[]>(
      "[...document.querySelectorAll('[tabindex]')].map((one) => one.tabIndex).filter((index) => index > 0)",
    );
    expect(order).toEqual([]);
    await page
      .getByRole("button", { name: /^Show / })
      .first()
      .focus();
    await page.keyboard.press("Enter");
    await waitFor(page, "the run", "document.querySelector('ul.entries')");
    const place = new URLSearchParams(new URL(page.url()).hash.slice(1));
    expect(place.get("view")).toBe("run");
    expect(JSON.parse(place.get("args") ?? "")).toEqual({ flow_run: expect.any(String) });
    expect(await page.evaluate<string>("document.activeElement.getAttribute('aria-label')")).toBe("Run");
    await page.goBack();
    await waitFor(page, "the diagnosis", "document.querySelector('ol.causes')");
    await page.goBack();
    await waitFor(page, "the dashboard", "document.querySelector('ul.counts')");
    expect(problems).toEqual([]);
  });

  test("opens the whole event below a row, goes to older ones and filters by name", async () => {
    await using opened = await browser.open(demo.address("events"), 320);
    const { page, requests, problems } = opened;
    await waitUntilDrawn(page);
    await page.locator("button.row").first().focus();
    await page.keyboard.press("Enter");
    await waitFor(page, "the payload", "document.querySelector('[aria-label=\"The whole event\"] dl')");
    expect(await page.evaluate<string>("document.querySelector('button.row').ariaExpanded")).toBe("true");
    await page.getByRole("button", { name: "Older" }).click();
    await page.getByRole("button", { name: "Newer" }).waitFor();
    await page.locator("input").fill("shop.");
    await page.keyboard.press("Enter");
    await waitFor(
      page,
      "events of the shop alone",
      "[...document.querySelectorAll('button.row b')].length > 0 && [...document.querySelectorAll('button.row b')].every((one) => one.textContent.startsWith('shop.'))",
    );
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("args")).toBe('{"event_type_prefix":"shop."}');
    expect(problems).toEqual([]);
    expect(foreign(requests)).toEqual([]);
  });

  test("a link to a deployment and a range of time opens just that", async () => {
    const args = { deployment: "sync-inventory/stores", occurred_after: "6h" };
    await using opened = await browser.open(demo.address("events", args));
    const { page } = opened;
    await waitUntilDrawn(page);
    expect(await page.locator(".filter button[aria-label]").allTextContents()).toEqual([
      "deployment: sync-inventory/stores ×",
      "occurred after: 6h ×",
    ]);
    const asked = opened.requests.flatMap(({ body }) => (body.includes("tools/call") ? [JSON.parse(body).params] : []));
    expect(asked.map(({ name, arguments: given }) => [name, given])).toEqual([
      ["read_events", args],
      ["aggregate_events", args],
    ]);
  });

  test("a bar opens its events, with the keyboard alone; the back button returns", async () => {
    await using opened = await browser.open(demo.address("dashboard"));
    const { page } = opened;
    await waitUntilDrawn(page);
    await page.locator("[role=slider]").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Tab");
    expect(await page.evaluate<string>("document.activeElement.textContent")).toBe("Show its events");
    await page.keyboard.press("Enter");
    await waitFor(page, "its events", "document.querySelector('button.row')");
    const { event_type_prefix, occurred_after, occurred_before } = JSON.parse(
      new URLSearchParams(new URL(page.url()).hash.slice(1)).get("args") ?? "",
    );
    expect(event_type_prefix).toBe("prefect.flow-run.");
    expect(Date.parse(occurred_before) - Date.parse(occurred_after)).toBe(3_600_000);
    const times = await page.evaluate<string[]>(
      "[...document.querySelectorAll('button.row time')].map((one) => one.title)",
    );
    expect(times.filter((one) => one < occurred_after || one > occurred_before)).toEqual([]);
    await page.goBack();
    await waitFor(page, "the dashboard", "document.querySelector('ul.counts')");
  });

  test("draws what the record gains, without a reload", async () => {
    await using opened = await browser.open(demo.address("events"));
    const { page, requests } = opened;
    await waitUntilDrawn(page);
    const first = JSON.stringify(await page.locator("button.row").first().textContent());
    await waitFor(page, "a newer event", `document.querySelector("button.row").textContent !== ${first}`);
    expect(requests.filter(({ body }) => body.includes("subscriptions/listen"))).toHaveLength(1);
  });

  test.each([
    ["a wrong token", "x".repeat(43)],
    ["no token", ""],
  ])("shows nothing of the workspace to %s", async (_, token) => {
    await using opened = await browser.open(demo.address("dashboard", {}, token));
    const { page, requests } = opened;
    await waitFor(page, "an error", "document.querySelector('[role=alert] p')");
    expect(await page.locator(".counts").count()).toBe(0);
    expect((await page.locator("[role=alert]").textContent())?.length).toBeGreaterThan(20);
    expect(foreign(requests)).toEqual([]);
  });

  test("a page of another origin reads nothing, and the token is in no request's address", async () => {
    await using opened = await browser.open("data:text/html,<h1>other</h1>");
    const read = await opened.page.evaluate<string>(`fetch(${JSON.stringify(demo.origin)} + "/mcp", {
      method: "POST", headers: { "content-type": "application/json", authorization: "Bearer ${demo.token}" }, body: "{}",
    }).then((response) => "read " + response.status, (error) => "refused")`);
    expect(read).toBe("refused");
    const shown = await opened.page.evaluate<string>(
      `fetch(${JSON.stringify(demo.origin)} + "/web").then((response) => response.text(), () => "refused")`,
    );
    expect(shown).toBe("refused");
    const direct = await fetch(`${demo.origin}/mcp`, {
      method: "POST",
      headers: {
        origin: "https://prefect.example",
        authorization: `Bearer ${demo.token}`,
        "content-type": "application/json",
      },
      body: "{}",
    });
    expect(direct.status).toBe(403);
    expect((await fetch(`${demo.origin}/web`, { headers: { host: "prefect.example" } })).status).toBe(403);
    await using used = await browser.open(demo.address("dashboard"));
    await waitUntilDrawn(used.page);
    await used.page.getByRole("button", { name: "Events" }).click();
    await waitFor(used.page, "the events", "document.querySelector('button.row')");
    expect(used.addresses.length).toBeGreaterThan(5);
    expect(used.addresses.filter((url) => new URL(url).pathname === "/web")).toHaveLength(1);
    expect(used.addresses.filter((url) => url.split("#")[0]?.includes(demo.token))).toEqual([]);
    expect(await used.page.evaluate<string>("document.referrer")).toBe("");
  });

  test("with Prefect down every view is drawn from the record; what is not covered is said and hatched", async () => {
    await using own = await startDemoWeb();
    await own.stopPrefect();
    for (const view of VIEWS) {
      await using opened = await browser.open(own.address(view));
      await waitUntilDrawn(opened.page);
      expect([view, await opened.page.locator("footer").first().textContent()]).toEqual([
        view,
        expect.stringMatching(/from the local record.*as of .* ago/s),
      ]);
      // Of a run's logs nothing is recorded: that is said in their place.
      const alerts = await opened.page.locator("[role=alert]").allTextContents();
      expect([view, alerts.length]).toEqual([view, view === "run" ? 1 : 0]);
      if (view === "events" || view === "dashboard")
        expect(await opened.page.locator(".bars [fill='url(#gap)'] rect").count()).toBeGreaterThan(0);
    }
  });

  test("behind `serve --http` is drawn for a caller with a token of the service, and shows others why not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-service-"));
    const token = "t".repeat(43);
    const prefect = await startReplayServer();
    const child = Bun.spawn([process.execPath, MAIN, "serve", "--http", "--port", "0"], {
      env: bareEnv({
        HOME: folder,
        PREFECT_API_URL: prefect.url,
        PREFECT_MCP_DATA_DIR: folder,
        PREFECT_MCP_HTTP_TOKENS: token,
      }),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines: string[] = [];
    void readLines(child.stderr, (line) => void lines.push(line));
    const origin = await waitUntil("the address", () => /serves MCP at (http\S+)\/mcp/.exec(lines.join("\n"))?.[1]);
    const open = (own: string) =>
      browser.open(`${origin}/web#${new URLSearchParams({ token: own, view: "dashboard" })}`);
    await using allowed = await open(token);
    await waitUntilDrawn(allowed.page);
    expect(await allowed.page.locator("h2").first().textContent()).toMatch(/^\d+ flow runs? /);
    for (const wrong of ["x".repeat(43), ""]) {
      await using refused = await open(wrong);
      await waitUntilDrawn(refused.page);
      expect(await refused.page.locator("[role=alert]").textContent()).toContain("bearer token");
      expect(await refused.page.locator(".counts").count()).toBe(0);
    }
    child.kill("SIGTERM");
    await child.exited;
    await prefect.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("says that the program has ended, and keeps what it has drawn until then", async () => {
    await using own = await startDemoWeb();
    await using opened = await browser.open(own.address("incidents"));
    const { page } = opened;
    await waitUntilDrawn(page);
    const drawn = await page.locator(".rows > li h2").allTextContents();
    expect(drawn.length).toBeGreaterThan(2);
    await own[Symbol.asyncDispose]();
    await waitFor(page, "the notice", "document.querySelector('.stale')");
    expect(await page.locator(".stale").textContent()).toContain("Not live");
    expect(await page.locator(".rows > li h2").allTextContents()).toEqual(drawn);
    expect(await audit(page)).toEqual([]);
    await page.getByRole("button", { name: "Forecast" }).click();
    await waitFor(page, "the error", "document.querySelector('[role=alert]')");
    expect(await page.locator("[role=alert]").textContent()).toContain("prefect-mcp-bun web");
  });
});

/**
 * A real browser for the tests of this folder: one that the system has, else the one of `@sparticuz/chromium`. Its packages are installed
 * into `.browser/`, which git ignores, because the product's own installation does not need them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "../../support/time/wait-until.ts";

const ROOT = join(import.meta.dir, "../../..");
const INSTALLED = join(ROOT, ".browser");
/** Pictures of each view, to look at. */
export const SCREENSHOTS = join(ROOT, ".screenshots");
/** For the download of 90 MB. */
const INSTALL_LIMIT_MS = 4 * 60_000;
const SYSTEM_BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** As one process the browser ends with the first page that is closed; without its security the tests of origins say nothing. */
const UNWANTED = ["--single-process", "--no-zygote", "--disable-web-security", "--allow-running-insecure-content"];

/** The part of playwright-core's types that is used here, https://playwright.dev/docs/api/class-page. */
export interface Page {
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  goBack(): Promise<unknown>;
  setContent(html: string): Promise<void>;
  addScriptTag(options: { content: string; type?: string }): Promise<unknown>;
  locator(selector: string): Locator;
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator;
  waitForSelector(selector: string): Promise<unknown>;
  evaluate<T>(expression: string): Promise<T>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  emulateMedia(media: { colorScheme: Scheme }): Promise<void>;
  on(event: "request", listener: (request: { url(): string; postData(): string | null }) => void): void;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "dialog", listener: (dialog: { message(): string; dismiss(): Promise<void> }) => void): void;
  frames(): readonly Page[];
  mainFrame(): Page;
  url(): string;
  context(): Context;
  close(): Promise<void>;
}

export interface Locator {
  first(): Locator;
  nth(index: number): Locator;
  count(): Promise<number>;
  click(): Promise<void>;
  focus(): Promise<void>;
  fill(text: string): Promise<void>;
  textContent(): Promise<string | null>;
  innerText(): Promise<string>;
  allTextContents(): Promise<string[]>;
  waitFor(): Promise<void>;
}

interface Context {
  newCDPSession(page: Page): Promise<{ send(method: string, params?: object): Promise<Record<string, unknown>> }>;
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export type Scheme = "light" | "dark";

interface Browser {
  newContext(options: { viewport: { width: number; height: number }; colorScheme: Scheme }): Promise<Context>;
  version(): string;
  close(): Promise<void>;
}

interface Packages {
  readonly playwright: { chromium: { launch(options: object): Promise<Browser> } };
  readonly sparticuz: { default: { executablePath(): Promise<string>; args: string[] } };
}

/** Installs the packages and starts the browser once. The reason where that is not possible here. */
export async function prepareBrowser(say: (line: string) => void): Promise<{ readonly reason: string } | null> {
  const problem = await install();
  if (problem !== null) return { reason: problem };
  try {
    await using browser = await openBrowser();
    say(`the browser is Chromium ${browser.version}`);
    return null;
  } catch (error) {
    return { reason: `no browser starts here: ${String(error).slice(0, 500)}` };
  }
}

/** Without a lock: the versions in `package.json` are exact, and nothing of it is shipped. */
async function install(): Promise<string | null> {
  await Bun.write(join(INSTALLED, "package.json"), Bun.file(join(import.meta.dir, "package.json")));
  const command = [process.execPath, "install", "--no-save", "--silent"];
  const child = Bun.spawn(command, { cwd: INSTALLED, stdio: ["ignore", "inherit", "inherit"] });
  const limit = setTimeout(() => child.kill("SIGKILL"), INSTALL_LIMIT_MS);
  const code = await child.exited;
  clearTimeout(limit);
  return code === 0 ? null : "the packages of test/views/browser could not be installed";
}

async function packages(): Promise<Packages> {
  const load = (name: string) => import(Bun.resolveSync(name, INSTALLED));
  return { playwright: await load("playwright-core"), sparticuz: await load("@sparticuz/chromium") };
}

export const axeScript = () => Bun.file(join(INSTALLED, "node_modules/axe-core/axe.min.js")).text();

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What was requested, but for the page itself. */
  readonly requests: readonly { readonly url: string; readonly body: string }[];
  /** Of every request, that of the page too. */
  readonly addresses: readonly string[];
  /** Errors of scripts, errors on the console (a violation of the policy is one), and dialogs. */
  readonly problems: readonly string[];
}

export interface OpenBrowser extends AsyncDisposable {
  readonly version: string;
  open(url: string, width?: number, scheme?: Scheme): Promise<OpenPage>;
}

export async function openBrowser(): Promise<OpenBrowser> {
  const { playwright, sparticuz } = await packages();
  const system = SYSTEM_BROWSERS.map((name) => Bun.which(name)).find((path) => path !== null && existsSync(path));
  const executablePath = system ?? (await sparticuz.default.executablePath());
  const own = sparticuz.default.args.filter((one) => !UNWANTED.includes(one));
  const args = system === undefined ? own : ["--no-sandbox"];
  const browser = await playwright.chromium.launch({ executablePath, args, headless: true });
  return {
    version: browser.version(),
    async open(url, width = 900, scheme = "light") {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
      const page = await context.newPage();
      const requests: { url: string; body: string }[] = [];
      const problems: string[] = [];
      const addresses: string[] = [];
      page.on("request", (request) => {
        addresses.push(request.url());
        if (request.url() !== url.replace(/#.*/, ""))
          requests.push({ url: request.url(), body: request.postData() ?? "" });
      });
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
      });
      page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
      page.on("dialog", (dialog) => {
        problems.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url);
      return { page, requests, addresses, problems, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** Waits for a JavaScript expression to be true in the page. The page's policy forbids playwright's own way of doing that. */
export function waitFor(page: Page, what: string, expression: string): Promise<true> {
  return waitUntil(what, () => page.evaluate<boolean>(`Boolean(${expression})`));
}

/** Every answer that the page asked for is drawn. */
export async function waitUntilDrawn(page: Page): Promise<void> {
  const loading = "[...document.querySelectorAll('[role=status]')].some((one) => one.textContent === 'Loading…')";
  await waitFor(page, "a drawn page", `document.querySelector("main :is(h1, [role=alert])") && !${loading}`);
}

/** Milliseconds since the page was opened. */
export const ageMs = async (page: Page) => Math.round(await page.evaluate<number>("performance.now()"));

/** What axe-core finds against WCAG 2.2 AA, https://github.com/dequelabs/axe-core/blob/develop/doc/API.md; one line a finding. */
export async function audit(page: Page): Promise<string[]> {
  await page.evaluate(`${await axeScript()};0`);
  return page.evaluate<
    string[]
  >(`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
    .then(({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => id + ": " + html.slice(0, 200) + " " + (failureSummary ?? "").slice(0, 300))))`);
}

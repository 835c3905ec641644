import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/errors.ts";
import {
  checkAllowed,
  checkTarget,
  lookupWithin,
  type TargetRules,
} from "../../../../src/mcp/http/tenants/target-rules.ts";
import { failureOf } from "../../../support/failure-of.ts";
import { facts } from "../../../support/fake-prefect/client.ts";
import { fastClock } from "../../../support/time/fast-clock.ts";

const OPEN: TargetRules = { allowed: [], isLoopbackAllowed: true };
const NAMES: Record<string, string[]> = {
  "prefect.example.com": ["93.184.216.34"],
  "inner.example.com": ["10.0.0.7"],
  "sly.example.com": ["93.184.216.34", "169.254.169.254"],
  "rebind.example.com": ["127.0.0.1"],
  localhost: ["127.0.0.1", "::1"],
  "odd.localhost": ["93.184.216.34"],
};
const lookup = async (host: string) => {
  if (host === "broken.example.com") throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
  return NAMES[host] ?? [];
};

async function verdict(url: string, rules: TargetRules = OPEN): Promise<string> {
  try {
    await checkTarget(url, rules, lookup);
    return "allowed";
  } catch (error) {
    return error instanceof AppError ? error.message : "crash";
  }
}

describe("a target named by a header", () => {
  test.each([
    "https://prefect.example.com/api",
    "http://127.0.0.1:4200/api",
    "http://localhost:4200/api",
    "http://[::1]:4200/api",
  ])("%s is allowed on a loopback bind", async (url) => {
    expect(await verdict(url)).toBe("allowed");
  });

  test.each([
    ["http://prefect.example.com/api", "only https"],
    ["https://user:pass@prefect.example.com/api", "user info"],
    ["ftp://prefect.example.com/api", "not an http(s) URL"],
    ["nonsense", "not an http(s) URL"],
    ["https://169.254.169.254/latest", "link-local"],
    ["https://[fe80::1]/api", "link-local"],
    ["https://[fd00:ec2::254]/", "link-local"],
    ["https://[::ffff:169.254.169.254]/", "link-local"],
    ["https://[64:ff9b::a9fe:a9fe]/", "link-local"],
    ["https://0.0.0.0/api", "link-local"],
    ["https://2852039166/api", "link-local"],
    ["https://sly.example.com/api", "link-local"],
    ["https://inner.example.com/api", "private"],
    ["https://prefect.example.com/api?x=1", "query"],
    ["https://prefect.example.com/api/accounts/a/..%2fb", "encoded slash"],
    ["https://prefect.example.com/api/a/..%5Cb", "encoded slash"],
    ["https://prefect.example.com/api/a/..;/b", "semicolon"],
    ["https://prefect.example.com/api/a/..%3bx=1/b", "semicolon"],
    ["https://prefect.example.com/api/a;v=1/b", "semicolon"],
    ["https://prefect.example.com/api/a/.%252e/b", "encoded twice"],
    ["https://prefect.example.com/api/a/%252e%252e/b", "encoded twice"],
    ["https://prefect.example.com/api/a/%25252e%25252e/b", "encoded twice"],
    ["https://prefect.example.com/api/a/..%255cb", "encoded twice"],
    ["https://prefect.example.com/api/a/%c0%ae%c0%ae/b", "not UTF-8"],
    ["https://prefect.example.com/api/a/%e0%80%ae./b", "not UTF-8"],
    ["https://prefect.example.com/api/a/\uff0e\uff0e/b", "segment of dots"],
    ["https://prefect.example.com/api/a/\u2025/b", "segment of dots"],
    ["https://prefect.example.com/api/a/..\uff0fb", "wide slash"],
    ["https://prefect.example.com/api/a/..\uff3cb", "wide slash"],
    ["https://prefect.example.com/api/a/.../b", "segment of dots"],
    ["https://prefect.example.com/api/a/\u3002\u3002/b", "segment of dots"],
    ["https://prefect.example.com/api/a/..+/b", "segment of dots"],
    ["https://prefect.example.com/api/a/..~/b", "segment of dots"],
    ["https://prefect.example.com/api/a/..%23/b", "encoded question mark or hash"],
    ["https://prefect.example.com/api/a/..%3f/b", "encoded question mark or hash"],
    ["https://prefect.example.com/api/a/..%e2%80%8b/b", "invisible character"],
    ["https://prefect.example.com/api/a/.%c2%ad./b", "invisible character"],
    ["https://prefect.example.com/api/a/\u2044..\u2044b", "wide slash"],
    ["https://prefect.example.com/api/a/\u2215..\u2215b", "wide slash"],
    ["https://prefect.example.com/api/a/..\u2216b", "wide slash"],
    ["https://prefect.example.com/api/a/..%00/b", "control character"],
    ["https://prefect.example.com/api/a/..%20/b", "blank"],
    ["https://prefect.example.com/api/a/..%0d%0a/b", "control character"],
    ["https://nowhere.example.com/api", "does not resolve"],
    ["https://broken.example.com/api", "The host broken.example.com does not resolve."],
    ["https://[2002:a9fe:a9fe::1]/api", "unicast"],
    ["https://[::ffff:0:a9fe:a9fe]/api", "link-local"],
    ["http://odd.localhost/api", "only https"],
  ])("%s is refused: %s", async (url, reason) => {
    expect(await verdict(url)).toContain(reason);
  });

  test("loopback is refused behind a public bind, also by a name that resolves to it", async () => {
    const rules = { allowed: [], isLoopbackAllowed: false };
    expect(await verdict("http://127.0.0.1:4200/api", rules)).toContain("loopback");
    expect(await verdict("https://rebind.example.com/api", rules)).toContain("loopback");
  });

  test.each([
    ["fails", async () => Promise.reject(Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" }))],
    ["finds nothing", async () => []],
    ["never ends", () => new Promise<never>(() => undefined)],
  ])("whose lookup %s is unavailable, not an internal error", async (_, never) => {
    const clock = fastClock(100);
    const error = await failureOf(
      checkTarget("https://prefect.example.com/api", OPEN, lookupWithin(2_000, clock, never)),
    );
    expect(facts(error)).toEqual({
      code: "unavailable",
      message: "The host prefect.example.com does not resolve.",
      hint: "Check the host in X-Prefect-Api-Url, or try again in a moment.",
    });
    expect(clock.slept).toEqual([2_000]);
  });

  test("is looked up only when the URL itself is allowed", async () => {
    const asked: string[] = [];
    const noting = async (host: string) => {
      asked.push(host);
      return [];
    };
    for (const url of ["http://prefect.example.com/api", "https://a:b@prefect.example.com/api", "https://10.0.0.7/api"])
      expect((await failureOf(checkTarget(url, OPEN, noting))).code).toBe("unauthorized");
    expect(asked).toEqual([]);
  });

  test("on loopback must be on the allow-list like any other, also on a loopback bind", async () => {
    const rules = { allowed: ["https://api.prefect.cloud/*", "http://127.0.0.1:4200/api"], isLoopbackAllowed: true };
    expect(await verdict("http://127.0.0.1:4200/api", rules)).toBe("allowed");
    for (const url of ["http://127.0.0.1:4201/api", "http://localhost:4200/api", "https://[::1]/api"])
      expect(await verdict(url, rules)).toContain("allowed targets");
    expect(await verdict("http://127.0.0.1:4200/api", { ...rules, isLoopbackAllowed: false })).toBe("allowed");
  });

  test.each([
    "/teams/a/../b/api",
    "/teams/a/%2e%2e/b/api",
    "/teams/a\\..\\b/api",
    "/teams/a/.\t./b/api",
    "/teams/a/..;/b/api",
    "/teams/a/.%252e/b/api",
    "/teams/a/%2e%2e%2fb/api",
    "/teams/a/..%5cb/api",
    "/teams/a/..%252fb/api",
    "/teams/A/api",
    "/teams/ab/api",
  ])("whose path leaves the allowed one as %s is refused", async (path) => {
    const rules = {
      allowed: ["https://prefect.example.com/teams/a", "https://prefect.example.com/teams/c/*"],
      isLoopbackAllowed: false,
    };
    expect(await verdict(`https://prefect.example.com${path}`, rules)).toContain("is refused");
    expect(await verdict(`https://prefect.example.com${path.replace("/a", "/c")}`, rules)).toContain("is refused");
  });

  test("whose path has letters beyond ASCII is allowed", async () => {
    const rules = { allowed: ["https://Prefect.example.com/T%C3%A9am/*"], isLoopbackAllowed: false };
    expect(await verdict("https://prefect.EXAMPLE.com/T\u00e9am/api", rules)).toBe("allowed");
  });

  test("an allow-list admits only the targets that it names", async () => {
    const rules = { allowed: ["*.example.com"], isLoopbackAllowed: false };
    expect(await verdict("https://inner.example.com/api", rules)).toBe("allowed");
    expect(await verdict("https://prefect.example.org/api", rules)).toContain("allowed targets");
    expect(await verdict("https://example.com.evil.org/api", rules)).toContain("allowed targets");
    expect(await verdict("https://sly.example.com/api", rules)).toContain("link-local");
  });

  test("a star in an allow-list never matches a part of a host that others can own", async () => {
    const good = ["https://prefect.example.com/*", "http://h:4200/api*", "*.example.com", "h:4200", "[::1]:4200"];
    expect(() => checkAllowed(good)).not.toThrow();
    const bad = ["https://prefect.example.com*", "https://*.example.com/api", "https://h/*/api", "*", "*example.com"];
    for (const entry of [...bad, "example.*", "ftp://h/api"]) {
      expect(() => checkAllowed([entry])).toThrow(`holds "${entry}", which is not a valid target`);
      const rules = { allowed: [entry], isLoopbackAllowed: false };
      expect(await verdict("https://prefect.example.com.evil.org/api", rules)).toContain("allowed targets");
    }
    const rules = { allowed: ["https://prefect.example.com/a*"], isLoopbackAllowed: false };
    expect(await verdict("https://prefect.example.com/api", rules)).toBe("allowed");
    expect(await verdict("https://prefect.example.com/other", rules)).toContain("allowed targets");
  });
});

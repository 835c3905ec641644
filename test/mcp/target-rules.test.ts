import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { addressKind, checkTarget, type TargetRules } from "../../src/mcp/target-rules.ts";

const OPEN: TargetRules = { allowed: [], allowLoopback: true };
const NAMES: Record<string, string[]> = {
  "prefect.example.com": ["93.184.216.34"],
  "inner.example.com": ["10.0.0.7"],
  "sly.example.com": ["93.184.216.34", "169.254.169.254"],
  "rebind.example.com": ["127.0.0.1"],
  localhost: ["127.0.0.1", "::1"],
};
const lookup = async (host: string) => NAMES[host] ?? [];

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
    ["https://nowhere.example.com/api", "does not resolve"],
  ])("%s is refused: %s", async (url, reason) => {
    expect(await verdict(url)).toContain(reason);
  });

  test("loopback is refused behind a public bind, also by a name that resolves to it", async () => {
    const rules = { allowed: [], allowLoopback: false };
    expect(await verdict("http://127.0.0.1:4200/api", rules)).toContain("loopback");
    expect(await verdict("https://rebind.example.com/api", rules)).toContain("loopback");
  });

  test("an allow-list admits what it names and nothing else", async () => {
    const rules = { allowed: ["*.example.com"], allowLoopback: false };
    expect(await verdict("https://inner.example.com/api", rules)).toBe("allowed");
    expect(await verdict("https://prefect.example.org/api", rules)).toContain("allowed targets");
    expect(await verdict("https://example.com.evil.org/api", rules)).toContain("allowed targets");
    expect(await verdict("https://sly.example.com/api", rules)).toContain("link-local");
  });
});

describe("addressKind", () => {
  test.each([
    ["8.8.8.8", "public"],
    ["172.31.0.1", "private"],
    ["172.32.0.1", "public"],
    ["100.64.0.1", "private"],
    ["100.100.100.200", "forbidden"],
    ["::1", "loopback"],
    ["::", "forbidden"],
    ["2001:4860:4860::8888", "public"],
    ["fc00::1", "private"],
    ["ff02::1", "forbidden"],
    ["300.1.1.1", "unknown"],
    ["1::2::3", "unknown"],
  ] as const)("%s is %s", (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });
});

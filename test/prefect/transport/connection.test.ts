import { describe, expect, test } from "bun:test";
import { parseApiUrl, proxyFor } from "../../../src/prefect/transport/connection.ts";

describe("the API URL", () => {
  test.each([
    ["http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api", null],
    [" http://127.0.0.1:4200/api/ ", "http://127.0.0.1:4200/api", null],
    ["https://prefect.internal:443/x/api//", "https://prefect.internal/x/api", null],
    ["http://localhost:4200/api?x=1#y", "http://localhost:4200/api", null],
    ["https://ann:p%40ss@prefect.internal/api", "https://prefect.internal/api", "ann:p@ss"],
    ["http://[::1]:4200/api", "http://[::1]:4200/api", null],
    ["https://prefect.internal", "https://prefect.internal", null],
  ])("%s becomes %s", (text, url, authString) => {
    expect(parseApiUrl(text)).toEqual({ url, authString });
  });

  test.each(["", "prefect", "ftp://host/api", "//host/api"])("%p is not one", (text) => {
    expect(parseApiUrl(text)).toBeNull();
  });
});

describe("the proxy of a target", () => {
  const proxy = { http: "http://plain.proxy:3128", https: "secure.proxy:3129" };

  test("depends on the target's protocol, websockets included", () => {
    expect(proxyFor(new URL("http://a/api"), proxy)).toBe("http://plain.proxy:3128");
    expect(proxyFor(new URL("ws://a/api"), proxy)).toBe("http://plain.proxy:3128");
    expect(proxyFor(new URL("https://a/api"), proxy)).toBe("http://secure.proxy:3129");
    expect(proxyFor(new URL("wss://a/api"), proxy)).toBe("http://secure.proxy:3129");
    expect(proxyFor(new URL("https://a/api"), { http: "http://plain.proxy" })).toBeNull();
    expect(proxyFor(new URL("https://a/api"), {})).toBeNull();
  });

  test.each([
    ["prefect.internal", "http://prefect.internal:4200/api", true],
    ["internal", "http://prefect.internal:4200/api", true],
    [".internal", "http://prefect.internal:4200/api", true],
    ["*.internal", "http://prefect.internal:4200/api", true],
    ["other, PREFECT.internal", "http://prefect.internal:4200/api", true],
    ["prefect.internal:4200", "http://prefect.internal:4200/api", true],
    ["prefect.internal:80", "http://prefect.internal:4200/api", false],
    ["prefect.internal:80", "http://prefect.internal/api", true],
    ["efect.internal", "http://prefect.internal:4200/api", false],
    ["127.0.0.1,localhost", "http://127.0.0.1:4200/api", true],
    ["::1", "http://[::1]:4200/api", true],
    ["[::1]:4200", "http://[::1]:4200/api", true],
    ["[::1]:80", "http://[::1]:4200/api", false],
    ["*", "http://anything/api", true],
    ["", "http://anything/api", false],
    [" , ", "http://anything/api", false],
  ])("NO_PROXY=%s sends %s direct: %p", (noProxy, url, isDirect) => {
    expect(proxyFor(new URL(url), { ...proxy, noProxy }) === null).toBe(isDirect);
  });
});

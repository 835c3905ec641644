import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/errors.ts";
import { readTenantHeaders } from "../../../../src/mcp/http/tenants/tenant-headers.ts";

const URL_ = "https://prefect.example.com/api";
const read = (headers: Record<string, string>) => readTenantHeaders(new Headers(headers));

describe("tenant headers", () => {
  test("absent: the server's own Prefect", () => {
    expect(read({})).toBeNull();
  });

  test("a URL with one credential is complete; a URL alone is, for a Prefect without authentication", () => {
    expect(read({ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Key": "pnu_x" })).toEqual({
      url: URL_,
      credential: { kind: "key", key: "pnu_x" },
    });
    expect(read({ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Auth-String": "a:b" })).toEqual({
      url: URL_,
      credential: { kind: "basic", authString: "a:b" },
    });
    expect(read({ "X-Prefect-Api-Url": URL_ })?.credential).toEqual({ kind: "none" });
  });

  test.each([
    [{ "X-Prefect-Api-Key": "secret-1" }, "without"],
    [{ "X-Prefect-Api-Auth-String": "secret-1" }, "without"],
    [{ "X-Prefect-Api-Url": "", "X-Prefect-Api-Key": "secret-1" }, "without"],
    [{ "X-Prefect-Api-Url": " " }, "x-prefect-api-url is empty"],
    [{ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Key": "" }, "empty"],
    [{ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Auth-String": " " }, "empty"],
    [{ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Key": "secret-1", "X-Prefect-Api-Auth-String": "a:b" }, "both"],
    [{ "X-Prefect-Api-Url": `\${user_config.url}`, "X-Prefect-Api-Key": "secret-1" }, "url holds a placeholder"],
    [{ "X-Prefect-Api-Url": URL_, "X-Prefect-Api-Key": `\${env:KEY}` }, "key holds a placeholder"],
  ] as [Record<string, string>, string][])(
    "an incomplete or contradictory set %o is refused and never echoed",
    (headers, reason) => {
      let thrown: unknown;
      try {
        read(headers);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(AppError);
      const message = (thrown as AppError).message;
      expect((thrown as AppError).code).toBe("unauthorized");
      expect(message).toContain(reason);
      expect(message).not.toContain("secret-1");
    },
  );
});

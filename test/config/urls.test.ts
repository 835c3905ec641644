import { describe, expect, test } from "bun:test";
import { apiUrlIssues, isCloudUrl, normaliseApiUrl, uiBaseUrl, withoutUserinfo } from "../../src/config/urls.ts";

const ACCOUNT = "1f0c5a3e-2f41-4b6a-9a57-0e7b1c2d3f40";
const WORKSPACE = "9a7e5a3e-2f41-4b6a-9a57-0e7b1c2d3f41";
const CLOUD = "https://api.prefect.cloud/api";
const CLOUD_URL = `${CLOUD}/accounts/${ACCOUNT}/workspaces/${WORKSPACE}`;

const issuesOf = (url: string, lenient = false) => apiUrlIssues(url, { cloudApiUrl: CLOUD, lenient });

test("every spelling of an API URL becomes the same text", () => {
  expect(
    [
      "http://Host:80/api/",
      " HTTPS://HOST:443/api// ",
      "http://h:4200/api?x=1#y",
      "http://[::1]:4200/api",
      "ftp://h/api",
      "h:4200/api",
      "",
    ].map(normaliseApiUrl),
  ).toEqual(["http://host/api", "https://host/api", "http://h:4200/api", "http://[::1]:4200/api", null, null, null]);
});

describe("problems of an API URL", () => {
  test("usual ones have none", () => {
    for (const url of [
      "http://127.0.0.1:4200/api",
      "https://prefect.example.com/team/api/",
      CLOUD_URL,
      `https://cloud.example.com/accounts/${ACCOUNT}/workspaces/${WORKSPACE}`,
    ]) {
      expect<unknown>(issuesOf(url)).toEqual([]);
    }
  });

  test("/api is missing", () => {
    expect<unknown>(issuesOf("http://localhost:4200")).toEqual([
      { level: "fatal", message: "lacks /api", fix: "Use http://localhost:4200/api" },
    ]);
    expect<unknown>(issuesOf("http://localhost:4200/prefect")).toEqual([
      {
        level: "warning",
        message: "does not contain /api, which Prefect's API URLs usually do",
        fix: "Try http://localhost:4200/prefect/api, or set PREFECT_SILENCE_API_URL_MISCONFIGURATION=true if the URL is right",
      },
    ]);
  });

  test("it is the URL of a web page", () => {
    const page = (url: string) => issuesOf(url).map(({ level, fix }) => `${level}: ${fix}`);
    expect(page(`https://app.prefect.cloud/account/${ACCOUNT}/workspace/${WORKSPACE}/dashboard`)).toEqual([
      `fatal: Use the API URL instead: ${CLOUD_URL}`,
    ]);
    expect(page(`https://api.prefect.cloud/api/account/${ACCOUNT}/workspace/${WORKSPACE}`)).toEqual([
      `fatal: Use the API URL instead: ${CLOUD_URL}`,
    ]);
    expect(page("https://app.prefect.cloud/")).toEqual([
      "fatal: Use the API URL instead: https://api.prefect.cloud/api/accounts/ACCOUNT-ID/workspaces/WORKSPACE-ID",
    ]);
    expect(page("http://localhost:4200/runs/flow-run/x")).toEqual([
      "fatal: Use the API URL instead: http://localhost:4200/api",
    ]);
  });

  test("Cloud without a workspace", () => {
    expect<unknown>(issuesOf(CLOUD).map(({ message }) => message)).toEqual(["names Prefect Cloud but no workspace"]);
  });

  test("it is not an http URL", () => {
    for (const url of ["localhost:4200/api", "ftp://localhost:4200/api", "localhost:4200"]) {
      expect<unknown>(issuesOf(url)).toEqual([
        { level: "fatal", message: "is not an http or https URL", fix: "Write it like http://localhost:4200/api" },
      ]);
    }
    expect<unknown>(issuesOf("http://")[0]?.fix).toBe("Write it like http://127.0.0.1:4200/api");
  });

  test("it has user and password, or a query", () => {
    expect<unknown>(issuesOf("http://ada:pw@h:4200/api").map(({ message }) => message)).toEqual([
      "contains a user name or password",
    ]);
    expect(issuesOf("http://h:4200/api?x=1").map(({ level, message }) => `${level} ${message}`)).toEqual([
      "warning has a query or fragment, which is ignored",
    ]);
  });

  test("Prefect's setting to silence them leaves those that make the URL unusable", () => {
    expect(issuesOf("http://localhost:4200", true)).toEqual([]);
    expect(issuesOf("localhost:4200/api", true)).toHaveLength(1);
    expect(issuesOf("http://a:b@localhost:4200", true)).toHaveLength(1);
  });
});

test("Cloud is recognized by its API URL or by a workspace path", () => {
  expect(
    [
      CLOUD_URL,
      `https://x/api/accounts/${ACCOUNT}/workspaces/${WORKSPACE}`,
      "http://h/api",
      "https://api.prefect.cloud/apis",
    ].map((url) => isCloudUrl(url, CLOUD)),
  ).toEqual([true, true, false, false]);
});

test("the base of UI links", () => {
  const ui = (apiUrl: string | null, options: { uiUrl?: string; cloudApiUrl?: string; cloudUiUrl?: string } = {}) =>
    uiBaseUrl(apiUrl, {
      uiUrl: options.uiUrl ?? null,
      cloudApiUrl: options.cloudApiUrl ?? CLOUD,
      cloudUiUrl: options.cloudUiUrl ?? null,
    });
  expect(ui("http://host:4200/api")).toBe("http://host:4200");
  expect(ui(CLOUD_URL)).toBe(`https://app.prefect.cloud/account/${ACCOUNT}/workspace/${WORKSPACE}`);
  expect(ui("https://h/team/api")).toBe("https://h/team");
  expect(
    ui("https://api.stg.prefect.dev/api/accounts/a/workspaces/w", { cloudApiUrl: "https://api.stg.prefect.dev/api" }),
  ).toBe("https://app.stg.prefect.dev/account/a/workspace/w");
  expect(ui(CLOUD_URL, { cloudUiUrl: "https://ui.example.com/" })).toBe(
    `https://ui.example.com/account/${ACCOUNT}/workspace/${WORKSPACE}`,
  );
  expect(ui("http://host:4200/api", { uiUrl: "https://ui.example.com/x/" })).toBe("https://ui.example.com/x");
  expect(ui(null)).toBeNull();
});

test("user and password of a URL are masked", () => {
  expect(["http://a:b@h/api", "http://h/api", "//a@h", "x://a:b@c@h/"].map(withoutUserinfo)).toEqual([
    "http://***@h/api",
    "http://h/api",
    "//***@h",
    "x://***@h/",
  ]);
});

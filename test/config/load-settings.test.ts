import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { credentialsOf } from "../../src/config/credentials.ts";
import { loadSettings, settingsFingerprint } from "../../src/config/load-settings.ts";
import { SETTING_NAMES, settingMeta } from "../../src/config/schema.ts";
import type { ResolvedSettings, SettingsInput } from "../../src/config/settings.ts";

let root: string;
let cwd: string;
let home: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "settings-"));
  cwd = join(root, "cwd");
  home = join(root, "home");
  mkdirSync(cwd);
  mkdirSync(home);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const inCwd = (name: string, text: string) => write(join(cwd, name), text);
const profiles = (text: string, folder = join(home, ".prefect")) => write(join(folder, "profiles.toml"), text);

function load(env: Record<string, string> = {}, more: Partial<SettingsInput> = {}): ResolvedSettings {
  return loadSettings({ flags: {}, env, cwd, home, platform: "linux", ...more });
}

const originOf = ({ values }: ResolvedSettings, name: string) => values.find((value) => value.name === name)?.origin;
const shownOf = ({ values }: ResolvedSettings, name: string) => values.find((value) => value.name === name)?.shown;
const urlOf = ({ settings }: ResolvedSettings) => settings.apiUrl;
const sentences = ({ problems }: ResolvedSettings) => problems.map(({ level, message }) => `${level}: ${message}`);

describe("precedence", () => {
  test("flags over environment over .env over prefect.toml over pyproject.toml over the profile, per setting", () => {
    const profilesPath = profiles(
      'active = "p"\n[profiles.p]\nPREFECT_API_URL = "http://profile/api"\nPREFECT_API_KEY = "k-profile"\n',
    );
    const profile = load();
    expect(profile.settings.apiUrlOrigin).toBe(`profile "p" in ${profilesPath}`);
    expect(urlOf(profile)).toBe("http://profile/api");

    const pyproject = inCwd("pyproject.toml", '[tool.prefect.api]\nurl = "http://pyproject/api"\n');
    expect([urlOf(load()), load().settings.apiUrlOrigin]).toEqual([
      "http://pyproject/api",
      `tool.prefect.api.url in ${pyproject}`,
    ]);

    const toml = inCwd("prefect.toml", '[api]\nurl = "http://toml/api"\n');
    expect([urlOf(load()), load().settings.apiUrlOrigin]).toEqual(["http://toml/api", `api.url in ${toml}`]);

    const dotenv = inCwd(".env", "PREFECT_API_URL=http://dotenv/api\n");
    expect([urlOf(load()), load().settings.apiUrlOrigin]).toEqual([
      "http://dotenv/api",
      `PREFECT_API_URL in ${dotenv}`,
    ]);

    const env = { PREFECT_API_URL: "http://env/api" };
    expect([urlOf(load(env)), load(env).settings.apiUrlOrigin]).toEqual([
      "http://env/api",
      "environment PREFECT_API_URL",
    ]);

    const flagged = load(env, { flags: { "api-url": "http://flag/api" } });
    expect([urlOf(flagged), flagged.settings.apiUrlOrigin]).toEqual(["http://flag/api", "flag --api-url"]);
    // Each setting on its own: the key still comes from the profile.
    expect(flagged.settings.auth).toEqual({ kind: "key", key: "k-profile" });
    expect(flagged.problems).toEqual([]);
  });

  test("names of variables are case-insensitive, also in .env", () => {
    inCwd(".env", "prefect_api_key=from-dotenv\n");
    const loaded = load({ prefect_api_url: "http://lower/api", Prefect_Client_Max_Retries: "2" });
    expect([urlOf(loaded), loaded.settings.maxRetries, loaded.settings.auth]).toEqual([
      "http://lower/api",
      2,
      { kind: "key", key: "from-dotenv" },
    ]);
    expect(urlOf(load({ prefect_api_url: "http://lower/api", PREFECT_API_URL: "http://upper/api" }))).toBe(
      "http://upper/api",
    );
  });

  test("an empty variable hides sources of lower precedence, as in Prefect, and the warning says so", () => {
    profiles(
      'active = "p"\n[profiles.p]\nPREFECT_API_URL = "http://profile/api"\nPREFECT_API_KEY = "k"\nPREFECT_CLIENT_MAX_RETRIES = 3\n',
    );
    const loaded = load({ PREFECT_API_URL: "", PREFECT_API_KEY: "", PREFECT_CLIENT_MAX_RETRIES: "" });
    expect([urlOf(loaded), loaded.settings.auth, loaded.settings.maxRetries]).toEqual([
      "http://127.0.0.1:4200/api",
      { kind: "none" },
      3,
    ]);
    expect(sentences(loaded)).toEqual([
      "warning: No API URL is set (PREFECT_API_URL is empty: environment PREFECT_API_URL), so the local default http://127.0.0.1:4200/api is used.",
    ]);
  });

  test("only files in the working directory are read", () => {
    write(join(root, "prefect.toml"), '[api]\nurl = "http://parent/api"\n');
    expect(urlOf(load())).toBe("http://127.0.0.1:4200/api");
  });

  test("every type of value is read from text and from TOML", () => {
    inCwd(
      "prefect.toml",
      `ui_url = "https://ui.example.com/"
[api]
url = "https://h/api"
auth_string = "reader:s3cret"
tls_insecure_skip_verify = true
request_timeout = 12.5
[client]
max_retries = "7"
retry_extra_codes = [504, 500]
csrf_support_enabled = false
[client.custom_headers]
X-Team = "data"
[mcp]
retention_bytes = "2GB"
tools_deny = ["search"]
sync = false
[mcp.http]
port = 0
`,
    );
    const { settings, problems } = load({ PREFECT_CLIENT_RETRY_JITTER_FACTOR: "0.5", PREFECT_MCP_TOOLS_ALLOW: "a, b" });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      auth: { kind: "basic", authString: "reader:s3cret" },
      customHeaders: { "X-Team": "data" },
      tls: { insecure: true, caFile: null },
      requestTimeoutMs: 12_500,
      maxRetries: 7,
      retryJitterFactor: 0.5,
      retryExtraCodes: [500, 504],
      csrf: false,
      uiUrl: "https://ui.example.com",
      tools: { preset: "default", allow: ["a", "b"], deny: ["search"] },
    });
    expect([settings.sync.retentionBytes, settings.sync.enabled, settings.http.port]).toEqual([
      2 * 1024 ** 3,
      false,
      0,
    ]);
    const fromEnv = load({
      PREFECT_CLIENT_CUSTOM_HEADERS: '{"A": "b", "User-Agent": "x"}',
      PREFECT_CLIENT_RETRY_EXTRA_CODES: "500,504",
    });
    expect(fromEnv.settings.customHeaders).toEqual({ A: "b", "X-Team": "data" });
    expect(sentences(fromEnv)).toEqual([
      `warning: The custom headers (environment PREFECT_CLIENT_CUSTOM_HEADERS; client.custom_headers in ${join(cwd, "prefect.toml")}) may not set User-Agent; these are ignored.`,
    ]);
  });

  test("custom headers of all sources are merged; per header the first source counts", () => {
    inCwd(".env", 'PREFECT_CLIENT_CUSTOM_HEADERS={"x-team": "dotenv", "B": "2"}\n');
    profiles('active = "p"\n[profiles.p]\nPREFECT_CLIENT_CUSTOM_HEADERS = \'{"C": "3", "B": "no"}\'\n');
    expect(load({ PREFECT_CLIENT_CUSTOM_HEADERS: '{"X-Team": "env"}' }).settings.customHeaders).toEqual({
      "X-Team": "env",
      B: "2",
      C: "3",
    });
  });

  test("an auth string takes precedence over a key", () => {
    expect(load({ PREFECT_API_KEY: "k", PREFECT_API_AUTH_STRING: "a:b" }).settings.auth).toEqual({
      kind: "basic",
      authString: "a:b",
    });
  });
});

describe("profiles", () => {
  const TWO =
    'active = "one"\n[profiles.one]\nPREFECT_API_URL = "http://one/api"\n[profiles.two]\nPREFECT_API_URL = "http://two/api"\n';

  test("the flag, then PREFECT_PROFILE, then `active`", () => {
    profiles(TWO);
    expect([load().settings.profile, urlOf(load())]).toEqual(["one", "http://one/api"]);
    expect(urlOf(load({ PREFECT_PROFILE: "two" }))).toBe("http://two/api");
    expect(urlOf(load({ PREFECT_PROFILE: "two" }, { flags: { profile: "one" } }))).toBe("http://one/api");
    expect(urlOf(load({ PREFECT_PROFILE: "" }))).toBe("http://one/api");
  });

  test("the file is named by its variable, .env, prefect.toml, pyproject.toml or PREFECT_HOME, or in the home folder", () => {
    const at = (name: string) => {
      profiles(`active = "x"\n[profiles.x]\nPREFECT_API_URL = "http://${name}/api"\n`, join(root, name));
      return join(root, name, "profiles.toml");
    };
    profiles('active = "x"\n[profiles.x]\nPREFECT_API_URL = "http://home/api"\n');
    expect(urlOf(load())).toBe("http://home/api");
    at("prefect-home");
    const env: Record<string, string> = { PREFECT_HOME: join(root, "prefect-home") };
    expect(urlOf(load(env))).toBe("http://prefect-home/api");
    inCwd("pyproject.toml", `[tool.prefect]\nprofiles_path = "${at("by-pyproject")}"\n`);
    expect(urlOf(load(env))).toBe("http://by-pyproject/api");
    inCwd("prefect.toml", `profiles_path = "${at("by-toml")}"\n`);
    expect(urlOf(load(env))).toBe("http://by-toml/api");
    inCwd(".env", `PREFECT_PROFILES_PATH=${at("by-dotenv")}\n`);
    expect(urlOf(load(env))).toBe("http://by-dotenv/api");
    env.PREFECT_PROFILES_PATH = at("by-env");
    expect(urlOf(load(env))).toBe("http://by-env/api");
    expect(shownOf(load(env), "PREFECT_PROFILES_PATH")).toBe(join(root, "by-env", "profiles.toml"));
  });

  test("PREFECT_HOME is not expanded and need not exist", () => {
    profiles('active = "x"\n[profiles.x]\nPREFECT_API_URL = "http://home/api"\n');
    const loaded = load({ PREFECT_HOME: "~/.prefect" });
    expect(urlOf(loaded)).toBe("http://127.0.0.1:4200/api");
    expect(loaded.files).toContain(join(cwd, "~", ".prefect", "profiles.toml"));
  });

  test("PREFECT_PROFILE and PREFECT_HOME in .env are ignored, as in Prefect", () => {
    profiles(TWO);
    inCwd(".env", `PREFECT_PROFILE=two\nPREFECT_HOME=${root}\n`);
    expect(urlOf(load())).toBe("http://one/api");
  });

  test("Prefect's packaged profiles are used when the file has none of that name", () => {
    profiles('[profiles.mine]\nPREFECT_API_URL = "http://mine/api"\n');
    const local = load({ PREFECT_PROFILE: "local" });
    expect([urlOf(local), local.settings.apiUrlOrigin, local.problems]).toEqual([
      "http://127.0.0.1:4200/api",
      'profile "local" packaged with Prefect',
      [],
    ]);
    expect(load().settings.profile).toBe("ephemeral");
    expect(sentences(load())).toEqual([
      "warning: No API URL is set (no PREFECT_API_URL found), so the local default http://127.0.0.1:4200/api is used (a server that Prefect starts for one process cannot be used from here).",
    ]);
  });

  test("aliases are accepted; the main name takes precedence", () => {
    profiles('active = "a"\n[profiles.a]\nPREFECT_SERVER_ALLOW_EPHEMERAL_MODE = "true"\n');
    expect(shownOf(load(), "PREFECT_SERVER_EPHEMERAL_ENABLED")).toBe("true");
    expect(
      shownOf(
        load({ PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: "1", PREFECT_SERVER_EPHEMERAL_ENABLED: "0" }),
        "PREFECT_SERVER_EPHEMERAL_ENABLED",
      ),
    ).toBe("false");
  });

  test("in Prefect's test mode no profile is read", () => {
    profiles(TWO);
    expect([urlOf(load({ PREFECT_TEST_MODE: "1" })), load({ PREFECT_TEST_MODE: "1" }).settings.profile]).toEqual([
      "http://127.0.0.1:4200/api",
      null,
    ]);
  });
});

describe("no API URL", () => {
  test("the local default is used, with a warning", () => {
    const loaded = load();
    expect<unknown>([urlOf(loaded), loaded.settings.apiUrlOrigin]).toEqual([
      "http://127.0.0.1:4200/api",
      "default (no PREFECT_API_URL found)",
    ]);
    expect<unknown>(loaded.problems).toEqual([
      {
        level: "warning",
        message:
          "No API URL is set (no PREFECT_API_URL found), so the local default http://127.0.0.1:4200/api is used (a server that Prefect starts for one process cannot be used from here).",
        where: "PREFECT_API_URL",
        fix: "Set PREFECT_API_URL, or choose a profile that has it with PREFECT_PROFILE.",
      },
    ]);
  });
});

describe("an unreadable source never leads to the default server", () => {
  const fatal = (loaded: ResolvedSettings) => loaded.problems.filter(({ level }) => level === "fatal");

  test("invalid TOML in any of the files is an error with file and line but without its text", () => {
    const secret = 'key = "pnu_secretsecretsecret\n';
    for (const [path, write] of [
      [join(cwd, "prefect.toml"), () => inCwd("prefect.toml", `[api]\n${secret}`)],
      [join(cwd, "pyproject.toml"), () => inCwd("pyproject.toml", `[tool.prefect.api]\n${secret}`)],
      [join(home, ".prefect", "profiles.toml"), () => profiles(`active = "a"\n${secret}`)],
    ] as const) {
      write();
      const loaded = load();
      expect([urlOf(loaded), fatal(loaded).map(({ where }) => where)]).toEqual([null, [path]]);
      expect(fatal(loaded)[0]?.message).toMatch(/ cannot be used: it is not valid TOML \(line 2, column \d+\)\.$/);
      expect(JSON.stringify(loaded)).not.toContain("secretsecret");
      rmSync(path);
    }
    expect(urlOf(load())).toBe("http://127.0.0.1:4200/api");
  });

  test("it is a warning when a source of higher precedence has the URL", () => {
    profiles("active = \n");
    expect(sentences(load({ PREFECT_API_URL: "http://env/api" }))).toEqual([
      `warning: The profiles file ${join(home, ".prefect", "profiles.toml")} cannot be used: it is not valid TOML (line 1, column 10).`,
    ]);
    expect(urlOf(load({ PREFECT_API_URL: "http://env/api" }))).toBe("http://env/api");
    inCwd("prefect.toml", '[api]\nurl = "http://toml/api"\n');
    expect([urlOf(load()), fatal(load())]).toEqual(["http://toml/api", []]);
    // An unreadable file of higher precedence could contain another URL.
    inCwd("prefect.toml", "[api\n");
    inCwd("pyproject.toml", '[tool.prefect.api]\nurl = "http://pyproject/api"\n');
    expect([urlOf(load()), fatal(load()).map(({ where }) => where)]).toEqual([null, [join(cwd, "prefect.toml")]]);
    // An empty URL of higher precedence is not a URL.
    expect(urlOf(load({ PREFECT_API_URL: "" }))).toBeNull();
  });

  test("an unknown profile is an error, by flag, variable or `active`", () => {
    const path = profiles('active = "gone"\n[profiles.one]\nPREFECT_API_URL = "http://one/api"\n');
    for (const [loaded, name, by] of [
      [load(), "gone", `\`active\` in ${path}`],
      [load({ PREFECT_PROFILE: "typo" }), "typo", "environment PREFECT_PROFILE"],
      [load({}, { flags: { profile: "flagged" } }), "flagged", "flag --profile"],
    ] as const) {
      expect<unknown>(urlOf(loaded)).toBeNull();
      expect<unknown>(loaded.problems).toEqual([
        {
          level: "fatal",
          message: `There is no profile "${name}" (named by ${by}) in ${path}.`,
          where: by,
          fix: `Name one of "one", or create it with \`prefect profile create ${name}\`.`,
        },
      ]);
    }
    expect(urlOf(load({ PREFECT_PROFILE: "typo", PREFECT_API_URL: "http://env/api" }))).toBe("http://env/api");
    rmSync(path);
    expect(sentences(load({ PREFECT_PROFILE: "typo" }))).toEqual([
      `fatal: There is no profile "typo" (named by environment PREFECT_PROFILE) in ${path}, which does not exist.`,
    ]);
  });

  test("a malformed profiles file, a folder in its place or an unreadable file is an error", () => {
    for (const text of ["active = 3\n", 'profiles = "x"\n', 'active = "a"\n[profiles]\na = 1\n']) {
      profiles(text);
      expect([urlOf(load()), fatal(load()).length]).toEqual([null, 1]);
    }
    rmSync(join(home, ".prefect"), { recursive: true });
    mkdirSync(join(home, ".prefect", "profiles.toml"), { recursive: true });
    expect(fatal(load())[0]?.message).toContain("it is a folder");
    rmSync(join(home, ".prefect"), { recursive: true });
    mkdirSync(join(cwd, ".env"));
    expect([urlOf(load()), fatal(load())[0]?.where]).toEqual([null, join(cwd, ".env")]);
  });

  test("a line of .env that cannot be parsed is an error", () => {
    inCwd(".env", 'OTHER="open\nPREFECT_API_URL="http://h/api\n');
    const loaded = load();
    expect([urlOf(loaded), sentences(loaded)]).toEqual([
      null,
      [`fatal: Line 1 of ${join(cwd, ".env")} cannot be read: a quote may be missing.`],
    ]);
  });

  test("a named profiles file that does not exist is a warning, because Prefect creates it on demand", () => {
    const loaded = load({ PREFECT_PROFILES_PATH: join(root, "none.toml") });
    expect(sentences(loaded)[0]).toBe(
      `warning: The profiles file ${join(root, "none.toml")} (named by environment PREFECT_PROFILES_PATH) does not exist.`,
    );
  });
});

describe("invalid values", () => {
  test("one of Prefect's settings is fatal and names the source, not the value", () => {
    const loaded = load({
      PREFECT_API_URL: "http://h/api",
      PREFECT_API_REQUEST_TIMEOUT: "soon",
      PREFECT_API_KEY: "a\nb",
    });
    expect(urlOf(loaded)).toBeNull();
    expect(sentences(loaded)).toEqual([
      "fatal: PREFECT_API_KEY (environment) must be a single line without control characters.",
      "fatal: PREFECT_API_REQUEST_TIMEOUT (environment) must be a number from 0.001 to 86400.",
    ]);
    expect<unknown>(
      load({ PREFECT_API_URL: "http://h/api", PREFECT_CLIENT_CUSTOM_HEADERS: "{secret" }).problems.map(
        ({ message }) => message,
      ),
    ).toEqual([
      'PREFECT_CLIENT_CUSTOM_HEADERS (environment) must be a table of header names and texts, like {"X-Team": "data"}.',
    ]);
  });

  test("one of this program's settings is replaced by its default", () => {
    inCwd(".env", "PREFECT_MCP_POLL_SECONDS=often\nPREFECT_API_URL=http://h/api\n");
    const loaded = load();
    expect([urlOf(loaded), loaded.settings.sync.pollMs, sentences(loaded)]).toEqual([
      "http://h/api",
      30_000,
      [`warning: PREFECT_MCP_POLL_SECONDS (${join(cwd, ".env")}) must be a number from 1 to 3600.`],
    ]);
  });

  test("while the retention is unknown, nothing is deleted", () => {
    const env = { PREFECT_API_URL: "http://h/api" };
    expect(load({ ...env, PREFECT_MCP_RETENTION_DAYS: "a year" }).settings.sync).toMatchObject({
      retentionUs: 0,
      retentionBytes: 5 * 1024 ** 3,
    });
    inCwd("prefect.toml", "broken");
    expect<unknown>(load(env).settings.sync).toMatchObject({ retentionUs: 0, retentionBytes: 0 });
    expect<unknown>(load({ ...env, PREFECT_MCP_RETENTION_DAYS: "1" }).settings.sync.retentionUs).toBe(86_400_000_000);
  });

  test("a placeholder that a client did not replace counts as not set, with a warning", () => {
    const loaded = load(
      {
        PREFECT_API_URL: "http://server/api",
        PREFECT_API_KEY: `\${user_config.api_key}`,
        PREFECT_CLIENT_CUSTOM_HEADERS: `{"authorization": "Bearer \${env:TOKEN}"}`,
        PREFECT_MCP_DATA_DIR: `/home/me/\${user_config.folder}`,
        HTTPS_PROXY: `\${input:proxy}`,
        PS1: `\${debian_chroot}`,
      },
      { flags: { profile: `\${user_config.profile}` } },
    );
    expect(loaded.settings).toMatchObject({
      apiUrl: "http://server/api",
      auth: { kind: "none" },
      customHeaders: {},
      profile: "ephemeral",
      dataDir: join(home, ".local/share/prefect-mcp-bun"),
      proxy: { https: null },
    });
    expect<unknown>(loaded.problems.filter(({ message }) => message.includes("placeholder"))).toEqual(
      [
        "flag --profile",
        "environment PREFECT_API_KEY",
        "environment PREFECT_CLIENT_CUSTOM_HEADERS",
        "environment PREFECT_MCP_DATA_DIR",
      ].map((where) => ({
        level: "warning",
        message: `${where} is a placeholder that the client did not replace; it counts as not set.`,
        where,
        fix: "Give it a value in the client's configuration, or remove it there.",
      })),
    );
    expect(load({ PREFECT_API_KEY: `pa\${ss}word` }).settings.auth).toMatchObject({ kind: "key" });
  });

  test("a misspelt setting of this program is a warning, one of the official server is not", () => {
    inCwd(".env", "PREFECT_MCP_RETENTON_DAYS=1\n");
    expect<unknown>(
      sentences(load({ PREFECT_API_URL: "http://h/api", PREFECT_MCP_FOO: "1", PREFECT_MCP_CLOUD_ENABLED: "1" })),
    ).toEqual([
      "warning: PREFECT_MCP_FOO (environment) is not a setting of this program.",
      `warning: PREFECT_MCP_RETENTON_DAYS (${join(cwd, ".env")}) is not a setting of this program.`,
    ]);
  });

  test("an impossible API URL is fatal, with the fix and without its password", () => {
    const loaded = load({ PREFECT_API_URL: "http://ada:hunter2@localhost:4200" });
    expect<unknown>(loaded.problems).toEqual([
      {
        level: "fatal",
        message:
          "The API URL http://***@localhost:4200 (environment PREFECT_API_URL) contains a user name or password.",
        where: "environment PREFECT_API_URL",
        fix: "Remove them and set PREFECT_API_AUTH_STRING=user:password instead.",
      },
      {
        level: "fatal",
        message: "The API URL http://***@localhost:4200 (environment PREFECT_API_URL) lacks /api.",
        where: "environment PREFECT_API_URL",
        fix: "Use http://localhost:4200/api.",
      },
    ]);
    expect(JSON.stringify(loaded)).not.toContain("hunter2");
  });

  test("a certificate file that does not exist is fatal over https only", () => {
    const env = { PREFECT_API_SSL_CERT_FILE: join(root, "ca.pem") };
    expect(sentences(load({ ...env, PREFECT_API_URL: "https://h/api" }))).toEqual([
      `fatal: The certificate file ${join(root, "ca.pem")} (environment PREFECT_API_SSL_CERT_FILE) cannot be used: it does not exist.`,
    ]);
    expect(load({ ...env, PREFECT_API_URL: "http://h/api" }).problems).toEqual([]);
    write(join(root, "ca.pem"), "-----BEGIN CERTIFICATE-----\n");
    expect(load({ SSL_CERT_FILE: join(root, "ca.pem"), PREFECT_API_URL: "https://h/api" }).settings.tls.caFile).toBe(
      join(root, "ca.pem"),
    );
  });
});

describe("the environment", () => {
  test("the data folder depends on the platform, or is set", () => {
    const dir = (env: Record<string, string>, platform: string, at = "/home/ada") =>
      load(env, { platform, home: at }).settings.dataDir;
    expect(dir({}, "linux")).toBe("/home/ada/.local/share/prefect-mcp-bun");
    expect(dir({ XDG_DATA_HOME: "/data" }, "linux")).toBe("/data/prefect-mcp-bun");
    expect(dir({ XDG_DATA_HOME: "relative" }, "linux")).toBe("/home/ada/.local/share/prefect-mcp-bun");
    expect(dir({}, "darwin")).toBe("/home/ada/Library/Application Support/prefect-mcp-bun");
    expect(dir({ LOCALAPPDATA: "C:\\Local" }, "win32", "C:\\Users\\ada")).toBe("C:\\Local\\prefect-mcp-bun");
    expect(dir({}, "win32", "C:\\Users\\ada")).toBe("C:\\Users\\ada\\AppData\\Local\\prefect-mcp-bun");
    expect(dir({ PREFECT_MCP_DATA_DIR: "~/records" }, "linux")).toBe("/home/ada/records");
    expect(dir({ PREFECT_MCP_DATA_DIR: "records" }, "linux")).toBe(join(cwd, "records"));
  });

  test("proxies are read from the usual variables; lower case takes precedence", () => {
    expect(
      load({
        HTTP_PROXY: "http://u",
        http_proxy: "http://l",
        ALL_PROXY: "http://a",
        NO_PROXY: "localhost, .Internal,,",
      }).settings.proxy,
    ).toEqual({
      http: "http://l",
      https: "http://a",
      noProxy: ["localhost", ".internal"],
    });
  });

  test("a change of any file that may hold settings is detected, also of one that did not exist", () => {
    const path = profiles('active = "one"\n[profiles.one]\nPREFECT_API_URL = "http://one/api"\n');
    const loaded = load();
    expect(settingsFingerprint(loaded.files)).toBe(loaded.fingerprint);
    expect(loaded.files).toEqual([join(cwd, ".env"), join(cwd, "prefect.toml"), join(cwd, "pyproject.toml"), path]);
    inCwd("prefect.toml", "");
    const again = load();
    expect(again.fingerprint).not.toBe(loaded.fingerprint);
    write(path, 'active = "one"\n[profiles.one]\nPREFECT_API_URL = "http://other/api"\n');
    expect(settingsFingerprint(again.files)).not.toBe(again.fingerprint);
    rmSync(path);
    expect(settingsFingerprint(again.files)).not.toBe(again.fingerprint);
  });

  test("secrets are masked wherever settings are shown", () => {
    const env = {
      PREFECT_API_URL: "http://h/api",
      PREFECT_API_KEY: "key-secret",
      PREFECT_API_AUTH_STRING: "ada:auth-secret",
      PREFECT_CLIENT_CUSTOM_HEADERS:
        '{"X-Api-Key": "header-secret", "X-Team": "data-team", "X-Gate": "unnamed-but-secret-0123"}',
      PREFECT_MCP_HTTP_TOKENS: "token-secret,other-secret",
      HTTP_PROXY: "http://me:proxy-secret@proxy:3128",
    };
    const loaded = load(env);
    expect(JSON.stringify([loaded.values, loaded.problems])).not.toContain("secret");
    expect(shownOf(loaded, "PREFECT_CLIENT_CUSTOM_HEADERS")).toBe(
      "X-Api-Key: ********, X-Team: ********, X-Gate: ********",
    );
    expect(shownOf(loaded, "PREFECT_MCP_HTTP_TOKENS")).toBe("******** (2)");
    expect(credentialsOf(loaded.settings)).toEqual([
      "ada:auth-secret",
      "header-secret",
      "unnamed-but-secret-0123",
      "proxy-secret",
      "token-secret",
      "other-secret",
    ]);
    // No secrets of the operator for a Prefect that a caller named.
    expect(credentialsOf({ ...loaded.settings, customHeaders: {}, isNamedByCaller: true })).toEqual([
      "ada:auth-secret",
    ]);
  });

  test("every setting is listed with its value and origin", () => {
    const loaded = load({ PREFECT_API_URL: "http://h/api" });
    expect(loaded.values.map(({ name }) => name)).toEqual([...SETTING_NAMES]);
    expect(originOf(loaded, "PREFECT_MCP_RETENTION_DAYS")).toBe("default");
    for (const name of SETTING_NAMES) expect(settingMeta(name).description).toMatch(/\.$/);
  });
});

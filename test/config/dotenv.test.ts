import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDotenv } from "../../src/config/dotenv.ts";
import { withoutDotenv } from "../../src/config/env.ts";

const valuesOf = (source: string, env: Record<string, string> = {}) =>
  Object.fromEntries(parseDotenv(source, env).values);

// Expected values were made with python-dotenv, which Prefect uses.
test("statements are parsed as by Prefect", () => {
  expect(
    valuesOf(
      [
        "# comment",
        "PLAIN=a b # comment",
        "export EXPORTED = 'single \\n \\'quoted\\''  # c",
        'DOUBLE="line\\nbreak \\"q\\" \\$ kept"',
        "HASH=#not-a-comment",
        "EMPTY= # comment",
        "DOLLAR=admin:pa$sword",
        'MULTI="two',
        'lines"',
        "'quoted key'=v",
        "NO_VALUE",
        "URL=http://h/api#x",
      ].join("\n"),
    ),
  ).toEqual({
    PLAIN: "a b",
    EXPORTED: "single \\n 'quoted'",
    DOUBLE: 'line\nbreak "q" \\$ kept',
    HASH: "#not-a-comment",
    EMPTY: "",
    DOLLAR: "admin:pa$sword",
    MULTI: "two\nlines",
    "quoted key": "v",
    URL: "http://h/api#x",
  });
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are the file's.
test("names in braces are replaced from the lines above, then the environment, then their default", () => {
  expect(
    valuesOf("A=1\nB=${A}-${HOME}-${NONE:-d}-${NONE}\r\nC='${A}'\nA\nD=${A}${HOME}", { HOME: "/h", A: "env" }),
  ).toEqual({
    B: "1-/h-d-",
    C: "1",
    D: "/h",
  });
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: these are the file's.

test("statements that cannot be parsed are reported with their lines and skipped", () => {
  const { values, broken } = parseDotenv("A=1\nB=\"open\n\nC=2\nD='x' y\nE=3", {});
  expect(Object.fromEntries(values)).toEqual({ A: "1", C: "2", E: "3" });
  expect(broken).toEqual([
    { line: 2, text: 'B="open\n' },
    { line: 5, text: "D='x' y\n" },
  ]);
});

test("variables that Bun took from files are removed from the environment", () => {
  const current = { PREFECT_A: "x:pa", PREFECT_B: "real", PREFECT_L: "local", OTHER: "o", LATER: "set by the program" };
  const files = ["PREFECT_A=x:pa$sword\nPREFECT_B=file", "PREFECT_L=local"];
  expect(withoutDotenv(current, new Set(["PREFECT_B", "OTHER"]), files)).toEqual({
    PREFECT_B: "real",
    OTHER: "o",
    LATER: "set by the program",
  });
  // Where the variables at the start of the process are unknown: by value.
  expect(withoutDotenv(current, null, files)).toEqual({ PREFECT_B: "real", OTHER: "o", LATER: "set by the program" });
});

test("in a real process, .env and .env.local do not count as the environment", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "dotenv-"));
  writeFileSync(join(cwd, ".env"), "PREFECT_API_AUTH_STRING=admin:pa$sword\nPREFECT_API_URL=http://dotenv/api\n");
  writeFileSync(join(cwd, ".env.local"), "PREFECT_API_KEY=local\n");
  const modules = join(import.meta.dir, "..", "..", "src", "config");
  const script = `
    import { readEnvironment } from ${JSON.stringify(join(modules, "env.ts"))};
    import { loadSettings } from ${JSON.stringify(join(modules, "load-settings.ts"))};
    const { settings } = loadSettings({ flags: {}, ...readEnvironment() });
    process.stdout.write(JSON.stringify([settings.apiUrlOrigin, settings.auth]));`;
  const { PREFECT_API_KEY: _, PREFECT_API_AUTH_STRING: __, ...inherited } = process.env;
  const env = { ...inherited, HOME: cwd, PREFECT_API_URL: "http://env/api" };
  const child = Bun.spawn([process.execPath, "-e", script], { cwd, env, stdout: "pipe", stderr: "inherit" });
  const printed = await child.stdout.text();
  rmSync(cwd, { recursive: true, force: true });
  expect(JSON.parse(printed)).toEqual(["environment PREFECT_API_URL", { kind: "basic", authString: "admin:pa$sword" }]);
});

test("a variable that Bun makes of a line with an unclosed quote is removed, and the line is reported", async () => {
  const current = { PREFECT_API_URL: '"http://open/api', PREFECT_UI_URL: "http://real", OTHER: "o" };
  const files = ["PREFECT_API_URL=\"http://open/api\nexport PREFECT_UI_URL='http://file\n"];
  expect(withoutDotenv(current, new Set(["PREFECT_UI_URL", "OTHER"]), files)).toEqual({
    PREFECT_UI_URL: "http://real",
    OTHER: "o",
  });
  expect(withoutDotenv(current, null, files)).toEqual({ PREFECT_UI_URL: "http://real", OTHER: "o" });

  const cwd = mkdtempSync(join(tmpdir(), "dotenv-"));
  writeFileSync(join(cwd, ".env"), 'PREFECT_API_URL="http://open/api\n');
  const modules = join(import.meta.dir, "..", "..", "src", "config");
  const script = `
    import { readEnvironment } from ${JSON.stringify(join(modules, "env.ts"))};
    import { loadSettings } from ${JSON.stringify(join(modules, "load-settings.ts"))};
    const { settings, problems } = loadSettings({ flags: {}, ...readEnvironment() });
    process.stdout.write(JSON.stringify([settings.apiUrl, problems.map(({ level, message }) => level + ": " + message)]));`;
  const { PREFECT_API_URL: _, ...inherited } = process.env;
  const child = Bun.spawn([process.execPath, "-e", script], { cwd, env: { ...inherited, HOME: cwd }, stdout: "pipe" });
  const printed = await child.stdout.text();
  const path = join(cwd, ".env");
  rmSync(cwd, { recursive: true, force: true });
  expect(JSON.parse(printed)).toEqual([null, [`fatal: Line 1 of ${path} cannot be read: a quote may be missing.`]]);
});

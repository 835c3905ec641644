/**
 * The only reader of `process.env`. Bun adds the `.env` files of the working directory to it before the program runs, by rules of
 * its own: it replaces `$NAME`, and also reads `.env.local` and others. Prefect reads only `.env`, with lower precedence than the
 * environment. So the variables that came from such files are removed here, and `.env` is parsed again (dotenv.ts).
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseDotenv } from "./dotenv.ts";
import type { SettingsInput } from "./settings.ts";

type Variables = Readonly<Record<string, string>>;

/** `SettingsInput` without the flags. */
export function readEnvironment(): Omit<SettingsInput, "flags"> {
  const cwd = process.cwd();
  const current = definedOnly(process.env);
  const files = bunEnvFiles(current.NODE_ENV).map((name) => textOf(join(cwd, name)));
  return {
    env: withoutDotenv(current, startNames(), files),
    cwd,
    home: homedir(),
    platform: process.platform,
  };
}

/** https://bun.com/docs/runtime/environment-variables */
function bunEnvFiles(nodeEnv: string | undefined): readonly string[] {
  return [".env", ".env.local", `.env.${nodeEnv || "development"}`, ".env.development", ".env.production", ".env.test"];
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Variables {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Names of the variables that the process was started with; null where they are unknown (all systems but Linux). */
function startNames(): ReadonlySet<string> | null {
  const block = textOf("/proc/self/environ");
  return block === ""
    ? null
    : new Set(block.split("\0").map((entry) => entry.slice(0, Math.max(0, entry.indexOf("=")))));
}

/**
 * The variables without those that came from a file. `started`: the names known from the start of the process; where they are unknown,
 * a variable is assumed to come from the file when it has the value in the file (as it is, or with `$NAME` replaced as Bun does).
 * Bun also makes variables of statements that python-dotenv skips, such as one with an unclosed quote; these are removed, too.
 */
export function withoutDotenv(
  current: Variables,
  started: ReadonlySet<string> | null,
  files: readonly string[],
): Variables {
  const kept = { ...current };
  for (const { values, broken } of files.map((text) => parseDotenv(text, current))) {
    for (const [name, value] of values) {
      const isFromFile = started
        ? !started.has(name)
        : current[name] === value || current[name] === expand(value, current);
      if (isFromFile) delete kept[name];
    }
    for (const { text } of broken) {
      for (const [, name = ""] of text.matchAll(BROKEN_NAME)) {
        const [line = ""] = current[name]?.split("\n") ?? [];
        if (started ? !started.has(name) : line !== "" && text.includes(line)) delete kept[name];
      }
    }
  }
  return kept;
}

/** A name as Bun recognizes it, also in `NAME: value`. */
const BROKEN_NAME = /^[^\S\r\n\u2028\u2029]*(?:export[^\S\r\n]+)?['"]?([\w.-]+)['"]?[^\S\r\n]*[=:]/gm;

function expand(value: string, env: Variables): string {
  return value.replace(/\$(\w+)/g, (_, name: string) => env[name] ?? "");
}

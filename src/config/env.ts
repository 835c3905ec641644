/**
 * The only reader of the process's environment. Bun puts the `.env` files of the working directory into `process.env`
 * before anything runs, with rules of its own (it expands a bare `$`, and it also reads `.env.local` and the like). Prefect
 * reads `.env` alone, below the environment, so what came from such a file is taken out here and `.env` is read anew.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseDotenv } from "./dotenv.ts";
import type { SettingsInput } from "./settings.ts";

type Variables = Readonly<Record<string, string>>;

/** What `SettingsInput` takes beside the flags. */
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

/** Names of the variables the process was started with; null where the system does not tell (only Linux does). */
function startNames(): ReadonlySet<string> | null {
  const block = textOf("/proc/self/environ");
  return block === ""
    ? null
    : new Set(block.split("\0").map((entry) => entry.slice(0, Math.max(0, entry.indexOf("=")))));
}

/**
 * The variables without those that came from a file. Where `started` is unknown, a variable counts as the file's when its
 * value is what the file says (as it stands, or with `$NAME` expanded the way Bun does). Of a statement that python-dotenv
 * skips, such as one with an open quote, Bun still makes a value: that is taken out too.
 */
export function withoutDotenv(
  current: Variables,
  started: ReadonlySet<string> | null,
  files: readonly string[],
): Variables {
  const kept = { ...current };
  for (const { values, broken } of files.map((text) => parseDotenv(text, current))) {
    for (const [name, value] of values) {
      const fromFile = started
        ? !started.has(name)
        : current[name] === value || current[name] === expand(value, current);
      if (fromFile) delete kept[name];
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

/** Where Bun sees a name: it also takes `NAME: value`. */
const BROKEN_NAME = /^[^\S\r\n]*(?:export[^\S\r\n]+)?['"]?([\w.-]+)['"]?[^\S\r\n]*[=:]/gm;

function expand(value: string, env: Variables): string {
  return value.replace(/\$(\w+)/g, (_, name: string) => env[name] ?? "");
}

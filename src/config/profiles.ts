/**
 * Finds the active profile.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/sources.py
 * One difference is intended: where Prefect falls back to a packaged profile because a file or a name is wrong, this is a fatal
 * problem here, because the fallback would be another server.
 */

import { posix, win32 } from "node:path";
import { asPlace, asReason, asShellWord, joined, own, quote, type Sentence, sentence } from "../lib/shown-text.ts";
import { type FileContent, isTable, readToml, type TomlTable, valueAt } from "./files.ts";
import type { SettingProblem, SettingsInput } from "./settings.ts";

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/profiles.toml */
const PACKAGED: Readonly<Record<string, TomlTable>> = {
  ephemeral: { PREFECT_SERVER_EPHEMERAL_ENABLED: "true" },
  local: { PREFECT_API_URL: "http://127.0.0.1:4200/api" },
  test: { PREFECT_SERVER_EPHEMERAL_ENABLED: "true" },
  cloud: {},
};
const PACKAGED_ACTIVE = "ephemeral";

const TEST_MODE = [
  "PREFECT_TEST_MODE",
  "PREFECT_UNIT_TEST_MODE",
  "PREFECT_TESTING_UNIT_TEST_MODE",
  "PREFECT_TESTING_TEST_MODE",
];

export interface Profile {
  readonly name: string | null;
  readonly settings: TomlTable;
  /** For messages: `profile "staging" in /home/ada/.prefect/profiles.toml`. */
  readonly label: string;
  /** Names of the profiles in the file that have an API URL, whichever is active. */
  readonly names: readonly string[];
  /** The profiles file; null in test mode. */
  readonly file: string | null;
  readonly problems: readonly SettingProblem[];
  /** The active profile is unknown, and so are its settings. */
  readonly isBroken: boolean;
}

export interface ProfileInput extends Pick<SettingsInput, "cwd" | "home" | "platform"> {
  readonly profileFlag: string | undefined;
  /** A variable of the environment, its name in any case. */
  readonly env: (name: string) => string | undefined;
  readonly dotenvPath: string | undefined;
  readonly prefectToml: TomlTable;
  readonly pyproject: TomlTable;
}

interface ProfilesFile {
  readonly path: string;
  /** The setting that names this file, which should exist then; null for the default. */
  readonly namedBy: string | null;
}

function profilesFile(input: ProfileInput): ProfilesFile {
  const paths = input.platform === "win32" ? win32 : posix;
  const named: [unknown, string][] = [
    [input.env("PREFECT_PROFILES_PATH"), "environment PREFECT_PROFILES_PATH"],
    [input.dotenvPath, "PREFECT_PROFILES_PATH in .env"],
    [valueAt(input.prefectToml, "profiles_path"), "profiles_path in prefect.toml"],
    [valueAt(input.pyproject, "tool.prefect.profiles_path"), "tool.prefect.profiles_path in pyproject.toml"],
  ];
  for (const [path, namedBy] of named) {
    if (typeof path === "string" && path !== "") return { path: paths.resolve(input.cwd, path), namedBy };
  }
  const prefectHome = input.env("PREFECT_HOME");
  const folder = prefectHome ? paths.resolve(input.cwd, prefectHome) : paths.join(input.home, ".prefect");
  return { path: paths.join(folder, "profiles.toml"), namedBy: null };
}

function packaged(name: string, file: string | null, problems: readonly SettingProblem[]): Profile {
  const settings = PACKAGED[name] ?? {};
  return {
    name,
    settings,
    label: `profile "${name}" packaged with Prefect`,
    names: [],
    file,
    problems,
    isBroken: false,
  };
}

function broken(file: string, problem: Omit<SettingProblem, "level">): Profile {
  const problems: SettingProblem[] = [{ level: "fatal", ...problem }];
  return { name: null, settings: {}, label: `profiles file ${file}`, names: [], file, problems, isBroken: true };
}

function quoted(names: readonly string[]): Sentence {
  return joined(
    names.map((name) => quote(name)),
    ", ",
  );
}

interface Wanted {
  readonly name: string;
  readonly by: Sentence;
}

function wantedProfile(input: ProfileInput, active: unknown, path: string): Wanted | null {
  if (input.profileFlag !== undefined && input.profileFlag !== "")
    return { name: input.profileFlag, by: own("flag --profile") };
  const variable = input.env("PREFECT_PROFILE");
  if (variable) return { name: variable, by: own("environment PREFECT_PROFILE") };
  return typeof active === "string" && active !== ""
    ? { name: active, by: sentence`\`active\` in ${asPlace(path)}` }
    : null;
}

function profileNamed(wanted: Wanted, profiles: TomlTable, path: string, missing: boolean): Profile {
  const settings = Object.hasOwn(profiles, wanted.name) ? profiles[wanted.name] : undefined;
  if (isTable(settings)) {
    return { ...packaged(wanted.name, path, []), settings, label: `profile "${wanted.name}" in ${path}` };
  }
  if (settings === undefined && Object.hasOwn(PACKAGED, wanted.name)) return packaged(wanted.name, path, []);
  const known = Object.keys(profiles).filter((name) => isTable(profiles[name]));
  return broken(path, {
    message:
      settings !== undefined
        ? sentence`The profile ${quote(wanted.name)} in ${asPlace(path)} is not a table of settings.`
        : sentence`There is no profile ${quote(wanted.name)} (named by ${wanted.by}) in ${asPlace(path)}${missing ? ", which does not exist" : ""}.`,
    where: wanted.by,
    fix:
      known.length > 0
        ? sentence`Name one of ${quoted(known)}, or create it with \`prefect profile create ${asShellWord(wanted.name)}\`.`
        : sentence`Create it with \`prefect profile create ${asShellWord(wanted.name)}\`, or remove ${wanted.by}.`,
  });
}

function profileIn(
  input: ProfileInput,
  file: ProfilesFile,
  content: Exclude<FileContent<TomlTable>, { kind: "broken" }>,
): Profile {
  const table = content.kind === "read" ? content.content : {};
  const profiles = table.profiles ?? {};
  if (!isTable(profiles) || (table.active !== undefined && typeof table.active !== "string")) {
    return broken(file.path, {
      message: sentence`${asPlace(file.path)} is not a profiles file: \`active\` must be a name and \`profiles\` a table.`,
      where: file.path,
      fix: own("Correct it; `prefect profile ls` reads the same file."),
    });
  }
  const missing = content.kind === "missing";
  const names = Object.keys(profiles).filter((name) => hasApiUrl(profiles[name]));
  const wanted = wantedProfile(input, table.active, file.path);
  if (wanted) return { ...profileNamed(wanted, profiles, file.path, missing), names };
  const problems: SettingProblem[] = [];
  if (missing && file.namedBy) {
    problems.push({
      level: "warning",
      message: sentence`The profiles file ${asPlace(file.path)} (named by ${asPlace(file.namedBy)}) does not exist.`,
      where: file.namedBy,
      fix: sentence`Create it, or correct ${asPlace(file.namedBy)}.`,
    });
  }
  return { ...packaged(PACKAGED_ACTIVE, file.path, problems), names };
}

function hasApiUrl(profile: unknown): boolean {
  return (
    isTable(profile) && Object.entries(profile).some(([key, url]) => key.toUpperCase() === "PREFECT_API_URL" && url)
  );
}

/** The active profile: flag, then `PREFECT_PROFILE`, then `active` of the file, then the packaged `ephemeral`. */
export function findProfile(input: ProfileInput): Profile {
  if (TEST_MODE.some((name) => input.env(name))) {
    return {
      name: null,
      settings: {},
      label: "no profile (Prefect's test mode)",
      names: [],
      file: null,
      problems: [],
      isBroken: false,
    };
  }
  const file = profilesFile(input);
  const content = readToml(file.path);
  if (content.kind !== "broken") return profileIn(input, file, content);
  return broken(file.path, {
    message: sentence`The profiles file ${asPlace(file.path)} cannot be used: ${asReason(content.reason)}.`,
    where: file.path,
    fix: sentence`Correct ${asPlace(file.path)}; \`prefect profile ls\` reads the same file.`,
  });
}

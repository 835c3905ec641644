/** Reads all sources of settings and applies their precedence. */

import { posix, win32 } from "node:path";
import { asName, asPlace, asReason, own, type Sentence, sentence } from "../lib/shown-text.ts";
import { type Assembled, assembleSettings } from "./assemble.ts";
import { parseDotenv } from "./dotenv.ts";
import { type FileContent, fingerprintOf, readText, readToml, type TomlTable } from "./files.ts";
import { withoutPlaceholders } from "./placeholders.ts";
import { findProfile, type Profile } from "./profiles.ts";
import {
  caseInsensitive,
  flagSource,
  profileSource,
  resolveSettings,
  type Source,
  tomlSource,
  variableSource,
  withoutConnection,
} from "./resolve.ts";
import { SETTING_NAMES } from "./schema.ts";
import type { ResolvedSettings, SettingProblem, Settings, SettingsInput, SettingValue } from "./settings.ts";
import { shownValues } from "./shown.ts";
import { withoutUserinfo } from "./urls.ts";

function asTable(content: FileContent<TomlTable>): TomlTable {
  return content.kind === "read" ? content.content : {};
}

/** Why a file cannot be used. `resolveSettings` decides whether that is fatal. */
function brokenFile(path: string, content: FileContent<unknown>, fix: Sentence): SettingProblem | undefined {
  if (content.kind !== "broken") return undefined;
  return {
    level: "fatal",
    message: sentence`${asPlace(path)} cannot be used: ${asReason(content.reason)}.`,
    where: path,
    fix,
  };
}

function readDotenv(
  path: string,
  env: SettingsInput["env"],
): { values: ReadonlyMap<string, string>; broken?: SettingProblem } {
  const content = readText(path);
  if (content.kind !== "read") {
    const broken = brokenFile(path, content, sentence`Make ${asPlace(path)} readable, or remove it.`);
    return { values: new Map(), ...(broken && { broken }) };
  }
  const { values, broken } = parseDotenv(content.content, env);
  const line = broken.find(({ text }) => /PREFECT_/i.test(text))?.line;
  if (line === undefined) return { values };
  const message = sentence`Line ${line} of ${asPlace(path)} cannot be read: a quote may be missing.`;
  return {
    values,
    broken: { level: "fatal", message, where: path, fix: sentence`Correct line ${line} of ${asPlace(path)}.` },
  };
}

/** Variables of the official Prefect MCP server, which have the same prefix. */
const FOREIGN = /^PREFECT_MCP_(CLOUD|EXPERIMENTAL|PUBLIC)_/;

function unknownNames(names: Iterable<string>, where: (name: string) => string): SettingProblem[] {
  const known: ReadonlySet<string> = new Set(SETTING_NAMES);
  return [...names]
    .filter(
      (name) => /^PREFECT_MCP_/i.test(name) && !known.has(name.toUpperCase()) && !FOREIGN.test(name.toUpperCase()),
    )
    .map((name) => ({
      level: "warning" as const,
      message: sentence`${asName(name)} (${asPlace(where(name))}) is not a setting of this program.`,
      where: where(name),
      fix: own("Check its spelling; `doctor --json` lists every setting."),
    }));
}

function caProblem(settings: Settings, origin: string): SettingProblem | undefined {
  const { caFile, insecure } = settings.tls;
  if (caFile === null || insecure || !settings.apiUrl?.startsWith("https:")) return undefined;
  const file = readText(caFile);
  const reason = file.kind === "missing" ? "it does not exist" : file.kind === "broken" ? file.reason : null;
  if (reason === null) return undefined;
  const message = sentence`The certificate file ${asPlace(caFile)} (${asPlace(origin)}) cannot be used: ${asReason(reason)}.`;
  return { level: "fatal", message, where: origin, fix: own("Name a readable PEM file in PREFECT_API_SSL_CERT_FILE.") };
}

/** When it differs from `ResolvedSettings.fingerprint`, a file has changed and the settings must be loaded again. */
export function settingsFingerprint(files: readonly string[]): string {
  return fingerprintOf(files);
}

/**
 * The settings with another profile than the active one. Its connection is wholly that of the profile: URL, credentials and headers of
 * the environment, of flags and of other files do not count, because they belong to another Prefect.
 */
export function loadSettingsOfProfile(input: SettingsInput, name: string): ResolvedSettings {
  return load({ ...input, flags: { ...input.flags, profile: name } }, withoutConnection);
}

/** Reads every source and never throws: errors are in `problems`. Takes about a millisecond. */
export function loadSettings(input: SettingsInput): ResolvedSettings {
  return load(input, (source) => source);
}

/** `limited` is applied to each source but the profile. */
function load(given: SettingsInput, limited: (source: Source) => Source): ResolvedSettings {
  const filledEnv = withoutPlaceholders(given.env, (name) => `environment ${name}`);
  const filledFlags = withoutPlaceholders(given.flags, (name) => `flag --${name}`);
  const input = { ...given, env: filledEnv.texts, flags: filledFlags.texts };
  const { cwd, env, flags } = input;
  const paths = input.platform === "win32" ? win32 : posix;
  const [dotenvPath, prefectPath, pyprojectPath] = [".env", "prefect.toml", "pyproject.toml"].map((name) =>
    paths.join(cwd, name),
  ) as [string, string, string];
  const variable = caseInsensitive(env);
  const ownFiles = [dotenvPath, prefectPath, pyprojectPath];
  const before = fingerprintOf(ownFiles);

  const dotenv = readDotenv(dotenvPath, env);
  const prefectToml = readToml(prefectPath);
  const pyproject = readToml(pyprojectPath);
  const profile = findProfile({
    ...input,
    profileFlag: flags.profile,
    env: (name) => variable(name)?.text,
    dotenvPath: dotenv.values.get("PREFECT_PROFILES_PATH"),
    prefectToml: asTable(prefectToml),
    pyproject: asTable(pyproject),
  });
  const [profileBroken] = profile.isBroken ? profile.problems : [];
  const tomlFix = (path: string) => sentence`Correct ${asPlace(path)}, or remove it.`;

  const resolution = resolveSettings([
    limited(flagSource(flags)),
    limited(variableSource(env, (name) => `environment ${name}`, false)),
    limited(variableSource(dotenv.values, (name) => `${name} in ${dotenvPath}`, true, dotenv.broken)),
    limited(
      tomlSource(asTable(prefectToml), prefectPath, "", brokenFile(prefectPath, prefectToml, tomlFix(prefectPath))),
    ),
    limited(
      tomlSource(
        asTable(pyproject),
        pyprojectPath,
        "tool.prefect",
        brokenFile(pyprojectPath, pyproject, tomlFix(pyprojectPath)),
      ),
    ),
    profileSource(profile.settings, profile.label, profileBroken),
    systemSource(env),
  ]);
  const problems = [
    ...filledFlags.problems,
    ...filledEnv.problems,
    ...resolution.problems,
    ...(profile.isBroken ? [] : profile.problems),
    ...unknownNames(Object.keys(env), () => "environment"),
    ...unknownNames(dotenv.values.keys(), () => dotenvPath),
  ];
  const assembled = assembleSettings(resolution, {
    ...input,
    variable: (name) => env[name],
    profile: profile.name,
    problems,
  });
  const ca = caProblem(assembled.settings, resolution.origins.PREFECT_API_SSL_CERT_FILE.origin);
  const settings = ca ? { ...assembled.settings, apiUrl: null } : assembled.settings;
  const laterFiles = [profile.file, settings.tls.caFile].filter((file) => file !== null);
  return {
    settings,
    values: shownValues(resolution, shownDefaults(assembled, profile)),
    problems: [...problems, ...assembled.problems, ...(ca ? [ca] : [])],
    profiles: profile.names,
    files: [...ownFiles, ...laterFiles],
    fingerprint: [before, ...laterFiles.map((file) => fingerprintOf([file]))].join("\n"),
  };
}

/** The default of Prefect's own variable is the value of `SSL_CERT_FILE`. */
function systemSource(env: SettingsInput["env"]): Source {
  return {
    find: (name) =>
      name === "PREFECT_API_SSL_CERT_FILE" && env.SSL_CERT_FILE
        ? { raw: env.SSL_CERT_FILE, origin: "environment SSL_CERT_FILE" }
        : undefined,
  };
}

/** Settings whose shown value is derived from other values. */
function shownDefaults(
  { settings, apiUrl }: Assembled,
  profile: Profile,
): Partial<Record<string, Partial<SettingValue>>> {
  return {
    PREFECT_API_URL: {
      shown: withoutUserinfo(apiUrl.url ?? "(none)"),
      origin: apiUrl.origin,
      isDefault: apiUrl.isDefault,
    },
    PREFECT_PROFILE: { shown: profile.name ?? "(none)", origin: profile.label },
    PREFECT_PROFILES_PATH: { shown: profile.file ?? "(none)" },
    PREFECT_MCP_DATA_DIR: { shown: settings.dataDir },
    PREFECT_UI_URL: { shown: settings.uiUrl ?? "(none)" },
  };
}

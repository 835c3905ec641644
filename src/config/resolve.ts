/** Finds the value of each setting: that of the first source that has it. Tables of all sources are merged. */
import { asPlace, asReason, sentence } from "../lib/shown-text.ts";
import { isTable, type TomlTable, valueAt } from "./files.ts";
import { SETTING_NAMES, type SettingName, type SettingValues, settingMeta, settingsSchema } from "./schema.ts";
import type { SettingMeta } from "./setting.ts";
import type { SettingProblem } from "./settings.ts";

interface Found {
  readonly raw: unknown;
  /** For messages: the variable, or file and key. */
  readonly origin: string;
}

export interface Source {
  find(name: SettingName, meta: SettingMeta): Found | undefined;
  /** Why this source cannot be read. Its settings are unknown then. */
  readonly broken?: SettingProblem;
}

interface ResolvedValue {
  readonly origin: string;
  readonly isDefault: boolean;
}

export interface Resolution {
  readonly values: SettingValues;
  readonly origins: Readonly<Record<SettingName, ResolvedValue>>;
  readonly problems: readonly SettingProblem[];
}

function parse(name: SettingName, raw: unknown): { value: unknown } | { complaint: string } {
  const result = settingsSchema.shape[name].safeParse(raw);
  if (result.success) return { value: result.data };
  return { complaint: result.error.issues[0]?.message ?? "cannot be used" };
}

/** An empty text unsets a text setting, as in Prefect; other settings ignore it. */
function isAbsent(name: SettingName, raw: unknown): boolean {
  return raw === undefined || (raw === "" && "complaint" in parse(name, raw));
}

interface Resolved {
  readonly value: unknown;
  readonly from: ResolvedValue;
  readonly problem?: SettingProblem;
}

function invalidValue(
  name: SettingName,
  { invalid, whenUnknown }: SettingMeta,
  origin: string,
  complaint: string,
): SettingProblem {
  const place = origin.replace(` ${name}`, "").replace(`${name} in `, "");
  const meanwhile = whenUnknown === "0" ? "nothing is deleted because of it" : "its default applies";
  return {
    level: invalid,
    message: sentence`${name} (${asPlace(place)}) ${asReason(complaint)}.`,
    where: origin,
    fix: invalid === "fatal" ? sentence`Correct ${name}.` : sentence`Correct ${name}; until then ${meanwhile}.`,
  };
}

function resolveFirst(name: SettingName, meta: SettingMeta, sources: readonly Source[]): Resolved {
  const index = sources.findIndex((source) => !isAbsent(name, source.find(name, meta)?.raw));
  const found = sources[index]?.find(name, meta);
  const mayBeHidden = sources.slice(0, index < 0 ? undefined : index).some((source) => source.broken);
  const initial = (isUnknown: boolean) => {
    const parsed = parse(name, isUnknown ? meta.whenUnknown : undefined);
    return "value" in parsed ? parsed.value : undefined;
  };
  if (!found) return { value: initial(mayBeHidden), from: { origin: "default", isDefault: true } };
  const parsed = parse(name, found.raw);
  if ("value" in parsed) return { value: parsed.value, from: { origin: found.origin, isDefault: false } };
  return {
    value: initial(true),
    from: { origin: `default (${found.origin} cannot be used)`, isDefault: true },
    problem: invalidValue(name, meta, found.origin, parsed.complaint),
  };
}

/** Merges the tables of all sources. Of entries with the same name (in any case), that of the first source counts. */
function resolveMerged(name: SettingName, meta: SettingMeta, sources: readonly Source[]): Resolved {
  const merged = new Map<string, [string, unknown]>();
  const origins: string[] = [];
  for (const source of sources) {
    const found = source.find(name, meta);
    if (!found) continue;
    const parsed = parse(name, found.raw);
    if ("complaint" in parsed) {
      const problem = invalidValue(name, meta, found.origin, parsed.complaint);
      return { value: {}, from: { origin: `default (${found.origin} cannot be used)`, isDefault: true }, problem };
    }
    origins.push(found.origin);
    for (const entry of Object.entries(isTable(parsed.value) ? parsed.value : {})) {
      const key = entry[0].toLowerCase();
      if (!merged.has(key)) merged.set(key, entry);
    }
  }
  const origin = origins.length === 0 ? "default" : origins.join("; ");
  return { value: Object.fromEntries(merged.values()), from: { origin, isDefault: origins.length === 0 } };
}

/**
 * A source that cannot be read is a warning when a source of higher precedence has the API URL. Otherwise it is fatal: it may contain
 * the API URL, and another server would be asked.
 */
export function resolveSettings(sources: readonly Source[]): Resolution {
  const values: Record<string, unknown> = {};
  const origins: Partial<Record<SettingName, ResolvedValue>> = {};
  const problems: SettingProblem[] = [];
  for (const name of SETTING_NAMES) {
    const meta = settingMeta(name);
    const { value, from, problem } = (meta.isMerged ? resolveMerged : resolveFirst)(name, meta, sources);
    values[name] = value;
    origins[name] = from;
    if (problem) problems.push(problem);
  }
  const urlMeta = settingMeta("PREFECT_API_URL");
  const urlIndex = sources.findIndex((source) => Boolean(source.find("PREFECT_API_URL", urlMeta)?.raw));
  sources.forEach((source, index) => {
    if (!source.broken) return;
    const isBelow = urlIndex >= 0 && urlIndex < index;
    problems.push({ ...source.broken, level: isBelow ? "warning" : "fatal" });
  });
  return {
    values: values as SettingValues,
    origins: origins as Record<SettingName, ResolvedValue>,
    problems,
  };
}

type Texts = Readonly<Record<string, string>> | ReadonlyMap<string, string>;

/** Looks up names in any case. Of names that differ only in case, the upper-case one counts. */
export function caseInsensitive(texts: Texts): (name: string) => { name: string; text: string } | undefined {
  const byUpper = new Map<string, { name: string; text: string }>();
  for (const [name, text] of texts instanceof Map ? texts : Object.entries(texts)) {
    const upper = name.toUpperCase();
    if (name === upper || !byUpper.has(upper)) byUpper.set(upper, { name, text });
  }
  return (name) => byUpper.get(name.toUpperCase());
}

export function flagSource(flags: Readonly<Record<string, string>>): Source {
  return {
    find: (name, { cli }) => {
      if (cli !== undefined && flags[cli] !== undefined) return { raw: flags[cli], origin: `flag --${cli}` };
      return flags[name] === undefined ? undefined : { raw: flags[name], origin: `flag ${name}` };
    },
  };
}

const ENVIRONMENT_ONLY: ReadonlySet<string> = new Set(["PREFECT_PROFILE", "PREFECT_HOME"]);

/** Variables of the environment, or of `.env` (then `origin` names the file). */
export function variableSource(
  texts: Texts,
  origin: (name: string) => string,
  isFile: boolean,
  broken?: SettingProblem,
): Source {
  const lookUp = caseInsensitive(texts);
  return {
    ...(broken && { broken }),
    find: (name, { aliases = [] }) => {
      if (isFile && ENVIRONMENT_ONLY.has(name)) return undefined;
      for (const candidate of [name, ...aliases]) {
        const found = lookUp(candidate);
        if (found) return { raw: found.text, origin: origin(found.name) };
      }
      return undefined;
    },
  };
}

/** Settings that say which Prefect is asked, what it is sent and where its pages are. */
const CONNECTION: ReadonlySet<SettingName> = new Set<SettingName>([
  "PREFECT_API_URL",
  "PREFECT_API_KEY",
  "PREFECT_API_AUTH_STRING",
  "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
  "PREFECT_CLIENT_CUSTOM_HEADERS",
  "PREFECT_CLOUD_API_URL",
  "PREFECT_CLOUD_UI_URL",
  "PREFECT_UI_URL",
]);

/** The source without settings of the connection: a credential of the environment must not be sent to the server of a profile. */
export function withoutConnection(source: Source): Source {
  return { ...source, find: (name, meta) => (CONNECTION.has(name) ? undefined : source.find(name, meta)) };
}

/** `prefix`: the table that contains Prefect's settings (`tool.prefect`), or "". */
export function tomlSource(table: TomlTable, path: string, prefix: string, broken?: SettingProblem): Source {
  return {
    ...(broken && { broken }),
    find: (_, { toml, isMerged }) => {
      if (!toml) return undefined;
      const key = prefix ? `${prefix}.${toml}` : toml;
      const raw = valueAt(table, key);
      if (raw === undefined || (isTable(raw) && !isMerged)) return undefined;
      return { raw, origin: `${key} in ${path}` };
    },
  };
}

export function profileSource(settings: TomlTable, label: string, broken?: SettingProblem): Source {
  return {
    ...(broken && { broken }),
    find: (name, { aliases = [] }) => {
      if (ENVIRONMENT_ONLY.has(name) || name === "PREFECT_PROFILES_PATH") return undefined;
      for (const key of [name, ...aliases]) {
        if (settings[key] !== undefined && settings[key] !== null) return { raw: settings[key], origin: label };
      }
      return undefined;
    },
  };
}

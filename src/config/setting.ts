/** A setting: a zod schema for its value, with its description for people and its names in the sources. */
import { z } from "zod";
import type { ValueType } from "./value-types.ts";

export interface SettingMeta {
  readonly type: string;
  readonly description: string;
  /** Keys below the root of `prefect.toml` and below `[tool.prefect]` of `pyproject.toml`. */
  readonly toml?: string;
  /** Command-line flag without dashes. */
  readonly cli?: string;
  readonly aliases?: readonly string[];
  /** Shown masked everywhere. */
  readonly isSecret?: boolean;
  /** The default as text for tables, where the value is not enough. */
  readonly defaultText?: string;
  /** For tables: the values of all sources are merged, as Prefect does, instead of taking the first source that has the setting. */
  readonly isMerged?: boolean;
  /** An invalid value stops all requests to Prefect (`fatal`), or is replaced by the default, with a warning. */
  readonly invalid: "fatal" | "warning";
  /**
   * The value to use while the configured one is unknown, because it is invalid or may be in a file that cannot be read. For settings
   * whose default could delete data.
   */
  readonly whenUnknown?: string;
}

export const settingMetas = z.registry<SettingMeta>();

/** One zod object per setting, because composed schemas would take several milliseconds at each start. */
function setting<T>(type: ValueType<T>, initial: T, meta: SettingMeta) {
  const schema = z.transform<unknown, T>((raw, context) => {
    const value = raw === undefined ? initial : type.parse(raw);
    if (value !== undefined) return value;
    context.issues.push({ code: "custom", message: `must be ${type.expectation}`, input: undefined });
    return z.NEVER;
  });
  settingMetas.add(schema, meta);
  return schema;
}

type Meta = Omit<SettingMeta, "invalid">;
/** One of Prefect's own settings: Prefect also refuses invalid values of them. */
export const prefectSetting = <T>(type: ValueType<T>, initial: NoInfer<T>, meta: Meta) =>
  setting(type, initial, { ...meta, invalid: "fatal" });
/** One of this program's settings. */
export const ownSetting = <T>(type: ValueType<T>, initial: NoInfer<T>, meta: Meta & { invalid?: "fatal" }) =>
  setting(type, initial, { invalid: "warning", ...meta });

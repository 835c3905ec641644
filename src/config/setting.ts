/** What a setting is: a zod schema for its value, and what people and programs need to know about it. */
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
  /** Masked wherever it is shown. */
  readonly secret?: boolean;
  /** How the default reads in tables, where the value itself does not say it. */
  readonly defaultText?: string;
  /** A table: what the sources say is put together, as Prefect does, instead of the first source winning. */
  readonly isMerged?: boolean;
  /** A value that cannot be used stops talking to Prefect (`fatal`), or gives way to the default with a warning. */
  readonly invalid: "fatal" | "warning";
  /**
   * The value while the real one may hide in a file that cannot be read, or is itself unreadable: for settings whose
   * default would destroy something.
   */
  readonly whenUnsure?: string;
}

export const settingMetas = z.registry<SettingMeta>();

/** One zod object per setting: composed ones would cost several milliseconds at every start. */
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
/** One of Prefect's own: a value that cannot be used is an error in Prefect too. */
export const prefect = <T>(type: ValueType<T>, initial: NoInfer<T>, meta: Meta) =>
  setting(type, initial, { ...meta, invalid: "fatal" });
/** One of ours. */
export const own = <T>(type: ValueType<T>, initial: NoInfer<T>, meta: Meta & { invalid?: "fatal" }) =>
  setting(type, initial, { invalid: "warning", ...meta });

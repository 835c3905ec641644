/** Settings as text for people, with secrets masked. */
import type { Resolution } from "./resolve.ts";
import { SETTING_NAMES, type SettingName, settingMeta } from "./schema.ts";
import type { SettingValue } from "./settings.ts";
import { withoutUserinfo } from "./urls.ts";

const MASK = "********";

function masked(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : `${MASK} (${value.length})`;
  if (typeof value !== "object" || value === null) return MASK;
  const names = Object.keys(value);
  return names.length === 0 ? "(none)" : names.map((name) => `${name}: ${MASK}`).join(", ");
}

/** One value as text; `(none)` without one. */
export function showSetting(name: SettingName, value: unknown): string {
  if (value === null || value === undefined) return "(none)";
  if (settingMeta(name).isSecret) return masked(value);
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.join(", ");
  return withoutUserinfo(String(value));
}

/** Every setting with its value and the source of it. */
export function shownValues(
  { values, origins }: Resolution,
  changed: Partial<Record<SettingName, Partial<SettingValue>>>,
): SettingValue[] {
  return SETTING_NAMES.map((name) => ({
    name,
    shown: showSetting(name, values[name]),
    origin: origins[name].origin,
    isDefault: origins[name].isDefault,
    ...changed[name],
  }));
}

/**
 * Every setting there is: Prefect's own under Prefect's names, ours under `PREFECT_MCP_`. The one schema that feeds parsing,
 * `doctor` and the tables in docs/reference.md.
 */
import { z } from "zod";
import { httpSettings } from "./schema-http.ts";
import { prefectSettings } from "./schema-prefect.ts";
import { recordSettings } from "./schema-record.ts";
import { type SettingMeta, settingMetas } from "./setting.ts";

export const settingsSchema = z.object({ ...prefectSettings, ...recordSettings, ...httpSettings });

export type SettingName = keyof typeof settingsSchema.shape;
/** Checked values by name, defaults filled in. */
export type SettingValues = z.output<typeof settingsSchema>;

export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly SettingName[];

export function settingMeta(name: SettingName): SettingMeta {
  const meta = settingMetas.get(settingsSchema.shape[name]);
  if (!meta) throw new Error(`setting without description: ${name}`);
  return meta;
}

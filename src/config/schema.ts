/**
 * All settings: Prefect's own with Prefect's names, this program's with the prefix `PREFECT_MCP_`. Parsing, `doctor` and the tables
 * in docs/reference.md are made from this schema.
 */
import { z } from "zod";
import { fleetSettings } from "./schema-fleet.ts";
import { httpSettings } from "./schema-http.ts";
import { prefectSettings } from "./schema-prefect.ts";
import { recordSettings } from "./schema-record.ts";
import { type SettingMeta, settingMetas } from "./setting.ts";

export const settingsSchema = z.object({ ...prefectSettings, ...recordSettings, ...httpSettings, ...fleetSettings });

export type SettingName = keyof typeof settingsSchema.shape;
/** Checked values by name, with defaults. */
export type SettingValues = z.output<typeof settingsSchema>;

export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly SettingName[];

export function settingMeta(name: SettingName): SettingMeta {
  const meta = settingMetas.get(settingsSchema.shape[name]);
  if (!meta) throw new Error(`setting without description: ${name}`);
  return meta;
}

/** Setting flags: each sets one setting. All commands take them; `loadSettings` reads them under the same name. */
import { SETTING_NAMES, type SettingName, settingMeta } from "../../config/schema.ts";
import type { FlagSpec } from "./commands.ts";

interface SettingFlag extends FlagSpec {
  readonly setting: SettingName;
  readonly value: string;
  /** Whether only `serve --http` reads the setting. */
  readonly isOfHttp: boolean;
}

/** Keyed by the flag without dashes. */
export const SETTING_FLAGS: ReadonlyMap<string, SettingFlag> = new Map(
  SETTING_NAMES.flatMap((setting) => {
    const { cli, type, description } = settingMeta(setting);
    if (cli === undefined) return [];
    const help = `${description.replaceAll("`", "")} (${setting})`;
    return [[cli, { setting, value: type.toUpperCase(), help, isOfHttp: setting.startsWith("PREFECT_MCP_HTTP_") }]];
  }),
);

/** Values of flags that stand for settings. In a file or a variable such a value gives way to the default; here it is refused. */
import { SETTING_NAMES, settingMeta, settingsSchema } from "../../config/schema.ts";
import type { Invocation } from "./parse.ts";

/** What is wrong with the first flag that cannot be used, or null. */
export async function checkFlags({ settings }: Pick<Invocation, "settings">): Promise<string | null> {
  for (const name of SETTING_NAMES) {
    const { cli } = settingMeta(name);
    const given = cli === undefined ? undefined : settings[cli];
    if (given === undefined) continue;
    const complaint = settingsSchema.shape[name].safeParse(given).error?.issues[0]?.message;
    if (complaint) return `--${cli} ${given} ${complaint}.`;
  }
  const { tools } = settings;
  return tools === undefined ? null : wrongPreset(tools.trim());
}

async function wrongPreset(name: string): Promise<string | null> {
  const { PRESETS } = await import("../../tools/index.ts");
  const names = Object.keys(PRESETS);
  return name === "" || names.includes(name) ? null : `--tools ${name} must be one of ${names.join(", ")}.`;
}

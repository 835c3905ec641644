/** Checks values of setting flags. In a file or variable a wrong value is replaced by the default; here it is an error. */
import { settingsSchema } from "../../config/schema.ts";
import { asName, asNames, asPlace, asReason, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Invocation } from "./parse.ts";
import { SETTING_FLAGS } from "./setting-flags.ts";

/** What is wrong with the first flag that has an invalid value; null when all values are valid. */
export async function checkFlags({ settings }: Pick<Invocation, "settings">): Promise<Sentence | null> {
  for (const [flag, { setting }] of SETTING_FLAGS) {
    const given = settings[flag];
    if (given === undefined) continue;
    const complaint = settingsSchema.shape[setting].safeParse(given).error?.issues[0]?.message;
    if (complaint) return sentence`${asPlace(`--${flag}`)} ${asName(given)} ${asReason(complaint)}.`;
  }
  const { tools } = settings;
  return tools === undefined ? null : wrongPreset(tools.trim());
}

async function wrongPreset(name: string): Promise<Sentence | null> {
  const { PRESETS } = await import("../../tools/index.ts");
  const names = Object.keys(PRESETS);
  return name === "" || names.includes(name)
    ? null
    : sentence`--tools ${asName(name)} must be one of ${asNames(names)}.`;
}
